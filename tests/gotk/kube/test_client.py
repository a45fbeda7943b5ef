"""The client's own requests, against a server that says what a test wants."""

import json

from aiohttp import web

from gotk.api.core import ServiceAccount
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
