"""Server-side apply does what a real API server was seen to do, and keeps its laws."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.apiserver.apply import server_side
from gotk.apiserver.resources import crds
from tests.gotk.apiserver import answers

(POLICY,) = crds.resources(answers.CRD)
NOW = "2026-11-21T02:24:02Z"
LATER = "2026-11-21T03:00:00Z"


def patched(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    out = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = patched(out.get(key), value)
    return out


class Object:
    """One stored object, and what the handlers of a real server do around the functions under test."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        request = step["request"]
        query = dict(part.split("=") for part in request["path"].partition("?")[2].split("&") if part)
        subresource = "status" if "/status" in request["path"] else ""
        body = json.loads(json.dumps(request["body"]))
        manager = query.get("fieldManager", "acceptance")
        assert POLICY.schema is not None
        if "apply" in request["contentType"]:
            force = query.get("force") == "true"
            new = server_side.apply(
                self.live, body, manager=manager, force=force, resource=POLICY, subresource=subresource, now=NOW
            )
            POLICY.schema.default(new)
        else:
            assert self.live is not None
            new = patched(self.live, body)
            if body.get("metadata", {}).get("managedFields") is None:
                new["metadata"]["managedFields"] = self.live["metadata"].get("managedFields")
            new = server_side.track_update(
                self.live, new, manager=manager, resource=POLICY, subresource=subresource, now=NOW
            )
        if causes := POLICY.schema.validate(new, self.live, subresource=subresource):
            return {"causes": [(c.reason, c.message, c.field) for c in causes]}
        self.live = json.loads(json.dumps(new))
        return self.live


REPLAYED = [
    step
    for step in answers.STEPS[answers.STEPS.index(answers.BY_NAME["ssa create"]) :]
    if step["request"]["method"] == "PATCH" and "/imagepolicies/s" in step["request"]["path"]
]


def answered(obj: Object, step: dict[str, Any]) -> dict[str, Any]:
    """Send a request and say what came of it in the terms of the recorded answers."""
    try:
        return obj.send(step)
    except server_side.ApplyConflict as conflict:
        return {"message": conflict.message, "details": {"causes": [vars_of(c) for c in conflict.causes]}}
    except (server_side.NotTyped, server_side.ManagedFieldsGiven) as error:
        return {"message": error.message}


def test_a_whole_conversation_ends_as_it_did_upstream() -> None:
    obj = Object()
    compared = []
    for step in REPLAYED:
        name, expected = step["step"], step["response"]["body"]
        if name in {"ssa name mismatch", "ssa rv"}:  # refused before apply looks at them
            continue
        found = answered(obj, step)
        if step["response"]["status"] == 422:
            assert [c[2] for c in found["causes"]] == [c["field"] for c in expected["details"]["causes"]], name
        elif "metadata" in found:
            for part in ("spec", "status"):
                assert found.get(part) == expected.get(part), name
            assert found["metadata"].get("managedFields") == expected["metadata"].get("managedFields"), name
        else:
            assert found["message"] == expected["message"], name
            assert found.get("details") == expected.get("details"), name
        compared.append(name)
    assert len(compared) >= 18


def vars_of(cause: Any) -> dict[str, str]:
    return {"reason": cause.reason, "message": cause.message, "field": cause.field}


def policy(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": POLICY.api_version,
        "kind": POLICY.kind,
        "metadata": {"name": "s"},
        **({"spec": spec} if spec else {}),
    }


def applied(live: dict[str, Any] | None, spec: dict[str, Any], manager: str, *, force: bool = False) -> dict[str, Any]:
    return server_side.apply(
        live, policy(**spec), manager=manager, force=force, resource=POLICY, subresource="", now=NOW
    )


def test_nothing_changed_is_the_live_object_itself() -> None:
    live = applied(None, {"interval": "1m"}, "a")
    again = server_side.apply(
        live, policy(interval="1m"), manager="a", force=False, resource=POLICY, subresource="", now=LATER
    )
    assert again is live


def test_time_moves_with_the_fields_only() -> None:
    live = applied(None, {"interval": "1m"}, "a")
    other = server_side.apply(
        live, policy(color="red"), manager="b", force=False, resource=POLICY, subresource="", now=LATER
    )
    assert {e["manager"]: e["time"] for e in other["metadata"]["managedFields"]} == {"a": NOW, "b": LATER}


def test_an_updater_is_named_with_its_version_in_a_conflict() -> None:
    live = applied(None, {"interval": "1m"}, "a")
    new = json.loads(json.dumps(live))
    new["spec"]["interval"] = "2m"
    live = server_side.track_update(live, new, manager="upd", resource=POLICY, subresource="", now=NOW)
    with pytest.raises(server_side.ApplyConflict) as caught:
        applied(live, {"interval": "3m"}, "a")
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "upd" using image.toolkit.fluxcd.io/v1: .spec.interval'
    )


def test_a_scale_entry_carries_no_time() -> None:
    live = applied(None, {"replicas": 1}, "a")
    new = json.loads(json.dumps(live))
    new["spec"]["replicas"] = 2
    scaled = server_side.track_update(live, new, manager="k", resource=POLICY, subresource="scale", now=NOW)
    (entry,) = [e for e in scaled["metadata"]["managedFields"] if e["manager"] == "k"]
    assert entry["subresource"] == "scale"
    assert "time" not in entry


def test_entries_that_a_client_writes_become_the_base() -> None:
    live = applied(None, {"interval": "1m"}, "before")
    new = json.loads(json.dumps(live))
    new["metadata"]["managedFields"][0]["manager"] = "after"
    tracked = server_side.track_update(live, new, manager="migrator", resource=POLICY, subresource="", now=NOW)
    assert [e["manager"] for e in tracked["metadata"]["managedFields"]] == ["after"]


@pytest.mark.parametrize("given", [None, [], [{"manager": "x", "operation": "Mistake"}], [{"fieldsV1": 3}]])
def test_entries_that_make_no_sense_are_not_taken(given: Any) -> None:
    live = applied(None, {"interval": "1m"}, "a")
    new = json.loads(json.dumps(live))
    new["metadata"]["managedFields"] = given
    tracked = server_side.track_update(live, new, manager="b", resource=POLICY, subresource="", now=NOW)
    assert tracked["metadata"]["managedFields"] == live["metadata"]["managedFields"]


def test_an_applier_keeps_its_entry_when_it_comes_with_another_version() -> None:
    live = applied(None, {"interval": "1m", "color": "red"}, "a")
    live["metadata"]["managedFields"][0]["apiVersion"] = "image.toolkit.fluxcd.io/v1beta2"
    new = applied(live, {"interval": "1m"}, "a")
    assert [e["apiVersion"] for e in new["metadata"]["managedFields"]] == [POLICY.api_version]
    assert new["spec"] == {"interval": "1m"}


def test_too_many_updaters_become_one() -> None:
    live = applied(None, {"interval": "1m"}, "a")
    for number in range(14):
        new = json.loads(json.dumps(live))
        new["spec"].setdefault("opts", {})[f"k{number}"] = "v"
        live = server_side.track_update(
            live, new, manager=f"u{number}", resource=POLICY, subresource="", now=f"2026-01-01T00:00:{number:02}Z"
        )
    updaters = [e["manager"] for e in live["metadata"]["managedFields"] if e["operation"] == "Update"]
    assert updaters == ["ancient-changes", *(f"u{n}" for n in range(5, 14))]


names = st.sampled_from("abcde")
specs = st.fixed_dictionaries(
    {},
    optional={
        "interval": st.sampled_from(["1m", "2m"]),
        "color": st.sampled_from(["red", "blue"]),
        "opts": st.dictionaries(names, st.sampled_from(["x", "y"]), min_size=1),
        "tags": st.lists(names, unique=True, min_size=1),
        "ports": st.lists(
            st.fixed_dictionaries({"name": names}, optional={"port": st.integers(0, 3)}),
            unique_by=lambda port: port["name"],
            min_size=1,
        ),
        "args": st.lists(names),
        "any": st.dictionaries(names, st.dictionaries(names, st.integers(), min_size=1), min_size=1),
    },
)


@given(specs)
def test_applying_twice_is_applying_once(spec: dict[str, Any]) -> None:
    live = applied(None, spec, "a")
    assert applied(live, spec, "a") is live


@given(specs, specs)
def test_what_a_manager_wants_is_there_after_force(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = applied(applied(None, first, "a"), second, "b", force=True)
    assert applied(live, second, "b") is live


@given(specs, specs)
def test_taking_everything_back_leaves_the_others_fields(first: dict[str, Any], second: dict[str, Any]) -> None:
    alone = applied(None, first, "a")
    both = applied(alone, second, "b", force=True)
    back = applied(both, {}, "b")
    mine = [e for e in back["metadata"].get("managedFields", []) if e["manager"] == "b"]
    assert mine == []
    kept = {e["manager"]: e["fieldsV1"] for e in both["metadata"].get("managedFields", []) if e["manager"] == "a"}
    assert {e["manager"]: e["fieldsV1"] for e in back["metadata"].get("managedFields", [])} == kept


def half(spec: dict[str, Any], keep: str) -> dict[str, Any]:
    """Take a part of a spec that has nothing in common with the other part."""
    out = {k: v for k, v in spec.items() if k in {"interval", "args"} and keep == "x"}
    out |= {k: v for k, v in spec.items() if k == "color" and keep == "y"}
    mine = "abc" if keep == "x" else "de"
    for field in ("opts", "any"):
        if picked := {k: v for k, v in spec.get(field, {}).items() if k in mine}:
            out[field] = picked
    if picked_ports := [p for p in spec.get("ports", []) if p["name"] in mine]:
        out["ports"] = picked_ports
    if picked_tags := [tag for tag in spec.get("tags", []) if tag in mine]:
        out["tags"] = picked_tags
    return out


def unordered(obj: dict[str, Any]) -> dict[str, Any]:
    spec = obj.get("spec", {})
    lists = {
        "ports": sorted(spec.get("ports", []), key=lambda port: port["name"]),
        "tags": sorted(spec.get("tags", [])),
    }
    return {**obj, "spec": {**spec, **lists}}


@given(specs, specs)
def test_managers_of_different_fields_commute(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = half(first, "x"), half(second, "y")
    left = applied(applied(None, one, "a"), other, "b")
    right = applied(applied(None, other, "b"), one, "a")
    assert unordered(left) == unordered(right)


@given(specs, specs, specs)
def test_what_a_manager_drops_disappears_and_nothing_else(
    first: dict[str, Any], next_: dict[str, Any], theirs: dict[str, Any]
) -> None:
    first, next_, theirs = half(first, "x"), half(next_, "x"), half(theirs, "y")
    changed = applied(applied(applied(None, theirs, "b"), first, "a"), next_, "a")
    fresh = applied(applied(None, theirs, "b"), next_, "a")
    assert unordered(changed)["spec"] == unordered(fresh)["spec"]
