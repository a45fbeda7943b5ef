"""Which value came from where."""

from typing import Any

from deploy.helm.values import compose, places
from deploy.helm.values.places import Place
from tests.deploy.helm.objects import Objects, config_map, helm_release, secret

DEFAULTS = "ConfigMap/values (values.yaml)"
TOKEN = "Secret/values (token)"


async def found(spec: dict[str, Any], defaults: str = "", token: str = "") -> list[Place]:
    objects = Objects([config_map(**{"values.yaml": defaults}), secret(token=token)])
    composed = await compose.trace(helm_release(spec), client=objects)
    return places.places(composed, spec.get("values", {}))


def taken(**into: Any) -> dict[str, Any]:
    references = [{"kind": "ConfigMap", "name": "values"}]
    if path := into.pop("path", ""):
        references.append({"kind": "Secret", "name": "values", "valuesKey": "token", "targetPath": path})
    return {"valuesFrom": references, **into}


async def test_every_place_names_who_gave_it_and_who_was_overruled() -> None:
    spec = taken(values={"image": {"tag": "v2"}}, path="auth.token")
    assert await found(spec, "image: {tag: v1, name: web}\nlist: [1]\n", "hush") == [
        Place("auth.token", TOKEN),
        Place("image.name", DEFAULTS),
        Place("image.tag", places.INLINE, (DEFAULTS,)),
        Place("list", DEFAULTS),
    ]


async def test_a_path_loses_and_wins_as_flux_has_it() -> None:
    lost = await found(taken(values={"top": 1}, path="top"), "", "2")
    assert lost == [Place("top", places.INLINE, (TOKEN,))]
    won = await found(taken(values={"only": {"here": 1}}, path="only.here"), "", "2")
    assert won == [Place("only.here", TOKEN, (places.INLINE,))]


async def test_a_list_that_a_path_has_changed_has_two_makers() -> None:
    assert await found(taken(path="hosts[1]"), "hosts: [a, b]\n", "c") == [Place("hosts", f"{DEFAULTS} and {TOKEN}")]


async def test_dots_in_keys_are_spelt_as_set_spells_them_and_empty_maps_are_places() -> None:
    assert await found(taken(), "notes: {a.b: 1}\nempty: {}\n") == [
        Place("empty", DEFAULTS),
        Place("notes.a\\.b", DEFAULTS),
    ]


async def test_no_values_have_no_places() -> None:
    assert await found({}) == []
