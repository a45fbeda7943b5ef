"""What controllers do with the official Python client, in its three forms, to the embedded plane or a given cluster.

The plain and the dynamic client block, so they run in a thread beside the control plane. Importing them takes a second.
"""

import asyncio
import importlib
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gotk.apiserver.storage import history
from tests.conformance import cluster
from tests.conformance.cluster import Cluster
from tests.conformance.kubectl import Kubectl
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.widgets import GROUP, WIDGETS, widget

pytestmark = pytest.mark.skipif(
    cluster.VARIABLE in os.environ and Kubectl.path is None, reason="a given cluster is prepared with kubectl"
)

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster.opened(tmp_path, [WIDGETS]) as found:
        yield found


def where(plane: Cluster) -> dict[str, str]:
    """Return how the client for custom objects names widgets."""
    return {"group": GROUP, "version": "v1", "namespace": plane.namespace, "plural": "widgets"}


def embedded_only(plane: Cluster, reason: str) -> None:
    if not plane.embedded:
        pytest.skip(reason)


def module(name: str) -> Any:
    """Import a part of the client late: it takes a second, and every test process reads this file."""
    return importlib.import_module(f"kubernetes.{name}")


async def in_thread(work: Callable[[], None]) -> None:
    async with asyncio.timeout(60):
        await asyncio.get_running_loop().run_in_executor(None, work)


def deployment(image: str, **metadata: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    pod = {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", **metadata},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


@contextmanager
def plain_client(plane: Cluster) -> Iterator[Any]:
    config = module("config")

    with config.new_client_from_config(str(plane.kubeconfig)) as api:
        yield api


async def test_the_plain_client_does_what_controllers_do(plane: Cluster) -> None:
    def typed() -> None:
        client = module("client")

        with plain_client(plane) as api:
            assert client.VersionApi(api).get_code().git_version == plane.version
            apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
            container = client.V1Container(name="web", image="web:1")
            template = client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels={"app": "web"}), spec=client.V1PodSpec(containers=[container])
            )
            spec = client.V1DeploymentSpec(
                selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template
            )
            made = apps.create_namespaced_deployment(
                plane.namespace, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
            )
            assert made.spec.replicas == 1
            side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}}
            both = apps.patch_namespaced_deployment("web", plane.namespace, side)
            assert sorted(each.name for each in both.spec.template.spec.containers) == ["side", "web"]
            assert (
                apps.patch_namespaced_deployment_scale("web", plane.namespace, {"spec": {"replicas": 3}}).spec.replicas
                == 3
            )
            made.spec.replicas = 9
            with pytest.raises(client.ApiException, match="the object has been modified") as stale:
                apps.replace_namespaced_deployment("web", plane.namespace, made)
            assert (stale.value.status, stale.value.reason) == (409, "Conflict")
            core.create_namespaced_secret(plane.namespace, {"metadata": {"name": "s"}, "stringData": {"password": "x"}})
            assert core.read_namespaced_secret("s", plane.namespace).data == {"password": "eA=="}
            assert [each.metadata.name for each in core.list_namespaced_secret(plane.namespace, limit=1).items] == ["s"]
            core.delete_namespaced_secret("s", plane.namespace)
            with pytest.raises(client.ApiException) as gone:
                core.read_namespaced_secret("s", plane.namespace)
            assert gone.value.status == 404

    def custom() -> None:
        client = module("client")

        with plain_client(plane) as api:
            objects = client.CustomObjectsApi(api)
            objects.create_namespaced_custom_object(**where(plane), body=widget("a", color="red"))
            with pytest.raises(client.ApiException, match="already exists"):
                objects.create_namespaced_custom_object(**where(plane), body=widget("a"))
            with pytest.raises(client.ApiException, match="Unsupported value"):
                objects.create_namespaced_custom_object(**where(plane), body=widget("b", color="green"))
            patched = objects.patch_namespaced_custom_object(**where(plane), name="a", body={"spec": {"replicas": 2}})
            assert patched["spec"] == {"color": "red", "size": "small", "replicas": 2}
            operations = [{"op": "replace", "path": "/spec/color", "value": "blue"}]
            patched = objects.patch_namespaced_custom_object(
                **where(plane), name="a", body=operations, _content_type=JSON_PATCH
            )
            assert patched["spec"]["color"] == "blue"
            status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            objects.patch_namespaced_custom_object_status(**where(plane), name="a", body=status)
            mine = {"field_manager": "me", "force": True, "_content_type": APPLY}
            objects.patch_namespaced_custom_object(**where(plane), name="c", body=widget("c", color="red"), **mine)
            applied = objects.patch_namespaced_custom_object(
                **where(plane), name="c", body=widget("c", color="red"), **mine
            )
            assert applied["metadata"]["managedFields"][0]["operation"] == "Apply"
            listed = objects.list_namespaced_custom_object(**where(plane), field_selector="spec.color=blue")
            assert [each["status"]["conditions"][0]["type"] for each in listed["items"]] == ["Ready"]
            objects.delete_namespaced_custom_object(**where(plane), name="a")

    await in_thread(typed)
    await in_thread(custom)


async def test_the_plain_clients_watch_goes_on_after_its_end(plane: Cluster) -> None:
    def watched() -> None:
        client = module("client")
        watch = module("watch")

        with plain_client(plane) as api:
            core = client.CoreV1Api(api)
            core.create_namespaced_config_map(plane.namespace, {"metadata": {"name": "a", "labels": {"mine": "yes"}}})
            seen = []
            watcher = watch.Watch()
            only = {"namespace": plane.namespace, "label_selector": "mine=yes"}
            for event in watcher.stream(core.list_namespaced_config_map, **only):
                seen.append((event["type"], event["object"].metadata.name))
                if len(seen) == 1:
                    core.create_namespaced_config_map(
                        plane.namespace, {"metadata": {"name": "b", "labels": {"mine": "yes"}}}
                    )
                    core.delete_namespaced_config_map("b", plane.namespace)
                if len(seen) == 3:
                    break
            assert seen == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "b")]
            last = watcher.resource_version
            core.delete_namespaced_config_map("a", plane.namespace)
            again = watch.Watch().stream(
                core.list_namespaced_config_map, **only, resource_version=last, timeout_seconds=1
            )
            assert [(each["type"], each["object"].metadata.name) for each in again] == [("DELETED", "a")]

    await in_thread(watched)


async def test_a_watch_from_too_long_ago_is_gone(plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded_only(plane, "how much history a given cluster keeps cannot be chosen")
    monkeypatch.setattr(history, "EVENTS", 2)

    def watched() -> None:
        client = module("client")
        watch = module("watch")

        with plain_client(plane) as api:
            objects = client.CustomObjectsApi(api)
            start = objects.list_namespaced_custom_object(**where(plane))["metadata"]["resourceVersion"]
            for name in "abcd":
                objects.create_namespaced_custom_object(**where(plane), body=widget(name))
            stream = watch.Watch().stream(objects.list_namespaced_custom_object, **where(plane), resource_version=start)
            with pytest.raises(client.ApiException, match="too old resource version") as gone:
                next(stream)
            assert gone.value.status == 410

    await in_thread(watched)


async def test_the_dynamic_client_finds_kinds_by_itself(plane: Cluster) -> None:
    def dynamic() -> None:
        dynamic = module("dynamic")
        exceptions = module("dynamic.exceptions")

        with plain_client(plane) as api:
            found = dynamic.DynamicClient(api, cache_file=str(plane.kubeconfig.with_name("discovered")))
            widgets = found.resources.get(api_version=f"{GROUP}/v1", kind="Widget")
            deployments = found.resources.get(api_version="apps/v1", kind="Deployment")
            applied = found.server_side_apply(
                deployments, body=deployment("web:1"), namespace=plane.namespace, field_manager="me"
            )
            assert applied.spec.template.spec.containers[0].ports[0].protocol == "TCP"
            with pytest.raises(exceptions.ConflictError, match='conflict with \\\\"me\\\\"'):
                found.server_side_apply(
                    deployments, body=deployment("x:2"), namespace=plane.namespace, field_manager="other"
                )
            side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}}
            merged = deployments.patch(body={"metadata": {"name": "web"}, **side}, namespace=plane.namespace)
            assert len(merged.spec.template.spec.containers) == 2
            made = widgets.create(body=widget("a", color="red"), namespace=plane.namespace)
            widgets.patch(name="a", namespace=plane.namespace, body={"spec": {"color": "blue"}}, content_type=MERGE)
            with pytest.raises(exceptions.ConflictError):
                widgets.replace(body=made, namespace=plane.namespace)
            assert widgets.get(name="a", namespace=plane.namespace).spec.color == "blue"
            assert [each.metadata.name for each in widgets.get(namespace=plane.namespace).items] == ["a"]
            if plane.embedded:  # elsewhere the client asks a cache for what only the store has yet, and gets 504
                events = widgets.watch(namespace=plane.namespace, timeout=1)
                assert [(each["type"], each["object"].spec.color) for each in events] == [("ADDED", "blue")]
            widgets.delete(name="a", namespace=plane.namespace)
            with pytest.raises(exceptions.NotFoundError):
                widgets.get(name="a", namespace=plane.namespace)

    await in_thread(dynamic)


async def test_the_asynchronous_client_does_what_controllers_do(
    plane: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = module("aio.client")
    config = module("aio.config")
    watch = module("aio.watch")

    embedded_only(plane, "how much history a given cluster keeps cannot be chosen")
    monkeypatch.setattr(history, "EVENTS", 5)
    async with await config.new_client_from_config(str(plane.kubeconfig)) as api:
        core, objects = client.CoreV1Api(api), client.CustomObjectsApi(api)
        await core.create_namespaced_config_map(plane.namespace, {"metadata": {"name": "c"}, "data": {"a": "1"}})
        patched = await core.patch_namespaced_config_map("c", plane.namespace, {"data": {"b": "2"}})
        assert patched.data == {"a": "1", "b": "2"}
        operations = [{"op": "remove", "path": "/data/a"}]
        patched = await core.patch_namespaced_config_map("c", plane.namespace, operations, _content_type=JSON_PATCH)
        assert patched.data == {"b": "2"}
        await objects.patch_namespaced_custom_object(
            **where(plane), name="a", body=widget("a", color="red"), field_manager="me", _content_type=APPLY
        )
        applied = await objects.get_namespaced_custom_object(**where(plane), name="a")
        with pytest.raises(client.ApiException, match="already exists") as refused:
            await objects.create_namespaced_custom_object(**where(plane), body=widget("a"))
        assert refused.value.status == 409

        async with watch.Watch() as watcher, asyncio.timeout(60):
            stream = watcher.stream(objects.list_namespaced_custom_object, **where(plane), _request_timeout=0.3)
            first = await anext(stream)
            assert (first["type"], first["object"]["metadata"]["uid"]) == ("ADDED", applied["metadata"]["uid"])
            with pytest.raises(TimeoutError):  # the client's own time-out ends and reconnects the watch meanwhile
                async with asyncio.timeout(0.7):
                    await anext(stream)
        newest = (await objects.list_namespaced_custom_object(**where(plane)))["metadata"]["resourceVersion"]
        for number in range(8):
            await objects.patch_namespaced_custom_object(**where(plane), name="a", body={"spec": {"replicas": number}})
        async with watch.Watch() as watcher, asyncio.timeout(60):
            stream = watcher.stream(objects.list_namespaced_custom_object, **where(plane), resource_version=newest)
            with pytest.raises(client.ApiException) as gone:
                await anext(stream)
            assert gone.value.status == 410
        await objects.delete_namespaced_custom_object(**where(plane), name="a")


async def test_of_two_candidates_one_leads_and_the_other_takes_over(plane: Cluster) -> None:
    embedded_only(plane, "the test looks at the lease with a token, which a given kubeconfig need not have")
    electionconfig = module("leaderelection.electionconfig")
    leaderelection = module("leaderelection.leaderelection")
    locks = module("leaderelection.resourcelock.leaselock")

    led: queue.Queue[str] = queue.Queue()
    dies = {"one": threading.Event(), "other": threading.Event()}

    def candidate(name: str) -> None:
        client = module("client")

        def lead() -> None:
            led.put(name)
            dies[name].wait(30)
            raise RuntimeError("the work is done for")

        with plain_client(plane) as api:
            lock = locks.LeaseLock("leader", plane.namespace, name)
            lock.api_instance = client.CoordinationV1Api(api)
            how = electionconfig.Config(
                lock, 2, renew_deadline=1.5, retry_period=1, onstarted_leading=lead, onstopped_leading=lambda: None
            )
            leaderelection.LeaderElection(how).run()

    async with Caller(plane.kubeconfig) as api, asyncio.TaskGroup() as group:
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/leader"
        group.create_task(in_thread(lambda: candidate("one")))
        await in_thread(lambda: check(led.get(timeout=20) == "one"))
        taken = (await api.get(path)).body
        assert taken["spec"]["holderIdentity"] == "one"
        group.create_task(in_thread(lambda: candidate("other")))
        async with api.watch(f"{path}?watch=true&resourceVersion={taken['metadata']['resourceVersion']}") as events:
            renewed = (await events.next())["object"]["spec"]
        assert renewed["holderIdentity"] == "one"
        assert renewed["acquireTime"] == taken["spec"]["acquireTime"]
        assert renewed["renewTime"] > taken["spec"]["renewTime"]
        assert led.empty()
        dies["one"].set()
        await in_thread(lambda: check(led.get(timeout=20) == "other"))
        assert (await api.get(path)).body["spec"]["holderIdentity"] == "other"
        dies["other"].set()


def check(holds: bool) -> None:
    assert holds
