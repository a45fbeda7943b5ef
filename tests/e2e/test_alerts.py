"""Alerts of a running service: what fails is told to a webhook, and so is what another controller posts."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import nats
import pytest
from aiohttp import web

from gotk.git.objects import seed
from tests.e2e import stage
from tests.gotk.cloud import standin
from tests.real import nats as real_nats

KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"


@dataclass
class Webhook:
    """A service that takes JSON and remembers it."""

    url: str = ""
    calls: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append((dict(request.headers), await request.json()))
        self._arrived.set()
        return web.Response()

    async def until(self, **wanted: str) -> Any:
        async with asyncio.timeout(60):
            while True:
                for _, body in self.calls:
                    if all(body.get(key) == value for key, value in wanted.items()):
                        return body
                self._arrived.clear()
                await self._arrived.wait()


@contextlib.asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    app = web.Application()
    app.router.add_post("/secret-path", hook.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/secret-path"
    try:
        yield hook
    finally:
        await runner.cleanup()


ALERT = """\
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: flux-system}
stringData: {address: HOOK, headers: "X-Team: web"}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: hook, namespace: flux-system}
spec: {type: generic, secretRef: {name: hook}}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: hook, namespace: flux-system}
spec:
  providerRef: {name: hook}
  eventSeverity: error
  eventMetadata: {cluster: demo}
  eventSources:
  - {kind: Kustomization, name: "*"}
  - {kind: HelmRelease, name: web, namespace: apps}
"""
BROKEN = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: web, namespace: flux-system}
spec: {url: "file://REPOSITORY", interval: 10m, ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec: {interval: 10m, path: ./nowhere, prune: true, sourceRef: {kind: GitRepository, name: web}}
"""


async def test_a_kustomization_that_fails_is_told_to_a_webhook(tmp_path: Path) -> None:
    repository = tmp_path / "web.git"
    seed.seed(repository, {"apps/config.yaml": b"a: b\n"})
    controllers = frozenset({"gitrepository", "kustomization", "alert"})
    async with webhook() as hook, stage.running(tmp_path / "data", controllers=controllers) as up:
        await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
        await up.apply(ALERT.replace("HOOK", hook.url))
        await up.apply(BROKEN.replace("REPOSITORY", str(repository)))
        told = await hook.until(severity="error")
    assert told["involvedObject"]["kind"] == "Kustomization"
    assert told["involvedObject"]["name"] == "web"
    assert told["metadata"]["cluster"] == "demo"
    assert told["metadata"]["revision"].startswith("main@sha1:")
    assert "nowhere" in told["message"]
    assert hook.calls[0][0]["X-Team"] == "web"
    assert hook.calls[0][0]["Gotk-Component"] == "kustomize-controller"


HELM_EVENT = {
    "involvedObject": {
        "kind": "HelmRelease", "namespace": "apps", "name": "web", "uid": "u",
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
    },
    "severity": "error",
    "timestamp": "2026-01-01T12:00:00Z",
    "message": "install retries exhausted",
    "reason": "InstallFailed",
    "metadata": {"helm.toolkit.fluxcd.io/revision": "1.0.0", "helm.toolkit.fluxcd.io/token": "t", "other/key": "x"},
    "reportingController": "helm-controller",
    "reportingInstance": "helm-controller-0",
}  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_an_event_that_another_controller_posts_goes_out_once_an_interval(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    async with (
        webhook() as hook,
        stage.running(tmp_path, controllers=frozenset({"alert"}), notification_addr=address) as up,
        aiohttp.ClientSession() as session,
    ):
        await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
        await up.apply(ALERT.replace("HOOK", hook.url))
        await up.until("notification.toolkit.fluxcd.io/v1beta3", "Alert", "flux-system", "hook", bool)
        answers = []
        for body in (HELM_EVENT, HELM_EVENT, "no event"):
            async with session.post(f"http://{address}/", json=body) as answer:
                answers.append((answer.status, answer.headers.get("X-RateLimit-Remaining")))
        told = await hook.until(reason="InstallFailed")
    assert answers == [(202, "0"), (429, "0"), (400, None)]
    assert told["metadata"] == {"cluster": "demo", "revision": "1.0.0"}
    assert len(hook.calls) == 1


async def test_what_cannot_be_sent_is_an_event_on_the_alert_without_the_secret(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    nowhere = f"http://127.0.0.1:{_free_port()}/secret-path"
    async with (
        stage.running(tmp_path, controllers=frozenset({"alert"}), notification_addr=address) as up,
        aiohttp.ClientSession() as session,
    ):
        await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
        hasty = ALERT.replace("HOOK", nowhere).replace("type: generic,", "type: generic, timeout: 300ms,")
        await up.apply(hasty)
        async with session.post(f"http://{address}/", json=HELM_EVENT) as answer:
            assert answer.status == 202
        async with asyncio.timeout(60):
            async for _, event in up.client.watch_objects("v1", "Event", "flux-system"):
                if event["reason"] == "NotificationDispatchFailed":
                    break
    assert event["involvedObject"]["kind"] == "Alert"
    assert event["type"] == "Warning"
    assert event["message"].startswith("failed to send notification for HelmRelease/apps/web: ")
    assert "secret-path" not in event["message"]


async def test_an_event_goes_to_a_service_that_only_apprise_knows(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    async with (
        webhook() as hook,
        stage.running(tmp_path, controllers=frozenset({"alert"}), notification_addr=address) as up,
        aiohttp.ClientSession() as session,
    ):
        await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
        by_apprise = ALERT.replace("type: generic,", "type: apprise,").replace(
            "HOOK", hook.url.replace("http", "json", 1)
        )
        await up.apply(by_apprise)
        async with session.post(f"http://{address}/", json=HELM_EVENT) as answer:
            assert answer.status == 202
        told = await hook.until(type="failure")
    assert told["title"] == "✗ helmrelease/web.apps: InstallFailed"
    assert "install retries exhausted" in told["message"]
    assert "cluster: demo" in told["message"]


@pytest.mark.real
async def test_an_event_goes_to_a_subject_of_nats(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    with real_nats.server(tmp_path, 'authorization: { users: [ { user: "bot", password: "pw" } ] }') as port:
        client = await nats.connect(f"nats://bot:pw@127.0.0.1:{port}")
        subscribed = await client.subscribe("flux.events")
        await client.flush()
        secret = f'{{address: "nats://127.0.0.1:{port}", username: bot, password: pw}}'
        to_nats = ALERT.replace('{address: HOOK, headers: "X-Team: web"}', secret)
        to_nats = to_nats.replace("type: generic,", "type: nats, channel: flux.events,")
        async with (
            stage.running(tmp_path / "data", controllers=frozenset({"alert"}), notification_addr=address) as up,
            aiohttp.ClientSession() as session,
        ):
            await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
            await up.apply(to_nats)
            async with session.post(f"http://{address}/", json=HELM_EVENT) as answer:
                assert answer.status == 202
            told = json.loads((await subscribed.next_msg(timeout=20)).data)
        await client.close()
    assert told["reason"] == "InstallFailed"
    assert told["metadata"] == {"cluster": "demo", "revision": "1.0.0"}


async def test_a_provider_without_a_secret_is_who_this_service_is(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    commit = "1234567890abcdef1234567890abcdef12345678"
    statuses = f"/org/project/_apis/git/repositories/web/commits/{commit}/statuses"
    arrived = asyncio.Event()

    def told(_: standin.Asked) -> web.StreamResponse:
        arrived.set()
        return web.json_response({})

    replies = {
        "GET /metadata/identity/oauth2/token": {"access_token": "entra", "expires_in": 3599},
        f"GET {statuses}": {"value": []},
        f"POST {statuses}": told,
    }
    event = {**HELM_EVENT, "metadata": {"helm.toolkit.fluxcd.io/revision": f"main@sha1:{commit}"}}
    async with (
        standin.services(replies) as azure,
        stage.running(
            tmp_path,
            controllers=frozenset({"alert"}),
            notification_addr=address,
            environment={"AZURE_POD_IDENTITY_AUTHORITY_HOST": azure.url},
        ) as up,
        aiohttp.ClientSession() as session,
    ):
        await up.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
        repository = f'type: azuredevops, address: "{azure.url}/org/project/_git/web"'
        await up.apply(ALERT.replace("type: generic, secretRef: {name: hook}", repository))
        async with session.post(f"http://{address}/", json=event) as answer:
            assert answer.status == 202
        async with asyncio.timeout(60):
            await arrived.wait()
    basic = "Basic " + base64.b64encode(b":entra").decode()
    assert azure.paths == list(replies)
    assert [asked.headers.get("Authorization") for asked in azure.asked] == [None, basic, basic]
