"""Definitions are refused, named and served as a real API server does it."""

import json
from typing import Any

import pytest

from deploy import crds as ours
from gotk.apiserver.builtin import served
from gotk.apiserver.resources import crds, establish
from gotk.apiserver.resources.registry import Registry
from tests.gotk.apiserver import answers

NOW = "2026-11-21T02:23:58Z"


def definition(schema: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    raw = {"type": "object", "properties": {"spec": schema}} if schema else {"type": "object"}
    return {
        "metadata": {"name": "foos.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Foo", "plural": "foos"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": raw}}],
            **spec,
        },
    }


@pytest.mark.parametrize("crd", [*ours.load(), answers.CRD], ids=lambda crd: crd["metadata"]["name"])
def test_a_sound_definition_is_accepted(crd: dict[str, Any]) -> None:
    assert crds.validate(crd) == []
    assert crds.validate(crd, crd) == []


ROOT = "spec.versions[0].schema.openAPIV3Schema"
FIELD = f"{ROOT}.properties[spec]"
UNSOUND: dict[str, tuple[dict[str, Any], str]] = {
    "a field without a type": (
        {"description": "x"},
        f"{FIELD}.type: Required value: must not be empty for specified object fields",
    ),
    "a list without items": ({"type": "array"}, f"{FIELD}.items: Required value: must be specified"),
    "properties beside a map": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
        f"{FIELD}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
    ),
    "keys that may be missing": (
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        (
            f"{FIELD}.items.properties[name].default: Required value: this property is in "
            "x-kubernetes-list-map-keys, so "
            "it must have a default or be a required property"
        ),
    ),
    "a keyed list without keys": (
        {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}},
        f"{FIELD}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
    ),
    "a set of maps": (
        {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}},
        (
            f"{FIELD}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with "
            "x-kubernetes-list-type=set"
        ),
    ),
    "a reference": ({"type": "object", "$ref": "#/x"}, f"{FIELD}.$ref: Forbidden: $ref is not supported"),
    "a default of the wrong type": (
        {"type": "integer", "default": "x"},
        f'{FIELD}.default: Invalid value: "string": {FIELD}.default in body must be of type integer: "string"',
    ),
    "a type inside anyOf": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"type": "object"}]},
        f"{FIELD}.anyOf[0].type: Forbidden: must be empty to be structural",
    ),
    "a field only inside anyOf": (
        {"type": "object", "anyOf": [{"properties": {"a": {"minLength": 1}}}]},
        f"{FIELD}.properties[a]: Required value: because it is defined in {FIELD}.anyOf[0].properties[a]",
    ),
    "a type that is none": (
        {"type": "text"},
        (
            f'{FIELD}.type: Unsupported value: "text": supported values: '
            '"array", "boolean", "integer", "number", "object", "string"'
        ),
    ),
}


@pytest.mark.parametrize(("schema", "expected"), UNSOUND.values(), ids=UNSOUND.keys())
def test_a_schema_that_is_not_structural_is_refused(schema: dict[str, Any], expected: str) -> None:
    assert [str(c) for c in crds.validate(definition(schema))] == [expected]


def test_int_or_string_may_say_so_in_any_of() -> None:
    schema = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert crds.validate(definition(schema)) == []


HEADS: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"names": {"kind": "Foo", "plural": "bars"}}, "metadata.name"),
    "no scope": ({"scope": ""}, "spec.scope"),
    "a webhook": ({"conversion": {"strategy": "Webhook"}}, "spec.conversion.strategy"),
    "no version": ({"versions": []}, "spec.versions"),
    "no kind": ({"names": {"plural": "foos"}}, "spec.names.kind"),
}


@pytest.mark.parametrize(("spec", "field"), HEADS.values(), ids=HEADS.keys())
def test_a_head_that_is_wrong_is_refused(spec: dict[str, Any], field: str) -> None:
    assert [c.field for c in crds.validate(definition(**spec))] == [field]


def test_what_names_a_kind_never_changes() -> None:
    assert [c.field for c in crds.validate(definition(scope="Cluster"), definition())] == ["spec.scope"]


def test_a_new_definition_is_established_in_two_steps() -> None:
    crd = {**answers.CRD, "spec": answers.answer("crd create")["spec"]}
    assert establish.initial(crd) == answers.answer("crd create")["status"]
    status = establish.established({**crd, "status": establish.initial(crd)}, [], NOW)
    expected = answers.answer("crd get")["status"]
    for condition in expected["conditions"]:
        condition["lastTransitionTime"] = NOW
    assert status == expected
    assert establish.is_established({**crd, "status": status})


def test_a_name_that_is_taken_keeps_a_definition_from_being_served() -> None:
    first = definition()
    first["status"] = establish.established(first, [], NOW)
    second = definition(names={"kind": "Foo", "plural": "others"})
    second["metadata"]["name"] = "others.example.com"
    status = establish.established(second, [first], NOW)
    conditions = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert conditions == {"NamesAccepted": ("False", "KindConflict"), "Established": ("False", "NotAccepted")}
    assert not establish.is_established({**second, "status": status})


def test_a_stored_version_stays_known_after_it_stopped_being_stored() -> None:
    crd = definition()
    crd["status"] = establish.established(crd, [], NOW)
    moved = json.loads(json.dumps(crd))
    moved["spec"]["versions"][0] |= {"name": "v2"}
    assert establish.established(moved, [crd], NOW)["storedVersions"] == ["v1", "v2"]


def test_every_served_version_is_a_resource_and_all_share_a_store() -> None:
    registry = Registry(served.RESOURCES)
    generation = registry.generation
    for crd in ours.load():
        registry.set_crd(crd)
    assert registry.generation > generation
    found = [registry.lookup("image.toolkit.fluxcd.io", v, "imagepolicies") for v in ("v1", "v1beta2", "v1beta1")]
    assert {r.storage for r in found if r} == {"imagepolicies.image.toolkit.fluxcd.io"}
    assert [bool(r.deprecation) for r in found if r] == [False, True, True]
    registry.remove_crd("imagepolicies.image.toolkit.fluxcd.io")
    assert registry.lookup("image.toolkit.fluxcd.io", "v1", "imagepolicies") is None
    assert registry.lookup("image.toolkit.fluxcd.io", "v1", "imagerepositories") is not None


def test_old_fields_of_old_versions_are_taken_with_a_warning_that_names_what_replaced_them() -> None:
    crd = next(c for c in ours.load() if c["spec"]["names"]["kind"] == "Kustomization")
    new, *older = crds.resources(crd)
    spec = {"validation": "client", "patchesStrategicMerge": [{"kind": "Deployment", "spec": {"replicas": 1}}]}
    for resource in older:
        assert resource.deprecation is not None
        assert resource.deprecation.endswith(
            "its patchesStrategicMerge and patchesJson6902 are not applied: move them to patches"
        )
        assert len(resource.deprecation) <= 256, "more than the API server takes"
        assert resource.schema is not None
        assert resource.schema.prune({"spec": json.loads(json.dumps(spec))}) == []
    assert new.schema is not None
    assert new.schema.prune({"spec": spec}) == ["spec.patchesStrategicMerge", "spec.validation"]


def test_what_old_releases_had_is_kept() -> None:
    crd = next(c for c in ours.load() if c["spec"]["names"]["kind"] == "HelmRelease")
    kustomize = {"patchesStrategicMerge": [{"kind": "Deployment", "spec": {"replicas": 1}}], "patchesJson6902": []}
    spec = {"chart": {"spec": {"valuesFile": "prod.yaml"}}, "postRenderers": [{"kustomize": kustomize}]}
    for resource in crds.resources(crd):
        assert resource.schema is not None
        assert resource.schema.prune({"spec": json.loads(json.dumps(spec))}) == []
