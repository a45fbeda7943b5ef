"""The client's own requests, against a server that says what a test wants."""

import json
from typing import Any

import pytest
from aiohttp import web

from gotk.api.core import ServiceAccount
from gotk.kube import errors
from gotk.kube.client import Client
from gotk.kube.config import Config
from gotk.kube.credentials import constant
from tests.gotk.oci.serving import serving


async def test_a_token_of_a_service_account_is_asked_of_its_subresource():
    asked: list[tuple[str, str, dict[str, object]]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, json.loads(await request.read())))
        return web.json_response(asked[0][2] | {"status": {"token": "jwt"}}, status=201)

    async def nobody() -> str:
        return ""

    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["a"]}}
    async with serving(handler) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=nobody)
        async with Client(config) as client:
            made = await client.create_subresource(ServiceAccount, "team", "robot", "token", wanted)
    assert asked == [("POST", "/api/v1/namespaces/team/serviceaccounts/robot/token", wanted)]
    assert made["status"] == {"token": "jwt"}


async def test_who_may_not_write_any_more_reads_and_sends_nothing_else():
    asked: list[str] = []
    left = [30.0]

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.method)
        return web.json_response(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "gitVersion": "v1",
                "metadata": {"name": "robot", "namespace": "team"},
            }
        )

    async def nobody() -> str:
        return ""

    async with serving(handler) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=nobody)
        async with Client(config, write_time=lambda: left[0]) as client:
            await client.merge_patch(ServiceAccount, "team", "robot", {})
            left[0] = 0.0
            for write in (
                client.merge_patch(ServiceAccount, "team", "robot", {}),
                client.create_subresource(ServiceAccount, "team", "robot", "token", {}),
            ):
                with pytest.raises(errors.Fenced, match="this replica is not the leader"):
                    await write
            await client.version()
    assert asked == ["PATCH", "GET"]


class OldStorage:
    """A server over a storage that cannot stream what exists: its first event of such a watch is a Status."""

    CAUSE = (
        "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled"
    )

    def __init__(self, code: int = 500, reason: str = "InternalError", before: bytes = b"") -> None:
        self.status = {"kind": "Status", "code": code, "reason": reason, "message": self.CAUSE}
        self.before = before
        self.asked: list[dict[str, str]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/api/v1":
            named = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list", "watch"]}
            return web.json_response({"kind": "APIResourceList", "groupVersion": "v1", "resources": [named]})
        query = dict(request.query)
        self.asked.append({key: query[key] for key in ("watch", "resourceVersion", "labelSelector") if key in query})
        if "watch" not in query:
            return web.json_response({"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}}]})
        if query["resourceVersion"] == "0":
            return web.Response(body=self.before + event("ERROR", self.status))
        return web.Response(body=event("MODIFIED", {"metadata": {"name": "a"}}))


def event(type_: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


async def watched(server: OldStorage) -> list[tuple[str, str, str]]:
    seen = []
    async with serving(server) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=constant(None))
        async with Client(config) as client:
            async for type_, obj in client.watch_objects("v1", "ConfigMap", "team", labels="app=web"):
                seen.append((type_, obj["kind"], obj["metadata"]["name"]))
    return seen


async def test_where_a_watch_cannot_begin_with_what_exists_it_is_listed_and_watched_from_there():
    server = OldStorage()
    assert await watched(server) == [("ADDED", "ConfigMap", "a"), ("MODIFIED", "ConfigMap", "a")]
    selected = {"labelSelector": "app=web"}
    assert server.asked == [
        {"watch": "true", "resourceVersion": "0", **selected},
        selected,
        {"watch": "true", "resourceVersion": "7", **selected},
    ]


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (OldStorage(410, "Expired"), errors.Expired),
        (OldStorage(before=event("ADDED", {"metadata": {"name": "a"}})), errors.APIError),
    ],
    ids=["it is too old", "it had begun"],
)
async def test_any_other_end_of_a_watch_is_an_error(server: OldStorage, error: type[errors.APIError]):
    with pytest.raises(error, match="RequestWatchProgress"):
        await watched(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("page", "told"),
    [
        pytest.param({"metadata": {"continue": "more"}, "items": []}, "has more than 1000 pages", id="without an end"),
        pytest.param({"items": [1]}, "the answer is not one of a Kubernetes API", id="of something else"),
    ],
)
async def test_a_list_of_versions_that_is_none_is_told(page: dict[str, Any], told: str):
    async def handler(request: web.Request) -> web.Response:
        resources = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}
        return web.json_response(resources if request.path == "/api/v1" else page)

    async def nobody() -> str:
        return ""

    async with serving(handler) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=nobody)
        async with Client(config) as client:
            with pytest.raises(errors.Unreachable, match=told):
                await client.versions("v1", "ConfigMap", "team")
