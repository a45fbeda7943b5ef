"""What gets through the window to a cluster: questions, with who asks behind them, and nothing that acts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from deploy.helm.rendering import window
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import Config, from_kubeconfig
from gotk.kube.credentials import constant
from tests.gotk.oci.serving import serving

READS = {
    "the version": "/version",
    "what there is": "/apis",
    "the group of a kind": "/apis/apps",
    "the kinds of a group": "/apis/apps/v1",
    "how kinds look": "/openapi/v3/apis/apps/v1",
    "a collection of all namespaces": "/apis/apps/v1/deployments",
    "a collection": "/api/v1/namespaces/default/configmaps",
    "an object": "/api/v1/namespaces/default/configmaps/a",
    "an object of no namespace": "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
    "a namespace": "/api/v1/namespaces/default",
    "an object that is named as something else": "/api/v1/namespaces/default/configmaps/proxy",
}
ACTS = {
    "a command in a pod": "/api/v1/namespaces/default/pods/a/exec",
    "a port of a pod": "/api/v1/namespaces/default/pods/a/portforward",
    "what a service says": "/api/v1/namespaces/default/services/a/proxy/admin",
    "what a node says": "/api/v1/nodes/a/proxy/run",
    "a log": "/api/v1/namespaces/default/pods/a/log",
    "the proxy of old": "/api/v1/proxy/nodes",
    "a watch of old": "/api/v1/watch/pods",
    "beside the API": "/metrics",
    "another page": "/debug/pprof/heap",
    "climbing": "/api/v1/../../metrics",
    "a slash that is hidden": "/api/v1/nodes/a%2Fproxy",
    "an empty step": "/api/v1//nodes",
}


@pytest.mark.parametrize("path", READS.values(), ids=READS)
def test_what_reads_passes(path: str) -> None:
    assert window.passes(path, {"limit": "500", "watch": "false", "timeout": "32s"})


@pytest.mark.parametrize("path", ACTS.values(), ids=ACTS)
def test_what_acts_does_not_pass(path: str) -> None:
    assert not window.passes(path, {})


def test_what_never_ends_does_not_pass() -> None:
    for query in ({"watch": "true"}, {"watch": "1"}, {"watch": "T"}, {"follow": "true"}):
        assert not window.passes("/api/v1/pods", query)


@asynccontextmanager
async def looking(cluster: Any, **limits: int) -> AsyncIterator[tuple[window.Window, aiohttp.ClientSession]]:
    async with window.opened(cluster, **limits) as opened, aiohttp.ClientSession() as session:
        yield opened, session


async def told(session: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with session.get(url) as answer:
        return answer.status, await answer.json()


async def test_questions_are_asked_as_the_account_that_the_cluster_is_seen_by(tmp_path: Path) -> None:
    async with (
        ControlPlane(tmp_path / "plane", authorization_mode="RBAC") as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        async with looking(client) as (opened, session):
            accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
            async with session.get(f"{opened.address}/apis", headers={"Accept": accept}) as answer:
                assert answer.headers["Content-Type"].endswith("as=APIGroupDiscoveryList")
                assert (await answer.json())["kind"] == "APIGroupDiscoveryList"
            chosen = f"{opened.address}/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault"
            assert [each["metadata"]["name"] for each in (await told(session, chosen))[1]["items"]] == ["default"]
            status, found = await told(session, f"{opened.address}/api/v1/namespaces/default/configmaps/none")
            assert (status, found["reason"]) == (404, "NotFound")
        async with looking(client.acting_as("system:serviceaccount:default:nobody")) as (opened, session):
            status, found = await told(session, f"{opened.address}/api/v1/namespaces/default/secrets")
            assert status == 403
            assert "system:serviceaccount:default:nobody" in found["message"]


async def test_nothing_but_reading_gets_through_and_only_by_its_secret_address(tmp_path: Path) -> None:
    async with (
        ControlPlane(tmp_path / "plane") as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
        looking(client) as (opened, session),
    ):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}}
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            async with session.request(method, f"{opened.address}/api/v1/namespaces", json=namespace) as answer:
                assert (answer.status, (await answer.json())["reason"]) == (405, "MethodNotAllowed")
        async with session.get(f"{opened.address}/api/v1/namespaces/made") as answer:
            assert answer.status == 404
        async with session.get(f"{opened.address}/api/v1/namespaces?watch=true") as answer:
            assert answer.status == 403
        base = opened.address.rpartition("/")[0]
        for guess in ("", "/", "/api", "/wrong/api", "//api"):
            async with session.get(base + guess) as answer:
                assert answer.status == 401
        config = msgspec.json.decode(opened.kubeconfig())
        assert config["clusters"][0]["cluster"] == {"server": opened.address}
        assert "users" not in config
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{opened.address}/version")


class Large:
    """An API server that answers anything with so many bytes, in pieces."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(self._size >> 10):
            await response.write(bytes(1 << 10))
        return response


@asynccontextmanager
async def before(handler: Any, **limits: int) -> AsyncIterator[tuple[window.Window, aiohttp.ClientSession]]:
    async with serving(handler) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=constant(None))
        async with Client(config) as client, looking(client, **limits) as (opened, session):
            yield opened, session


async def fetched(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return len(await answer.read())


LIMITS: dict[str, tuple[Mapping[str, int], str]] = {
    "one that is too large": (
        {"largest_answer": 1 << 20},
        "the cluster's answer to /api/v1/secrets is larger than 1 MiB",
    ),
    "too large together": (
        {"largest_sum": 2 << 20},
        "the cluster's answers to the chart are larger than 2 MiB together",
    ),
    "too many": ({"most_questions": 1}, "the chart asks the cluster more than 1 times"),
}


@pytest.mark.parametrize(("limits", "cause"), LIMITS.values(), ids=LIMITS)
async def test_answers_are_bounded_and_the_bound_is_named(limits: Mapping[str, int], cause: str) -> None:
    async with before(Large(3 << 19), **limits) as (opened, session):
        assert opened.closed_by == ""
        for _ in range(2):
            try:
                await fetched(session, f"{opened.address}/api/v1/secrets")
            except aiohttp.ClientError:
                continue
        assert opened.closed_by == cause


async def test_an_answer_within_bounds_comes_whole() -> None:
    async with before(Large(3 << 20)) as (opened, session):
        assert await fetched(session, f"{opened.address}/api/v1/secrets") == 3 << 20


async def test_a_cluster_that_is_away_is_said_to_be() -> None:
    config = Config(host="http://127.0.0.1:1", origin="a test", authorization=constant(None))
    async with Client(config) as client, looking(client) as (opened, session):
        status, found = await told(session, f"{opened.address}/version")
        assert status == 502
        assert "cannot reach the Kubernetes API at http://127.0.0.1:1" in found["message"]


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"items":[')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with before(handler) as (opened, session):
        with pytest.raises(aiohttp.ClientError):
            await fetched(session, f"{opened.address}/api/v1/secrets")
