"""Objects are pruned, defaulted and refused as a real API server does it."""

import json
from typing import Any

import pytest

from deploy import crds as ours
from gotk.apiserver import admission, cause
from gotk.apiserver.resources import crds
from gotk.apiserver.schema import cel_rules
from gotk.apiserver.schema.kind_schema import Schema
from tests.gotk.apiserver import answers

(POLICY,) = crds.resources(answers.CRD)


def prepared(schema: Schema, obj: dict[str, Any]) -> dict[str, Any]:
    schema.prune(obj)
    schema.drop_nulls(obj)
    schema.default(obj)
    return obj


def refusal(obj: dict[str, Any]) -> list[dict[str, str]]:
    assert POLICY.schema is not None
    found = POLICY.schema.validate_scale(obj, "spec.replicas")
    causes = POLICY.schema.validate(prepared(POLICY.schema, obj))
    if found:  # upstream checks the scale between the schema and the rules
        causes = [
            *[c for c in causes if c != cel_rules.UNCHECKED],
            *found,
            *[c for c in causes if c == cel_rules.UNCHECKED],
        ]
    return [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]


@pytest.mark.parametrize(
    "step",
    [
        "enum", "missing req", "two errs", "wrong type", "pattern", "cel", "bad date", "dup list keys", "set dup",
    ],
)  # fmt: skip
def test_an_invalid_object_is_refused_in_upstreams_words(step: str) -> None:
    answer = answers.answer(step)
    causes = refusal(answers.body(step))
    assert causes == answer["details"]["causes"]
    text = cause.aggregate(cause.Cause(**c) for c in causes)
    assert answer["message"].endswith(f" is invalid: {text}")


@pytest.mark.parametrize("step", ["create", "unknown warn", "int-or-string ok", "nullable", "generateName"])
def test_a_valid_object_becomes_what_upstream_stores(step: str) -> None:
    assert POLICY.schema is not None
    obj = prepared(POLICY.schema, answers.body(step))
    assert obj["spec"] == answers.answer(step)["spec"]
    assert POLICY.schema.validate(obj) == []


def test_unknown_fields_are_named_by_their_paths() -> None:
    assert POLICY.schema is not None
    obj = answers.body("unknown warn")
    obj["spec"]["ports"] = [{"name": "a", "nope": 1}]
    obj["metadata"]["mistake"] = 1
    assert POLICY.schema.prune(obj) == ["metadata.mistake", "spec.ports[0].nope", "spec.zz", "top"]


def test_a_status_is_checked_on_its_own() -> None:
    assert POLICY.schema is not None
    obj = {**answers.body("create"), "status": {"replicas": "x"}}
    first, *rest = POLICY.schema.validate(obj, subresource="status")
    scale = POLICY.schema.validate_scale(obj, "status.replicas")
    found = [{"reason": c.reason, "message": c.message, "field": c.field} for c in (first, *scale, *rest)]
    assert found == answers.answer("status put bad")["details"]["causes"]


def test_what_was_found_before_comes_first_and_may_block_the_rules() -> None:
    assert POLICY.schema is not None
    name = cause.required("metadata.name", "name or generateName is required")
    causes = POLICY.schema.validate(prepared(POLICY.schema, answers.body("no name")), found=[name])
    found = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    assert found == answers.answer("no name")["details"]["causes"]


def test_what_has_not_changed_is_not_checked_again() -> None:
    assert POLICY.schema is not None
    old = prepared(POLICY.schema, answers.body("create"))
    old["spec"] |= {"color": "green", "interval": "", "pat": "bbbb"}
    new = json.loads(json.dumps(old)) | {"metadata": {"name": "a", "labels": {"x": "y"}}}
    assert POLICY.schema.validate(new, old) == []
    new["spec"]["color"] = "blue"
    new["spec"]["when"] = "soon"
    assert [c.field for c in POLICY.schema.validate(new, old)] == ["spec.when", "<nil>"]


SCHEMAS: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "minimum items": (
        {"type": "array", "minItems": 2, "items": {"type": "string"}},
        ["a"],
        ["spec.v: Invalid value: 1: spec.v in body should have at least 2 items"],
    ),
    "maximum items": (
        {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        ["a", "b"],
        ["spec.v: Too many: 2: must have at most 1 item"],
    ),
    "one of none": (
        {"type": "string", "oneOf": [{"enum": ["a"]}, {"enum": ["b"]}]},
        "c",
        ['spec.v: Invalid value: "": "spec.v" must validate one and only one schema (oneOf). Found none valid'],
    ),
    "any of none": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
        {},
        ['spec.v: Invalid value: "": "spec.v" must validate at least one schema (anyOf)'],
    ),
    "not": (
        {"type": "string", "not": {"enum": ["c"]}},
        "c",
        ['spec.v: Invalid value: "": "spec.v" must not validate the schema (not)'],
    ),
    "exclusive bounds": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
        1,
        ["spec.v: Invalid value: 1: spec.v in body should be greater than 1"],
    ),
    "multiples": (
        {"type": "integer", "multipleOf": 5},
        7,
        ["spec.v: Invalid value: 7: spec.v in body should be a multiple of 5"],
    ),
    "a pattern": (
        {"type": "string", "pattern": "^a+$"},
        "b",
        ["spec.v: Invalid value: \"b\": spec.v in body should match '^a+$'"],
    ),
    "too short": (
        {"type": "string", "minLength": 1},
        "",
        ['spec.v: Invalid value: "": spec.v in body should be at least 1 chars long'],
    ),
    "an item of a list": (
        {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        [{"n": 1}, {"n": "x"}],
        ['spec.v[1].n: Invalid value: "string": spec.v[1].n in body must be of type integer: "string"'],
    ),
    "a value of a map": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"k": True},
        ['spec.v.k: Invalid value: "boolean": spec.v.k in body must be of type string: "boolean"'],
    ),
    "int or string": (
        {"x-kubernetes-int-or-string": True},
        True,
        ['spec.v: Invalid value: "boolean": spec.v in body must be of type integer,string: "boolean"'],
    ),
    "a float that is whole": ({"type": "integer"}, 3.0, []),
    "null where it may be": ({"type": "string", "nullable": True}, None, []),
}


@pytest.mark.parametrize(("schema", "value", "expected"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_every_constraint_has_its_wording(schema: dict[str, Any], value: Any, expected: list[str]) -> None:
    spec = {"type": "object", "properties": {"v": schema}}
    full = Schema({"type": "object", "properties": {"spec": spec}})
    assert [str(c) for c in full.validate({"spec": {"v": value}})] == expected


RULES: dict[str, tuple[dict[str, Any], Any, Any, list[str]]] = {
    "a message": ({"rule": "self > 1", "message": "too small"}, 1, None, ["spec.v: Invalid value: too small"]),
    "no message": ({"rule": "self > 1"}, 1, None, ["spec.v: Invalid value: failed rule: self > 1"]),
    "a computed message": (
        {"rule": "self > 1", "messageExpression": "'is ' + string(self)"},
        1,
        None,
        ["spec.v: Invalid value: is 1"],
    ),
    "a transition without a former value": ({"rule": "self == oldSelf", "message": "fixed"}, 1, None, []),
    "a transition": ({"rule": "self == oldSelf", "message": "fixed"}, 1, 2, ["spec.v: Invalid value: fixed"]),
    "a reason": (
        {"rule": "false", "message": "no", "reason": "FieldValueForbidden"},
        1,
        None,
        ["spec.v: Forbidden: no"],
    ),
    "a function of Kubernetes": ({"rule": "[self, 2].isSorted() && [1, self].sum() == 2"}, 1, None, []),
    "a function that is not there": ({"rule": "quantity(self).isInteger()"}, 1, None, []),
    "a former value that may be absent": ({"rule": "oldSelf.orValue(1) == 2", "optionalOldSelf": True}, 1, None, []),
    "a rule that fails": (
        {"rule": "self.nope"},
        1,
        None,
        ["spec.v: Invalid value: rule evaluation error: UNKNOWN: Applying SELECT to non-message type"],
    ),
}


@pytest.mark.parametrize(("rule", "value", "old", "expected"), RULES.values(), ids=RULES.keys())
def test_rules_are_looked_at(rule: dict[str, Any], value: Any, old: Any, expected: list[str]) -> None:
    spec = {"type": "object", "properties": {"v": {"type": "integer", "x-kubernetes-validations": [rule]}}}
    full = Schema({"type": "object", "properties": {"spec": spec}})
    former = None if old is None else {"spec": {"v": old}}
    found = [str(c) for c in full.validate({"spec": {"v": value}}, former)]
    assert [f[:40] for f in found] == [e[:40] for e in expected]


OWN = {crd["spec"]["names"]["kind"]: crds.resources(crd)[0] for crd in ours.load()}
CLAIMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "an interval without Always": (
        "ImagePolicy",
        {"imageRepositoryRef": {"name": "r"}, "policy": {}, "interval": "1m"},
        "spec: Invalid value: spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "Always without an interval": (
        "ImagePolicy",
        {"imageRepositoryRef": {"name": "r"}, "policy": {}, "digestReflectionPolicy": "Always"},
        "spec: Invalid value: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "a service account without a cloud": (
        "GitRepository",
        {"url": "https://x/y", "interval": "1m", "serviceAccountName": "a"},
        "spec: Invalid value: serviceAccountName can only be set when provider is 'azure' or 'aws'",
    ),
    "two clusters": (
        "Kustomization",
        {
            "interval": "1m",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "a"},
            "kubeConfig": {"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}},
        },
        (
            "spec.kubeConfig: Invalid value: exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef "
            "must be specified"
        ),
    ),
}


@pytest.mark.parametrize(("kind", "spec", "expected"), CLAIMS.values(), ids=CLAIMS.keys())
def test_the_rules_of_our_kinds_hold(kind: str, spec: dict[str, Any], expected: str) -> None:
    schema = OWN[kind].schema
    assert schema is not None
    obj = prepared(schema, {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec})
    assert [str(c) for c in schema.validate(obj)] == [expected]
    assert obj["status"] == {"observedGeneration": -1}


GOOD_POLICY: dict[str, Any] = {"imageRepositoryRef": {"name": "a"}, "policy": {"semver": {"range": "*"}}}


def test_an_object_begins_with_the_defaults_of_its_status() -> None:
    policy = OWN["ImagePolicy"]
    obj = {"apiVersion": policy.api_version, "kind": "ImagePolicy", "metadata": {"name": "a"}, "spec": GOOD_POLICY}
    admission.begin(policy, obj, "default", "2026-01-01T00:00:00Z")
    assert obj["status"] == {"observedGeneration": -1}
    cleared = admission.settle(policy, obj, {**obj, "status": None}, "status")
    assert cleared["status"] == {"observedGeneration": -1}
