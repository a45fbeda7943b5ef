"""A call from outside reaches the object that its Receiver names."""

import hashlib
import hmac
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from image_automation.notification.receiver import path_of
from tests import typed
from tests.e2e import stage

NAMESPACE = "flux-system"
OBJECTS = """\
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: flux-system}
stringData: {token: s3cret}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system, labels: {team: web}}
spec: {image: 127.0.0.1:1/team/web, interval: 1h}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: ghcr, namespace: flux-system}
spec:
  type: generic-hmac
  secretRef: {name: hook}
  resources:
  - {kind: ImageRepository, name: "*", matchLabels: {team: web},
     filter: "req.tag == '1.0.1' && res.metadata.name == 'web'"}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[tuple[stage.Stage, str]]:
    port = free_port()
    async with stage.running(
        tmp_path / "data", controllers=frozenset({"receiver", "imagerepository"}), receiver_addr=f"127.0.0.1:{port}"
    ) as up:
        await up.kubectl("create", "namespace", NAMESPACE)
        await up.apply(OBJECTS)
        yield up, f"http://127.0.0.1:{port}"


async def test_a_signed_call_asks_for_a_reconcile_and_a_forged_one_does_not(door: tuple[stage.Stage, str]) -> None:
    up, url = door
    ready = await up.until("notification.toolkit.fluxcd.io/v1", "Receiver", NAMESPACE, "ghcr", stage.is_ready)
    path = path_of(b"s3cret", "ghcr", NAMESPACE)
    assert ready["status"]["webhookPath"] == path
    assert stage.condition(ready, "Ready")["message"] == f"Receiver initialized for path: {path}"
    assert stage.condition(ready, "Ready")["reason"] == "Succeeded"

    async def call(body: bytes, signature: str, where: str = path) -> int:
        headers = {"X-Signature": signature, "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as session, session.post(url + where, data=body, headers=headers) as answer:
            assert await answer.read() == b""
            return answer.status

    body = b'{"tag": "1.0.1"}'
    signature = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert await call(body, "sha256=" + "0" * 64) == 400
    assert await call(body, signature, path + "?x=1") == 404
    assert await call(body, signature, "/hook/" + "0" * 64) == 404
    before = await up.client.get_object("image.toolkit.fluxcd.io/v1", "ImageRepository", NAMESPACE, "web")
    assert "reconcile.fluxcd.io/requestedAt" not in before["metadata"].get("annotations", {})
    assert await call(body, signature) == 200
    after = await up.client.get_object("image.toolkit.fluxcd.io/v1", "ImageRepository", NAMESPACE, "web")
    assert "+0000 UTC m=+" in after["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]

    await up.kubectl("patch", "receiver", "ghcr", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    await up.until(
        "notification.toolkit.fluxcd.io/v1", "Receiver", NAMESPACE, "ghcr", lambda obj: obj["spec"].get("suspend")
    )
    assert await call(body, signature) == 503


async def test_the_command_line_shows_urls_and_sends_a_call(door: tuple[stage.Stage, str]) -> None:
    up, url = door
    await up.until("notification.toolkit.fluxcd.io/v1", "Receiver", NAMESPACE, "ghcr", stage.is_ready)
    await up.kubectl(
        "patch", "receiver", "ghcr", "-n", NAMESPACE, "--type=json",
        "-p", '[{"op": "remove", "path": "/spec/resources/0/filter"}]',
    )  # fmt: skip
    path = path_of(b"s3cret", "ghcr", NAMESPACE)
    shown = await verb(up, "get", "receivers", "--hostname", "hooks.example.com")
    assert f"https://hooks.example.com{path}\tFalse" in shown
    assert "ghcr answered 200" in await verb(up, "trigger", "receiver", "ghcr", "--hostname", url)


async def verb(up: stage.Stage, *arguments: str) -> str:
    done = await typed.run(*arguments, "--kubeconfig", str(up.kubeconfig), environment=os.environ, together=True)
    assert done.code == 0, done.out
    return done.out
