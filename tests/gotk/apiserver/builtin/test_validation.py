"""Built-in kinds are refused where upstream refuses them, in its words; of an update only what it brings in."""

import base64
import io
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gotk.apiserver import ControlPlane
from gotk.apiserver.apply import patches
from gotk.apiserver.builtin import defaults, served, validation
from gotk.apiserver.builtin.validation import data
from tests.gotk.apiserver.caller import APPLY, MERGE, Answer, Caller

BY_KIND = {(r.api_version, r.kind): r for r in served.RESOURCES}
KINDS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())
ROWS = [(kind["object"], row) for kind in KINDS for row in kind["refuses"]]
GOOD = [(kind["object"], change) for kind in KINDS for change in ({}, *kind["accepts"])]


def path_of(obj: Any) -> str:
    resource = BY_KIND[obj["apiVersion"], obj["kind"]]
    start = f"/{'apis' if resource.group else 'api'}/{obj['apiVersion']}"
    return f"{start}/namespaces/default/{resource.plural}" if resource.namespaced else f"{start}/{resource.plural}"


def said(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cause in answer.body["details"]["causes"]:
        found.setdefault(cause["field"], []).append(cause["message"])
    return {field: messages[0] if len(messages) == 1 else messages for field, messages in found.items()}


@pytest.fixture(scope="module")
def names() -> Any:
    return iter(f"w-{number}" for number in range(10_000))


@pytest.mark.parametrize(("obj", "row"), ROWS, ids=lambda v: str(v.get("kind") or v["change"])[:70])
async def test_what_upstream_refuses_is_refused_in_its_words(api: Caller, obj: Any, row: Any) -> None:
    bad = patches.merge(obj, row["change"])
    answer = await api.post(path_of(obj), bad)
    assert (answer.status, answer.reason) == (422, "Invalid"), answer.body
    assert said(answer) == row["says"]
    applied = await api.patch(f"{path_of(obj)}/w?fieldManager=a", bad, media=APPLY)
    assert applied.status == row.get("apply", 422)
    if applied.status == 422:
        assert said(applied) == row["says"]
    assert (await api.get(f"{path_of(obj)}/w")).status == 404


@pytest.mark.parametrize(("obj", "change"), GOOD, ids=lambda v: str(v)[:60])
async def test_what_upstream_accepts_is_accepted(api: Caller, obj: Any, change: Any) -> None:
    good = patches.merge(obj, change)
    for answer in (
        await api.post(path_of(obj), good),
        await api.patch(f"{path_of(obj)}/w?fieldManager=a&force=true", good, media=APPLY),
    ):
        assert answer.status in {200, 201}, answer.body


async def test_an_update_is_refused_for_what_it_brings_in_and_no_more(plane: ControlPlane, api: Caller) -> None:
    """Objects of a time when less was checked stay editable, and can be taken down."""
    deployment = KINDS[0]["object"]
    await api.post(path_of(deployment), deployment)
    key = plane.store.objects("deployments.apps", "default")[0].key
    old = plane.store.get(key)
    assert old is not None
    obj = old.object()
    obj["spec"]["progressDeadlineSeconds"] = 0
    await plane.store.put(key, obj)
    path = f"{path_of(deployment)}/w"
    assert (await api.patch(path, {"metadata": {"finalizers": ["example.org/a"]}}, media=MERGE)).status == 200
    worse = await api.patch(path, {"spec": {"replicas": -1}}, media=MERGE)
    assert said(worse) == {"spec.replicas": "Invalid value: -1: must be greater than or equal to 0"}
    again = await api.patch(path, {"spec": {"progressDeadlineSeconds": -1}}, media=MERGE)
    assert again.status == 422
    assert (await api.delete(path)).status == 200
    assert (await api.patch(path, {"metadata": {"finalizers": None}}, media=MERGE)).status == 200
    assert (await api.get(path)).status == 404


def test_every_rule_is_of_a_type_that_some_kind_has() -> None:
    from gotk.apiserver.schema import builtin_definitions  # noqa: PLC0415 - only this test looks behind the kinds

    known = {name.removeprefix("io.k8s.api.") for name in builtin_definitions.load()}
    for rules in (validation._RULES, defaults._RULES):
        assert {name.removeprefix(builtin_definitions.PREFIX) for name in rules} <= known


KIB = 1024


@pytest.mark.parametrize(
    ("kind", "field", "encoded"),
    [
        ("ConfigMap", "data", False),
        ("ConfigMap", "binaryData", True),
        ("Secret", "data", True),
        ("Secret", "stringData", False),
    ],
    ids=str,
)
@pytest.mark.parametrize(("size", "status"), [(data.SIZE, 201), (data.SIZE + 1, 422)])
async def test_data_has_a_mebibyte_at_most(
    api: Caller, kind: str, field: str, encoded: bool, size: int, status: int
) -> None:
    half = "é" * (size // 4)  # two bytes each
    values = {"a": half, "b": "x" * (size - len(half.encode()))}
    given = {key: base64.b64encode(value.encode()).decode() if encoded else value for key, value in values.items()}
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "w"}, field: given}
    path = path_of(obj)
    async with api.session.post(
        path, data=io.BytesIO(orjson.dumps(obj)), headers={"Content-Type": "application/json"}
    ) as answer:
        body = await answer.json()
    assert answer.status == status, body
    if status == 422:
        where = "data" if kind == "Secret" else "[]"
        assert body["message"] == f'{kind} "w" is invalid: {where}: Too long: may not be more than 1048576 bytes'
