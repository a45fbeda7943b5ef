"""Absent fields of built-in kinds stand for what upstream's defaults.go says, explicit zeros included."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gotk.apiserver.builtin import defaults, served
from tests.gotk.apiserver.wire import test_protobuf
from tests.laws import thorough

BY_KIND = {(r.api_version, r.kind): r for r in served.RESOURCES}
GOLDEN = json.loads(gzip.decompress((Path(test_protobuf.__file__).parent / "protobuf-golden.json.gz").read_bytes()))
FULL = [each["json"] for each in GOLDEN.values() if (each["json"]["apiVersion"], each["json"]["kind"]) in BY_KIND]
POD = {"containers": [{"name": "a", "image": "x:1"}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
TABLES = yaml.safe_load((Path(__file__).parent / "defaults.yaml").read_text())


def filled(kind: str, **parts: Any) -> Any:
    api_version, _, name = kind.rpartition("/")
    obj = {"apiVersion": api_version, "kind": name, **json.loads(json.dumps(parts))}
    schema = BY_KIND[api_version, name].schema
    assert schema is not None
    schema.drop_nulls(obj)
    defaults.apply_defaults(obj, schema.node)
    return obj


@pytest.mark.parametrize("row", TABLES["specs"], ids=lambda row: f"{row['kind']} {row['given']}"[:80])
def test_a_spec_gets_its_defaults(row: Any) -> None:
    spec = filled(row["kind"], spec=row["given"])["spec"]
    exact = row["kind"] == "v1/Service"  # here what is not there counts too
    assert (spec if exact else {name: spec[name] for name in row["found"]}) == row["found"]


@pytest.mark.parametrize("row", TABLES["objects"], ids=lambda row: row["kind"])
def test_kinds_without_a_spec_get_theirs(row: Any) -> None:
    obj = filled(row["kind"], **row["given"])
    assert {name: obj[name] for name in row["found"]} == row["found"]


@pytest.mark.parametrize("row", TABLES["pods"], ids=lambda row: str(row["given"])[:60])
@pytest.mark.parametrize("kind", ["apps/v1/Deployment", "apps/v1/DaemonSet", "batch/v1/Job", "v1/Pod"])
def test_pods_get_theirs_wherever_they_are(kind: str, row: Any) -> None:
    spec = {**POD, **row["given"]}
    obj = filled(kind, spec=spec if kind == "v1/Pod" else {"template": {"spec": spec}})
    pod = obj["spec"] if kind == "v1/Pod" else obj["spec"]["template"]["spec"]
    assert {name: pod[name] for name in row["found"]} == row["found"]


@pytest.mark.parametrize("row", TABLES["containers"], ids=lambda row: str(row["given"])[:60])
@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_containers_get_theirs(place: str, row: Any) -> None:
    container = {"name": "b", "image": "x:1", **row["given"]}
    obj = filled("batch/v1/CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": {place: [container]}}}}})
    seen = obj["spec"]["jobTemplate"]["spec"]["template"]["spec"][place][0]
    assert {name: seen[name] for name in row["found"]} == row["found"]


def test_only_a_pod_itself_asks_for_what_it_may_use_at_most() -> None:
    resources = {"limits": {"cpu": "1", "memory": "2"}, "requests": {"cpu": "0"}}
    spec = {"containers": [{"name": "a", "resources": resources}]}
    pod = filled("v1/Pod", spec=spec)["spec"]
    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "0", "memory": "2"}
    assert pod["enableServiceLinks"] is True
    template = filled("apps/v1/Deployment", spec={"template": {"spec": spec}})["spec"]["template"]["spec"]
    assert template["containers"][0]["resources"]["requests"] == {"cpu": "0"}
    assert "enableServiceLinks" not in template


def test_a_controller_of_old_takes_labels_and_selector_from_its_template() -> None:
    obj = filled("v1/ReplicationController", metadata={"name": "a"}, spec={"template": TEMPLATE})
    assert (obj["spec"]["selector"], obj["metadata"]["labels"], obj["spec"]["replicas"]) == ({"a": "b"}, {"a": "b"}, 1)
    job = filled("batch/v1/Job", metadata={"name": "a"}, spec={"template": TEMPLATE})
    assert job["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("obj", FULL, ids=lambda obj: f"{obj['apiVersion']}-{obj['kind']}")
def test_filling_full_objects_twice_is_filling_once(obj: Any) -> None:
    schema = BY_KIND[obj["apiVersion"], obj["kind"]].schema
    assert schema is not None
    once = json.loads(json.dumps(obj))
    defaults.apply_defaults(once, schema.node)
    text = json.dumps(once)
    defaults.apply_defaults(once, schema.node)
    assert json.dumps(once) == text


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inner for found in [(*path, key), *places(each, (*path, key))]]


PLACES = [(full, [way for way in places(full) if way[0] not in {"apiVersion", "kind"}]) for full in FULL]


@thorough(500)
@given(st.data())
def test_null_is_absent_anywhere_in_a_built_in_kind(data: st.DataObject) -> None:
    """Go reads null as the zero of any type; no null is left, and the schema has nothing against what is."""
    full, ways = data.draw(st.sampled_from(PLACES))
    obj = json.loads(json.dumps(full))
    *way, last = data.draw(st.sampled_from(ways))
    inner = obj
    for step in way:
        inner = inner[step]
    inner[last] = None
    schema = BY_KIND[obj["apiVersion"], obj["kind"]].schema
    assert schema is not None
    before = {cause.field for cause in schema.validate(json.loads(json.dumps(obj)))}
    schema.drop_nulls(obj)
    opaque = {"openAPIV3Schema", "data", "items", "default", "example", "raw", "fieldsV1", "parameters"}
    assert not any(True for p in nulls(obj) if not opaque & set(map(str, p)))
    wrong = {cause.field for cause in schema.validate(obj) if "Required" not in cause.message}
    assert not wrong - before


def nulls(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if value is None:
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inner for found in nulls(each, (*path, key))]
