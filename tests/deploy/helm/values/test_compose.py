"""Values of a release: what references give, in order, and inline values over them."""

from typing import Any

import pytest

from deploy.helm.values import compose
from deploy.helm.values.compose import Origin, ValuesError
from gotk.api.meta import Object
from tests.deploy.helm.objects import Objects, config_map, helm_release, secret

CONFIG = {"kind": "ConfigMap", "name": "values"}
SECRET = {"kind": "Secret", "name": "values"}


async def composed(spec: dict[str, Any], *objects: Object) -> dict[str, Any]:
    return await compose.compose(helm_release(spec), client=Objects(objects))


async def test_no_values_are_none() -> None:
    assert await composed({}) == {}


async def test_later_references_win_and_inline_values_win_over_all() -> None:
    spec = {
        "valuesFrom": [CONFIG, {"kind": "Secret", "name": "values", "valuesKey": "more"}],
        "values": {"image": {"tag": "v3"}, "list": [9]},
    }
    first = config_map(**{"values.yaml": "image: {tag: v1, name: web, pull: Always}\nlist: [1, 2]\nkept: yes\n"})
    second = secret(more="image: {tag: v2, pull: Never}\n")
    expected = {"image": {"tag": "v3", "name": "web", "pull": "Never"}, "list": [9], "kept": True}
    assert await composed(spec, first, second) == expected


async def test_null_is_a_value() -> None:
    spec = {"valuesFrom": [CONFIG], "values": {"a": None, "b": {"c": None}}}
    found = await composed(spec, config_map(**{"values.yaml": "a: {x: 1}\nb: {c: 1, d: null}\n"}))
    assert found == {"a": None, "b": {"c": None, "d": None}}


async def test_a_path_takes_single_values_into_maps_and_lists() -> None:
    data = {
        "limits": "resources: {limits: {cpu: 200m, memory: 128Mi}}\n",
        "limits.cpu": "400m",
        "hosts": "{a,b,c}",
        "host": "d",
        "note": "demo",
    }
    references = [
        CONFIG | {"valuesKey": "limits"},
        CONFIG | {"valuesKey": "limits.cpu", "targetPath": "resources.limits.cpu"},
        CONFIG | {"valuesKey": "hosts", "targetPath": "ingress.hosts"},
        CONFIG | {"valuesKey": "host", "targetPath": "ingress.hosts[2]"},
        CONFIG | {"valuesKey": "note", "targetPath": r"annotations.some\.example\.com\/env"},
        SECRET,
    ]
    spec = {"valuesFrom": references, "values": {"replicas": 2}}
    found = await composed(spec, config_map(**data), secret(**{"values.yaml": "account: {enabled: true}\n"}))
    assert found == {
        "resources": {"limits": {"cpu": "400m", "memory": "128Mi"}},
        "ingress": {"hosts": ["a", "b", "d"]},
        "annotations": {"some.example.com/env": "demo"},
        "account": {"enabled": True},
        "replicas": 2,
    }


PATHS = [
    ("7", False, 7),
    ("true", False, True),
    ("null", False, None),
    ("'7'", False, "7"),
    ('"true"', False, "true"),
    ("'", False, ""),
    ("v1\n", False, "v1\n"),
    ("7", True, "7"),
    ("{a,b}", True, "{a,b}"),
    (r"a,b=[c]\n", True, r"a,b=[c]\n"),
    ("'7'", True, "'7'"),
]


@pytest.mark.parametrize(("text", "literal", "expected"), PATHS)
async def test_a_value_at_a_path_is_typed_unless_it_is_quoted_or_literal(
    text: str,
    literal: bool,
    expected: Any,
) -> None:
    spec = {"valuesFrom": [CONFIG | {"valuesKey": "k", "targetPath": "a.b", "literal": literal}]}
    found = (await composed(spec, config_map(k=text)))["a"]["b"]
    assert (type(found), found) == (type(expected), expected)


MERGED_ONCE_MORE: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("a path inside of a map that only inline values have wins", [], {"m": {"x": 0}}, {"m": {"x": 1}}),
    ("it loses where a reference gave the map too", [CONFIG], {"m": {"x": 0}}, {"m": {"x": 0, "w": 2}}),
    ("it wins where inline values do not set it", [CONFIG], {"m": {"z": 0}}, {"m": {"x": 1, "w": 2, "z": 0}}),
]


@pytest.mark.parametrize(
    ("before", "inline", "expected"), [row[1:] for row in MERGED_ONCE_MORE], ids=[row[0] for row in MERGED_ONCE_MORE]
)
async def test_inline_values_are_merged_once_more(before: list[Any], inline: dict[str, Any], expected: Any) -> None:
    spec = {"valuesFrom": [*before, CONFIG | {"valuesKey": "k", "targetPath": "m.x"}], "values": inline}
    assert await composed(spec, config_map(**{"values.yaml": "m: {w: 2}\n", "k": "1"})) == expected


async def test_a_path_at_the_top_loses_to_an_inline_value() -> None:
    spec = {"valuesFrom": [CONFIG | {"valuesKey": "k", "targetPath": "top"}], "values": {"top": "inline"}}
    assert await composed(spec, config_map(k="1")) == {"top": "inline"}


async def test_the_object_keeps_its_values() -> None:
    obj = helm_release({"valuesFrom": [CONFIG | {"valuesKey": "k", "targetPath": "m.x"}], "values": {"m": {"x": 0}}})
    await compose.compose(obj, client=Objects([config_map(k="1")]))
    assert obj.spec.values == {"m": {"x": 0}}


async def test_a_path_changes_one_use_of_an_alias() -> None:
    references = [CONFIG, CONFIG | {"valuesKey": "k", "targetPath": "a.x"}]
    given = config_map(**{"values.yaml": "a: &a {x: 0}\nb: *a\n", "k": "1"})
    assert await composed({"valuesFrom": references}, given) == {"a": {"x": 1}, "b": {"x": 0}}


async def test_what_is_optional_may_be_missing() -> None:
    missing = {"kind": "Secret", "name": "none", "optional": True}
    spec = {"valuesFrom": [missing, CONFIG | {"valuesKey": "none", "optional": True}, CONFIG]}
    assert await composed(spec, config_map(**{"values.yaml": "a: 1\n"})) == {"a": 1}


FAILURES: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "Secret", "name": "none"},
        "could not resolve Secret chart values reference 'apps/none' with key 'values.yaml': resource not found",
    ),
    (
        {"valuesKey": "none"},
        "could not resolve ConfigMap chart values reference 'apps/values' with key 'none': key not found",
    ),
    (
        {"valuesKey": "list"},
        "failed to read values data: it is not a map; set targetPath to put a single value into place",
    ),
    (
        {"valuesKey": "torn", "optional": True},
        (
            "could not resolve optional ConfigMap chart values reference 'apps/values' with key 'torn': "
            "failed to read values data: line 2: "
        ),
    ),
    (
        {"valuesKey": "comma", "targetPath": "a.b"},
        "failed to merge value at 'a.b': a key has no value; if the value is plain text, set literal: true",
    ),
    (
        {"valuesKey": "deep", "targetPath": "a.b"},
        "failed to merge value at 'a.b': more than 100 lists are nested",
    ),
    (
        {"kind": "Secret", "name": "shut"},
        (
            "could not resolve Secret chart values reference 'apps/shut' with key 'values.yaml': "
            'Secret "shut" is forbidden'
        ),
    ),
]


@pytest.mark.parametrize(("reference", "message"), FAILURES)
async def test_what_cannot_be_resolved_is_named(reference: dict[str, Any], message: str) -> None:
    data = {"list": "[hunter]", "torn": "{hunter", "comma": "hunter,hunter", "deep": "x,c" + "[0].d" * 200 + "=x"}
    client = Objects([config_map(**data)], refuse=["shut"])
    with pytest.raises(ValuesError) as raised:
        await compose.compose(helm_release({"valuesFrom": [CONFIG | reference]}), client=client)
    assert message in str(raised.value)
    assert "hunter" not in str(raised.value)


async def test_values_without_a_bottom_are_refused() -> None:
    values: dict[str, Any] = {}
    for _ in range(500):
        values = {"a": values}
    with pytest.raises(ValuesError, match=r"spec\.values: nested deeper than 100 levels"):
        await composed({"values": values})


async def test_where_values_come_from_is_told_and_what_is_secret() -> None:
    references = [
        CONFIG,
        SECRET | {"valuesKey": "k", "targetPath": "db.password"},
        SECRET,
        {"kind": "Secret", "name": "none", "optional": True},
    ]
    objects = [config_map(**{"values.yaml": "a: open\n"}), secret(k="7", **{"values.yaml": "b: [hunter, {c: two}]\n"})]
    trace = await compose.trace(helm_release({"valuesFrom": references}), client=Objects(objects))
    assert trace.origins == (
        Origin("ConfigMap", "values", "values.yaml", ("a",)),
        Origin("Secret", "values", "k", ("db.password",)),
        Origin("Secret", "values", "values.yaml", ("b",)),
        Origin("Secret", "none", "values.yaml", missing="resource not found"),
    )
    assert trace.hidden == ("7", "hunter", "two")
    assert "hunter" not in repr(trace)
