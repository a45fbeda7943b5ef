"""The client's own requests, against a server that says what a test wants."""

import json

import pytest
from aiohttp import web

from gotk.api.core import ServiceAccount
from gotk.kube import errors
from gotk.kube.client import Client
from gotk.kube.config import Config
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
