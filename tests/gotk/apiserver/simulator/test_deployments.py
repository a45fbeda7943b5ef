from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.simulator.workloads import (
    APPS,
    CORE,
    TOLD,
    condition,
    reason,
    rolled_out,
    template,
    until,
    workload,
)

WEB = f"{APPS}/deployments/web"


async def test_a_deployment_becomes_ready(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=3))
    web = await until(api, WEB, rolled_out)
    assert condition(web, "Available")["message"] == "Deployment has minimum availability."
    (replica_set,) = (await api.get(f"{APPS}/replicasets")).body["items"]
    message = condition(web, "Progressing")["message"]
    assert message == f'ReplicaSet "{replica_set["metadata"]["name"]}" has successfully progressed.'
    pods = (await api.get(f"{CORE}/pods")).body["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"] * 3
    assert {pod["metadata"]["ownerReferences"][0]["name"] for pod in pods} == {replica_set["metadata"]["name"]}
    assert len({pod["status"]["podIP"] for pod in pods}) == 3


async def test_a_new_template_rolls_out_and_back(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=2))
    await until(api, WEB, rolled_out)
    await api.patch(WEB, {"spec": {"template": template("web:2")}})
    web = await until(api, WEB, rolled_out)
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    sets = (await api.get(f"{APPS}/replicasets")).body["items"]
    wanted = {each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"] for each in sets}
    assert wanted == {"web:1": 0, "web:2": 2}
    await api.patch(WEB, {"spec": {"template": template("web:1")}})
    web = await until(api, WEB, rolled_out)
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert len((await api.get(f"{APPS}/replicasets")).body["items"]) == 2


async def test_recreate_lets_no_two_versions_run_together(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=2, strategy={"type": "Recreate"}))
    await until(api, WEB, rolled_out)
    await api.patch(WEB, {"spec": {"template": template("web:2")}})
    await until(api, WEB, rolled_out)
    images = {pod["spec"]["containers"][0]["image"] for pod in (await api.get(f"{CORE}/pods")).body["items"]}
    assert images == {"web:2"}


async def test_scaling_takes_pods_and_gives_them(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=1))
    for replicas in (4, 0, 2):
        await api.patch(f"{WEB}/scale", {"spec": {"replicas": replicas}})
        web = await until(api, WEB, lambda obj, n=replicas: obj["spec"]["replicas"] == n and rolled_out(obj))
        assert web["status"].get("replicas", 0) == replicas
        await until(api, f"{CORE}/pods", lambda found, n=replicas: len(found["items"]) == n)


async def test_a_paused_rollout_waits(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    await until(api, WEB, rolled_out)
    await api.patch(WEB, {"spec": {"paused": True, "template": template("web:2")}})
    web = await until(api, WEB, lambda obj: reason(obj, "Progressing") == "DeploymentPaused")
    assert web["status"].get("updatedReplicas", 0) == 0
    await api.patch(WEB, {"spec": {"paused": False}})
    await until(api, WEB, rolled_out)


@pytest.mark.parametrize(
    ("told", "state"),
    [("crash-loop", "CrashLoopBackOff"), ("ImagePullBackOff", "ImagePullBackOff")],
)
async def test_pods_fail_as_the_annotation_says(api: Caller, told: str, state: str) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", told=told))

    def failing(found: dict) -> bool:
        return any(
            (status["state"].get("waiting") or {}).get("reason") == state
            for pod in found["items"]
            for status in pod["status"].get("containerStatuses", ())
        )

    await until(api, f"{CORE}/pods", failing)
    web = await until(api, WEB, lambda obj: reason(obj, "Available"))
    assert reason(web, "Available") == "MinimumReplicasUnavailable"
    await api.patch(WEB, {"metadata": {"annotations": {TOLD: None}}})
    await until(api, WEB, rolled_out)


async def test_a_bad_image_leaves_the_old_version_running(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=4))
    await until(api, WEB, rolled_out)
    await api.patch(WEB, {"spec": {"template": template("registry.example.com:5000/web:1.2.0-crashloop")}})
    web = await until(api, WEB, lambda obj: (obj["status"].get("updatedReplicas") or 0) > 0)
    web = await until(api, WEB, lambda obj: obj["status"].get("unavailableReplicas"))
    assert web["status"]["availableReplicas"] >= 3
    assert condition(web, "Available")["status"] == "True"


async def test_the_deadline_passes_at_once_when_told(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", told="deadline-exceeded"))
    web = await until(api, WEB, lambda obj: reason(obj, "Progressing") == "ProgressDeadlineExceeded")
    assert condition(web, "Progressing")["message"].endswith("has timed out progressing.")


async def test_deleted_pods_are_replaced(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    await until(api, WEB, rolled_out)
    (pod,) = (await api.get(f"{CORE}/pods")).body["items"]
    await api.delete(f"{CORE}/pods/{pod['metadata']['name']}")
    found = await until(api, f"{CORE}/pods", lambda found: found["items"] and found["items"][0]["status"].get("podIP"))
    assert found["items"][0]["metadata"]["name"] != pod["metadata"]["name"]


async def test_everything_goes_with_the_deployment(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=2))
    await until(api, WEB, rolled_out)
    await api.delete(WEB)
    await until(api, f"{CORE}/pods", lambda found: found["items"] == [])
    assert (await api.get(f"{APPS}/replicasets")).body["items"] == []


async def test_a_rollout_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, simulate=60) as plane, Caller(plane.kubeconfig) as api:
        await api.post(f"{APPS}/deployments", workload("Deployment", replicas=2))
        await until(api, f"{CORE}/pods", lambda found: len(found["items"]) == 2)
    async with ControlPlane(tmp_path, simulate=0.01) as plane, Caller(plane.kubeconfig) as api:
        await until(api, WEB, rolled_out)


async def test_only_as_much_history_is_kept_as_asked_for(api: Caller) -> None:
    await api.post(f"{APPS}/deployments", workload("Deployment", revisionHistoryLimit=1))
    for number in range(1, 5):
        await api.patch(WEB, {"spec": {"template": template(f"web:{number}")}})
        await until(api, WEB, rolled_out)
    await until(api, f"{APPS}/replicasets", lambda found: len(found["items"]) == 2)


async def test_nothing_moves_when_it_is_not_asked_for(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        await api.post(f"{APPS}/deployments", workload("Deployment"))
        assert (await api.get(f"{APPS}/replicasets")).body["items"] == []


class Later:
    """The machine's clock, or some time later."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.mark.parametrize("told", ["", "crash-loop", "image-pull", "never-ready", "deadline-exceeded"])
async def test_nothing_is_written_once_all_is_said(tmp_path: Path, told: str) -> None:
    clock = Later()
    async with ControlPlane(tmp_path, simulate=0.01, clock=clock) as plane, Caller(plane.kubeconfig) as api:
        await api.post(f"{APPS}/deployments", workload("Deployment", told=told, replicas=2))
        await until(
            api, f"{CORE}/pods", lambda found: [bool(condition(each, "Ready")) for each in found["items"]] == [True] * 2
        )
        last = {"": "NewReplicaSetAvailable", "deadline-exceeded": "ProgressDeadlineExceeded"}.get(
            told, "ReplicaSetUpdated"
        )
        await until(api, WEB, lambda obj: reason(obj, "Progressing") == last)
        clock.ahead = timedelta(minutes=1)
        paths = [f"{CORE}/pods/{pod['metadata']['name']}" for pod in (await api.get(f"{CORE}/pods")).body["items"]]
        touched = [(await api.patch(path, {"metadata": {"labels": {"extra": "label"}}})).body for path in paths]
        alone = {"apiVersion": "v1", "kind": "Pod", **template(app="other")}
        await api.post(f"{CORE}/pods", {**alone, "metadata": {"name": "alone"}})
        await until(api, f"{CORE}/pods/alone", lambda obj: condition(obj, "Ready"))  # so the others' turn is over
        assert [(await api.get(path)).body for path in paths] == touched
