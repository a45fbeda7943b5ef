import io
from typing import Any

import pytest

from tests.gotk.apiserver.caller import APPLY, JSON_PATCH, STRATEGIC, Caller
from tests.gotk.apiserver.widgets import WIDGETS_PATH, config_map, widget

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


async def test_a_created_object_can_be_read_back(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH, widget("a", color="red"))
    assert made.status == 201
    assert made.body["spec"] == {"color": "red", "size": "small"}
    assert made.body["metadata"]["generation"] == 1
    read = await api.get(f"{WIDGETS_PATH}/a")
    assert read.body == made.body


async def test_a_built_in_kind_may_leave_its_name_to_the_path(api: Caller) -> None:
    made = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    assert (made.status, made.body["kind"], made.body["apiVersion"]) == (201, "ConfigMap", "v1")
    refused = await api.post(WIDGETS_PATH, {"metadata": {"name": "a"}})
    assert (refused.status, "Object 'Kind' is missing" in refused.body["message"]) == (400, True)


async def test_names_are_made_up_when_asked_for(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH, {**widget("x"), "metadata": {"generateName": "g-"}})
    assert made.body["metadata"]["name"].startswith("g-")
    assert len(made.body["metadata"]["name"]) == 7


async def test_another_served_version_shows_the_same_object(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH, widget("a", color="red"))
    old = await api.get(WIDGETS_PATH.replace("/v1/", "/v1beta1/") + "/a")
    assert old.body["apiVersion"] == "example.org/v1beta1"
    assert old.body["metadata"]["uid"] == made.body["metadata"]["uid"]
    changed = await api.patch(WIDGETS_PATH.replace("/v1/", "/v1beta1/") + "/a", {"spec": {"color": "blue"}})
    assert changed.body["apiVersion"] == "example.org/v1beta1"
    assert (await api.get(f"{WIDGETS_PATH}/a")).body["spec"]["color"] == "blue"


async def test_unknown_fields_are_pruned_with_a_warning(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH, widget("a", zz=1))
    assert made.warnings == ['299 - "unknown field \\"spec.zz\\""']
    assert "zz" not in made.body["spec"]


async def test_strict_requests_refuse_unknown_fields(api: Caller) -> None:
    made = await api.post(f"{WIDGETS_PATH}?fieldValidation=Strict", widget("a", zz=1))
    assert (made.status, made.reason) == (400, "BadRequest")
    assert 'unknown field "spec.zz"' in made.body["message"]


async def test_a_dry_run_changes_nothing(api: Caller) -> None:
    made = await api.post(f"{WIDGETS_PATH}?dryRun=All", widget("a"))
    assert made.status == 201
    assert "resourceVersion" not in made.body["metadata"]
    assert (await api.get(f"{WIDGETS_PATH}/a")).status == 404
    await api.post(WIDGETS_PATH, widget("a", color="red"))
    patched = await api.patch(f"{WIDGETS_PATH}/a?dryRun=All", {"spec": {"color": "blue"}})
    assert patched.body["spec"]["color"] == "blue"
    await api.delete(f"{WIDGETS_PATH}/a?dryRun=All")
    assert (await api.get(f"{WIDGETS_PATH}/a")).body["spec"]["color"] == "red"


async def test_only_changes_of_the_spec_count_as_generations(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    labelled = await api.patch(f"{WIDGETS_PATH}/a", {"metadata": {"labels": {"x": "y"}}})
    assert labelled.body["metadata"]["generation"] == 1
    reported = await api.patch(f"{WIDGETS_PATH}/a/status", {"status": {"replicas": 1}})
    assert reported.body["metadata"]["generation"] == 1
    changed = await api.patch(f"{WIDGETS_PATH}/a", {"spec": {"color": "red"}})
    assert changed.body["metadata"]["generation"] == 2


async def test_status_and_spec_are_written_apart(api: Caller) -> None:
    await api.post(WIDGETS_PATH, {**widget("a"), "status": {"replicas": 9}})
    assert "status" not in (await api.get(f"{WIDGETS_PATH}/a")).body
    await api.patch(f"{WIDGETS_PATH}/a/status", {"status": {"replicas": 2}, "spec": {"color": "red"}})
    after = (await api.get(f"{WIDGETS_PATH}/a")).body
    assert after["status"] == {"replicas": 2}
    assert "color" not in after["spec"]
    await api.patch(f"{WIDGETS_PATH}/a", {"status": {"replicas": 7}})
    assert (await api.get(f"{WIDGETS_PATH}/a")).body["status"] == {"replicas": 2}


async def test_a_write_that_changes_nothing_keeps_the_revision(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH, widget("a", color="red"))
    same = await api.patch(f"{WIDGETS_PATH}/a", {"spec": {"color": "red"}})
    assert same.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]


async def test_a_stale_update_is_a_conflict(api: Caller) -> None:
    made = (await api.post(WIDGETS_PATH, widget("a"))).body
    await api.patch(f"{WIDGETS_PATH}/a", {"spec": {"color": "red"}})
    stale = await api.put(f"{WIDGETS_PATH}/a", made)
    assert (stale.status, stale.reason) == (409, "Conflict")


async def test_built_in_kinds_may_be_replaced_without_a_revision(api: Caller) -> None:
    await api.post(CONFIG_MAPS, config_map("c", a="1"))
    replaced = await api.put(f"{CONFIG_MAPS}/c", config_map("c", a="2"))
    assert (replaced.status, replaced.body["data"]) == (200, {"a": "2"})


async def test_an_object_of_another_uid_is_not_replaced(api: Caller) -> None:
    made = (await api.post(CONFIG_MAPS, config_map("c"))).body
    made["metadata"]["uid"] = "another"
    del made["metadata"]["resourceVersion"]
    assert (await api.put(f"{CONFIG_MAPS}/c", made)).status == 409


async def test_a_json_patch_that_does_not_fit_is_unprocessable(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a", args=["x"]))
    fits = await api.patch(f"{WIDGETS_PATH}/a", [{"op": "add", "path": "/spec/args/-", "value": "y"}], JSON_PATCH)
    assert fits.body["spec"]["args"] == ["x", "y"]
    misses = await api.patch(f"{WIDGETS_PATH}/a", [{"op": "test", "path": "/spec/args/0", "value": "z"}], JSON_PATCH)
    assert (misses.status, misses.reason) == (422, "Invalid")


async def test_strategic_patches_merge_containers_by_name(api: Caller) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    made = await api.post(path, deployment())
    assert made.status == 201, made.body
    container = {"name": "web", "image": "web:2"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = await api.patch(f"{path}/web", patch, STRATEGIC)
    containers = patched.body["spec"]["template"]["spec"]["containers"]
    assert [(each["name"], each["image"]) for each in containers] == [("web", "web:2"), ("side", "side:1")]


async def test_strategic_patches_are_not_for_custom_kinds(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    assert (await api.patch(f"{WIDGETS_PATH}/a", {}, STRATEGIC)).status == 415


async def test_server_side_apply_creates_and_refuses_to_fight(api: Caller) -> None:
    made = await api.patch(f"{WIDGETS_PATH}/a?fieldManager=m1", widget("a", color="red"), APPLY)
    assert made.status == 201
    clash = await api.patch(f"{WIDGETS_PATH}/a?fieldManager=m2", widget("a", color="blue"), APPLY)
    assert (clash.status, clash.reason) == (409, "Conflict")
    assert clash.body["details"]["causes"][0]["field"] == ".spec.color"
    forced = await api.patch(f"{WIDGETS_PATH}/a?fieldManager=m2&force=true", widget("a", color="blue"), APPLY)
    assert forced.body["spec"]["color"] == "blue"
    again = await api.patch(f"{WIDGETS_PATH}/a?fieldManager=m2", widget("a", color="blue"), APPLY)
    assert again.body == forced.body


async def test_scale_is_a_window_on_the_replicas(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a", replicas=2))
    scaled = await api.patch(f"{WIDGETS_PATH}/a/scale", {"spec": {"replicas": 5}})
    assert (scaled.body["kind"], scaled.body["spec"]) == ("Scale", {"replicas": 5})
    assert (await api.get(f"{WIDGETS_PATH}/a")).body["spec"]["replicas"] == 5


async def test_finalizers_hold_an_object_until_they_are_gone(api: Caller) -> None:
    await api.post(WIDGETS_PATH, {**widget("a"), "metadata": {"name": "a", "finalizers": ["x.y/z"]}})
    held = await api.delete(f"{WIDGETS_PATH}/a")
    assert "deletionTimestamp" in held.body["metadata"]
    await api.patch(f"{WIDGETS_PATH}/a", {"metadata": {"finalizers": None}})
    assert (await api.get(f"{WIDGETS_PATH}/a")).status == 404


async def test_delete_can_insist_on_the_object_it_knows(api: Caller) -> None:
    made = (await api.post(WIDGETS_PATH, widget("a"))).body
    assert (await api.delete(f"{WIDGETS_PATH}/a", {"preconditions": {"uid": "another"}})).status == 409
    gone = await api.delete(f"{WIDGETS_PATH}/a", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert (gone.status, gone.body["status"]) == (200, "Success")


async def test_a_collection_is_deleted_by_selector(api: Caller) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        await api.post(WIDGETS_PATH, widget(name, color=color))
    await api.delete(f"{WIDGETS_PATH}?fieldSelector=spec.color%3Dred")
    left = await api.get(WIDGETS_PATH)
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]


async def test_lists_come_in_pages(api: Caller) -> None:
    for number in range(5):
        await api.post(WIDGETS_PATH, widget(f"w{number}"))
    names, proceed = [], ""
    for _ in range(3):
        page = (await api.get(f"{WIDGETS_PATH}?limit=2&continue={proceed}")).body
        names += [item["metadata"]["name"] for item in page["items"]]
        proceed = page["metadata"].get("continue", "")
    assert names == [f"w{number}" for number in range(5)]
    assert not proceed


async def test_a_page_goes_on_after_an_object_that_is_gone_and_holds_what_the_selector_chooses(api: Caller) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red"), ("d", "blue"), ("e", "red")):
        await api.post(WIDGETS_PATH, widget(name, color=color))
    chosen = f"{WIDGETS_PATH}?fieldSelector=spec.color%3Dred&limit=2"
    first = (await api.get(chosen)).body
    await api.delete(f"{WIDGETS_PATH}/c")
    second = (await api.get(f"{chosen}&continue={first['metadata']['continue']}")).body
    assert [[item["metadata"]["name"] for item in page["items"]] for page in (first, second)] == [["a", "c"], ["e"]]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param(f"{WIDGETS_PATH}?resourceVersion=99999", 504, id="a revision of the future"),
        pytest.param(
            f"{WIDGETS_PATH}?resourceVersion=1&resourceVersionMatch=Exact", 410, id="an exact one of the past"
        ),
        pytest.param(f"{WIDGETS_PATH}?resourceVersion=x", 400, id="no number"),
        pytest.param(f"{WIDGETS_PATH}?labelSelector=a%3D%3D%3Db", 400, id="a label selector that is none"),
        pytest.param(f"{WIDGETS_PATH}?fieldSelector=spec.size%3Db", 400, id="a field that is not selectable"),
        pytest.param(f"{WIDGETS_PATH}?continue=zzz", 400, id="a made up continue token"),
        pytest.param("/apis/example.org/v1/namespaces/default/gadgets", 404, id="a kind that is not there"),
        pytest.param("/api/v1/namespaces/default/pods/x/log", 501, id="logs where no kubelet is"),
    ],
)
async def test_senseless_reads_are_refused(api: Caller, path: str, code: int) -> None:
    assert (await api.get(path)).status == code


async def test_objects_need_a_namespace_that_exists(api: Caller) -> None:
    made = await api.post(WIDGETS_PATH.replace("default", "nowhere"), widget("a"))
    assert (made.status, made.body["message"]) == (404, 'namespaces "nowhere" not found')


async def test_yaml_is_read_and_written(api: Caller) -> None:
    body = b"apiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: a\nspec:\n  color: red\n"
    made = await api.post(WIDGETS_PATH, body, media="application/yaml", accept="application/yaml")
    assert made.status == 201
    assert "  color: red\n" in made.body


async def test_events_of_both_groups_are_the_same_objects(api: Caller) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Widget", "name": "a", "namespace": "default"},
        "message": "hello",
        "reason": "Greeting",
        "type": "Normal",
    }
    assert (await api.post("/api/v1/namespaces/default/events", event)).status == 201
    seen = await api.get("/apis/events.k8s.io/v1/namespaces/default/events/e")
    assert seen.body["apiVersion"] == "events.k8s.io/v1"
    assert (seen.body["note"], seen.body["regarding"]["name"]) == ("hello", "a")
    chosen = await api.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Da")
    assert len(chosen.body["items"]) == 1


async def test_bodies_have_a_limit(api: Caller) -> None:
    big = io.BytesIO(b'{"blob":"' + b"x" * (3 * 1024 * 1024) + b'"}')
    async with api.session.post(CONFIG_MAPS, data=big, headers={"Content-Type": "application/json"}) as refused:
        assert refused.status == 413
        assert (await refused.json())["reason"] == "RequestEntityTooLarge"


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
