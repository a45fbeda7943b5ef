import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gotk.apiserver import ControlPlane
from gotk.apiserver.controllers import expiry
from gotk.apiserver.storage.store import Key, Stored
from tests.gotk.apiserver.caller import Answer, Caller
from tests.gotk.apiserver.widgets import WIDGETS, WIDGETS_PATH, config_map, widget

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def until(read: Callable[[], Awaitable[Answer]], done: Callable[[Answer], bool]) -> Answer:
    async with asyncio.timeout(60):
        while not done(answer := await read()):  # noqa: ASYNC110 - the server is asked, as a client would
            await asyncio.sleep(0.005)
    return answer


async def gone(api: Caller, path: str) -> None:
    await until(lambda: api.get(path), lambda answer: answer.status == 404)


def owned(obj: dict[str, Any], *owners: dict[str, Any]) -> dict[str, Any]:
    references = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        for owner in owners
    ]
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": references}}


async def test_dependents_go_after_their_owner(api: Caller) -> None:
    owner = (await api.post(WIDGETS_PATH, widget("owner"))).body
    middle = (await api.post(CONFIG_MAPS, owned(config_map("middle"), owner))).body
    await api.post(CONFIG_MAPS, owned(config_map("leaf"), middle))
    await api.delete(f"{WIDGETS_PATH}/owner")
    await gone(api, f"{CONFIG_MAPS}/middle")
    await gone(api, f"{CONFIG_MAPS}/leaf")


async def test_a_dependent_stays_while_one_owner_is_left(api: Caller) -> None:
    first = (await api.post(WIDGETS_PATH, widget("first"))).body
    second = (await api.post(WIDGETS_PATH, widget("second"))).body
    await api.post(CONFIG_MAPS, owned(config_map("both"), first, second))
    await api.delete(f"{WIDGETS_PATH}/first")
    left = await until(
        lambda: api.get(f"{CONFIG_MAPS}/both"), lambda answer: len(answer.body["metadata"]["ownerReferences"]) == 1
    )
    assert left.body["metadata"]["ownerReferences"][0]["name"] == "second"


async def test_foreground_deletion_waits_for_the_dependents(api: Caller) -> None:
    owner = (await api.post(WIDGETS_PATH, widget("owner"))).body
    held = owned(config_map("held"), owner)
    held["metadata"]["finalizers"] = ["x.y/z"]
    await api.post(CONFIG_MAPS, held)
    deleted = await api.delete(f"{WIDGETS_PATH}/owner", {"propagationPolicy": "Foreground"})
    assert deleted.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    await until(lambda: api.get(f"{CONFIG_MAPS}/held"), lambda answer: "deletionTimestamp" in answer.body["metadata"])
    assert (await api.get(f"{WIDGETS_PATH}/owner")).status == 200
    await api.patch(f"{CONFIG_MAPS}/held", {"metadata": {"finalizers": None}})
    await gone(api, f"{WIDGETS_PATH}/owner")


async def test_orphans_stay_without_their_owner(api: Caller) -> None:
    owner = (await api.post(WIDGETS_PATH, widget("owner"))).body
    await api.post(CONFIG_MAPS, owned(config_map("orphan"), owner))
    await api.delete(f"{WIDGETS_PATH}/owner", {"propagationPolicy": "Orphan"})
    await gone(api, f"{WIDGETS_PATH}/owner")
    orphan = await api.get(f"{CONFIG_MAPS}/orphan")
    assert "ownerReferences" not in orphan.body["metadata"]


async def test_what_is_owned_by_nobody_that_exists_is_collected(api: Caller) -> None:
    ghost = {**widget("ghost"), "metadata": {"name": "ghost", "uid": "no-such-uid"}}
    await api.post(CONFIG_MAPS, owned(config_map("lost"), ghost))
    await gone(api, f"{CONFIG_MAPS}/lost")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "kube-node-lease"])
async def test_the_usual_namespaces_are_there(api: Caller, name: str) -> None:
    found = await api.get(f"/api/v1/namespaces/{name}")
    assert found.body["status"] == {"phase": "Active"}
    assert found.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}


async def test_every_namespace_has_a_service_account_and_the_root_certificate(api: Caller) -> None:
    await api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}})
    inside = "/api/v1/namespaces/new"
    trust = await until(lambda: api.get(f"{inside}/configmaps/kube-root-ca.crt"), lambda answer: answer.status == 200)
    assert "BEGIN CERTIFICATE" in trust.body["data"]["ca.crt"]
    await until(lambda: api.get(f"{inside}/serviceaccounts/default"), lambda answer: answer.status == 200)
    await api.delete(f"{inside}/serviceaccounts/default")
    await until(lambda: api.get(f"{inside}/serviceaccounts/default"), lambda answer: answer.status == 200)


async def test_a_deleted_namespace_takes_everything_with_it(api: Caller) -> None:
    await api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old"}})
    await api.post(WIDGETS_PATH.replace("default", "old"), widget("a"))
    held = config_map("held")
    held["metadata"]["finalizers"] = ["x.y/z"]
    await api.post("/api/v1/namespaces/old/configmaps", held)
    deleted = await api.delete("/api/v1/namespaces/old")
    assert deleted.body["status"]["phase"] == "Terminating"
    refused = await api.post("/api/v1/namespaces/old/configmaps", config_map("late"))
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    await gone(api, WIDGETS_PATH.replace("default", "old") + "/a")
    assert (await api.get("/api/v1/namespaces/old")).status == 200
    await api.patch("/api/v1/namespaces/old/configmaps/held", {"metadata": {"finalizers": None}})
    await gone(api, "/api/v1/namespaces/old")


async def test_a_definition_is_served_at_once_and_gone_with_its_objects(api: Caller) -> None:
    definition = (await api.get(f"{CRDS}/widgets.example.org")).body
    await api.post(WIDGETS_PATH, {**widget("a"), "metadata": {"name": "a", "finalizers": ["x.y/z"]}})
    await api.delete(f"{CRDS}/widgets.example.org")
    refused = await api.post(WIDGETS_PATH, widget("late"))
    assert refused.status == 403
    await until(lambda: api.get(f"{WIDGETS_PATH}/a"), lambda answer: "deletionTimestamp" in answer.body["metadata"])
    await api.patch(f"{WIDGETS_PATH}/a", {"metadata": {"finalizers": None}})
    await gone(api, f"{CRDS}/widgets.example.org")
    assert (await api.get(WIDGETS_PATH)).status == 404
    fresh = {**definition, "metadata": {"name": "widgets.example.org"}}
    assert (await api.post(CRDS, fresh)).status == 201
    assert (await api.post(WIDGETS_PATH, widget("b"))).status == 201


async def test_a_new_default_shows_in_old_objects(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/shape"
    add = [{"op": "add", "path": path, "value": {"type": "string", "default": "round"}}]
    changed = await api.patch(f"{CRDS}/widgets.example.org", add, "application/json-patch+json")
    assert changed.status == 200, changed.body
    assert (await api.get(f"{WIDGETS_PATH}/a")).body["spec"]["shape"] == "round"


async def test_a_default_status_shows_in_new_objects_and_belongs_to_nobody(api: Caller) -> None:
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/default"
    add = [{"op": "add", "path": path, "value": {"replicas": 3}}]
    changed = await api.patch(f"{CRDS}/widgets.example.org", add, "application/json-patch+json")
    assert changed.status == 200, changed.body
    made = await api.post(WIDGETS_PATH, {**widget("a"), "status": {"replicas": 7}})
    assert made.body["status"] == {"replicas": 3}
    assert "f:status" not in json.dumps(made.body["metadata"]["managedFields"])
    conditions = [{"type": "Ready", "status": "True"}]
    kept = await api.patch(f"{WIDGETS_PATH}/a/status", {"status": {"conditions": conditions}})
    assert kept.body["status"] == {"replicas": 3, "conditions": conditions}


class Later:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=2)


async def test_events_live_for_an_hour(tmp_path: Path) -> None:
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "X"}}
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        assert (await api.post("/api/v1/namespaces/default/events", event)).status == 201
    async with ControlPlane(tmp_path, clock=Later()) as plane, Caller(plane.kubeconfig) as api:
        await gone(api, "/api/v1/namespaces/default/events/e")


@pytest.mark.parametrize(
    ("most", "over"),
    [
        pytest.param(1000, {"dead"}, id="few"),
        pytest.param(200, {"dead", "old"}, id="the oldest is one too many"),
        pytest.param(0, {"dead", "old", "new", "newest"}, id="no place"),
    ],
)
def test_of_too_many_events_the_oldest_go_before_their_time(most: int, over: set[str]) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    minutes = {"new": 5, "dead": 61, "newest": 0, "old": 59}
    items = [Stored(Key("events", "default", name), "", 1, b"x" * 100, {}) for name in minutes]
    seen = {item.key: noon - timedelta(minutes=minutes[item.key.name]) for item in items}
    gone_ones = expiry.doomed(items, seen, dead=noon - expiry.LIFETIME, most=most)
    assert {item.key.name for item in gone_ones} == over


async def test_a_definition_waits_until_its_names_are_free(api: Caller) -> None:
    names = {
        "kind": "Gadget",
        "listKind": "GadgetList",
        "plural": "gadgets",
        "singular": "gadget",
        "shortNames": ["wd"],
    }
    rival = {
        **WIDGETS,
        "metadata": {"name": "gadgets.example.org"},
        "spec": {**WIDGETS["spec"], "names": names},
    }
    assert (await api.post(CRDS, rival)).status == 201
    gadgets = WIDGETS_PATH.replace("widgets", "gadgets")
    named = await until(
        lambda: api.get(f"{CRDS}/gadgets.example.org"), lambda answer: bool(answer.body["status"].get("conditions"))
    )
    conditions = {each["type"]: each["status"] for each in named.body["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "False", "Established": "False"}
    assert (await api.get(gadgets)).status == 404
    await api.delete(f"{CRDS}/widgets.example.org")
    await until(lambda: api.get(gadgets), lambda answer: answer.status == 200)
