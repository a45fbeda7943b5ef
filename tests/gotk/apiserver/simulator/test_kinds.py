"""StatefulSets, DaemonSets, Jobs, Pods, claims, services: what becomes of each."""

from typing import Any

import pytest

from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.simulator.workloads import (
    APPS,
    BATCH,
    CORE,
    TOLD,
    condition,
    job,
    reason,
    template,
    until,
    workload,
)


async def test_a_stateful_set_has_pods_with_names_and_claims_of_their_own(api: Caller) -> None:
    claims = [
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ]
    db = workload("StatefulSet", "db", replicas=3, serviceName="db", volumeClaimTemplates=claims)
    await api.post(f"{APPS}/statefulsets", db)
    await until(api, f"{APPS}/statefulsets/db", lambda obj: obj["status"].get("readyReplicas") == 3)
    names = [pod["metadata"]["name"] for pod in (await api.get(f"{CORE}/pods")).body["items"]]
    assert names == ["db-0", "db-1", "db-2"]
    claim = await until(api, f"{CORE}/persistentvolumeclaims/data-db-2", lambda obj: obj["status"]["phase"] == "Bound")
    assert claim["status"]["capacity"] == {"storage": "1Gi"}


async def test_a_stateful_set_is_updated_from_its_end_down_to_the_partition(api: Caller) -> None:
    await api.post(f"{APPS}/statefulsets", workload("StatefulSet", "db", replicas=3, serviceName="db"))
    db = f"{APPS}/statefulsets/db"
    first = await until(api, db, lambda obj: obj["status"].get("readyReplicas") == 3)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await api.patch(db, {"spec": {"template": template("web:2"), "updateStrategy": strategy}})
    seen = await until(
        api, db, lambda obj: (obj["status"].get("updatedReplicas"), obj["status"].get("readyReplicas")) == (2, 3)
    )
    assert seen["status"]["currentRevision"] == first["status"]["currentRevision"] != seen["status"]["updateRevision"]
    images = [pod["spec"]["containers"][0]["image"] for pod in (await api.get(f"{CORE}/pods")).body["items"]]
    assert images == ["web:1", "web:2", "web:2"]
    await api.patch(db, {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    done = await until(api, db, lambda obj: obj["status"]["currentRevision"] == obj["status"]["updateRevision"])
    assert done["status"]["currentReplicas"] == 3


async def test_a_stateful_set_shrinks_from_its_end(api: Caller) -> None:
    await api.post(f"{APPS}/statefulsets", workload("StatefulSet", "db", replicas=3, serviceName="db"))
    db = f"{APPS}/statefulsets/db"
    await until(api, db, lambda obj: obj["status"].get("readyReplicas") == 3)
    await api.patch(db, {"spec": {"replicas": 1}})
    await until(api, db, lambda obj: obj["status"].get("replicas") == 1)
    assert [pod["metadata"]["name"] for pod in (await api.get(f"{CORE}/pods")).body["items"]] == ["db-0"]


async def test_a_daemon_set_has_a_pod_on_every_node(api: Caller) -> None:
    agent = f"{APPS}/daemonsets/agent"
    await api.post(f"{APPS}/daemonsets", workload("DaemonSet", "agent"))
    await until(api, agent, lambda obj: obj["status"].get("numberAvailable") == 1)
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "second"}}
    await api.post("/api/v1/nodes", node)
    seen = await until(api, agent, lambda obj: obj["status"].get("numberAvailable") == 2)
    assert seen["status"]["desiredNumberScheduled"] == 2
    await api.patch(agent, {"spec": {"template": template("web:2")}})
    await until(
        api,
        agent,
        lambda obj: (
            obj["status"].get("observedGeneration") == 2
            and (obj["status"].get("updatedNumberScheduled"), obj["status"].get("numberAvailable")) == (2, 2)
        ),
    )
    history = (await api.get(f"{APPS}/controllerrevisions")).body["items"]
    assert sorted(each["revision"] for each in history) == [1, 2]


async def test_a_job_completes(api: Caller) -> None:
    await api.post(f"{BATCH}/jobs", job(completions=3, parallelism=2))
    once = await until(api, f"{BATCH}/jobs/once", lambda obj: reason(obj, "Complete"))
    assert (once["status"]["succeeded"], "completionTime" in once["status"]) == (3, True)
    pods = (await api.get(f"{CORE}/pods?labelSelector=batch.kubernetes.io/job-name=once")).body["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Succeeded"] * 3


async def test_a_job_that_fails_gives_up(api: Caller) -> None:
    await api.post(f"{BATCH}/jobs", job(told="crash-loop", backoffLimit=2))
    once = await until(api, f"{BATCH}/jobs/once", lambda obj: reason(obj, "Failed"))
    assert (reason(once, "Failed"), once["status"]["failed"]) == ("BackoffLimitExceeded", 3)


async def test_a_finished_job_goes_when_its_time_is_over(api: Caller) -> None:
    await api.post(f"{BATCH}/jobs", job(ttlSecondsAfterFinished=0))
    await until(api, f"{BATCH}/jobs/once", lambda body: body.get("reason") == "NotFound")


async def test_a_suspended_job_starts_nothing_until_it_may(api: Caller) -> None:
    await api.post(f"{BATCH}/jobs", job(suspend=True))
    await until(api, f"{BATCH}/jobs/once", lambda obj: reason(obj, "Suspended"))
    assert (await api.get(f"{CORE}/pods")).body["items"] == []
    await api.patch(f"{BATCH}/jobs/once", {"spec": {"suspend": False}})
    await until(api, f"{BATCH}/jobs/once", lambda obj: reason(obj, "Complete"))


@pytest.mark.parametrize(
    ("policy", "told", "phase"),
    [
        ("Always", "", "Running"),
        ("Never", "", "Succeeded"),
        ("Never", "crash-loop", "Failed"),
        ("Always", "never-ready", "Running"),
        ("Always", "image-pull after 1ms", "Pending"),
    ],
    ids=["runs", "ends", "fails", "is never ready", "has no image"],
)
async def test_a_pod_alone(api: Caller, policy: str, told: str, phase: str) -> None:
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", **template()}
    pod["metadata"] |= {"name": "alone", "annotations": {TOLD: told}}
    pod["spec"]["restartPolicy"] = policy
    await api.post(f"{CORE}/pods", pod)
    seen = await until(api, f"{CORE}/pods/alone", lambda obj: condition(obj, "Ready"))
    assert seen["status"]["phase"] == phase
    assert (condition(seen, "Ready")["status"] == "True") is (phase == "Running" and not told)


async def test_a_claims_volume_comes_and_goes_with_it(api: Caller) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    await api.post(f"{CORE}/persistentvolumeclaims", claim)
    path = f"{CORE}/persistentvolumeclaims/data"
    bound = await until(api, path, lambda obj: obj["status"]["phase"] == "Bound")
    volume = f"/api/v1/persistentvolumes/{bound['spec']['volumeName']}"
    assert (await api.get(volume)).body["status"]["phase"] == "Bound"
    await api.delete(path)
    await until(api, volume, lambda body: body.get("reason") == "NotFound")


async def test_a_service_gets_addresses_and_finds_its_pods(api: Caller) -> None:
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    for name in ("web", "other"):
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
        assert (await api.post(f"{CORE}/services", service)).status == 201
    await api.post(f"{APPS}/deployments", workload("Deployment", replicas=2))
    web = await until(api, f"{CORE}/services/web", lambda obj: obj["status"].get("loadBalancer", {}).get("ingress"))
    other = await until(api, f"{CORE}/services/other", lambda obj: obj["spec"].get("clusterIP"))
    assert web["spec"]["clusterIP"].startswith("10.")
    assert web["spec"]["clusterIP"] != other["spec"]["clusterIP"]
    assert web["spec"]["ports"][0]["nodePort"] != other["spec"]["ports"][0]["nodePort"]
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=web"
    found = await until(
        api,
        slices,
        lambda body: [e["conditions"]["ready"] for each in body["items"] for e in each["endpoints"]] == [True, True],
    )
    assert found["items"][0]["ports"][0]["port"] == 80


async def test_a_headless_service_stays_headless(api: Caller) -> None:
    spec = {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    await api.post(f"{CORE}/services", service)
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    await until(api, slices, lambda body: body["items"])
    assert (await api.get(f"{CORE}/services/web")).body["spec"]["clusterIP"] == "None"
