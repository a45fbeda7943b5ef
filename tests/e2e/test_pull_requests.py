"""A pull request from its opening over HTTP to its merge, of which the forge's webhook tells: nothing waits an hour."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import aiohttp
import pygit2

from gotk.api import extensions
from gotk.git.objects.seed import seed
from tests.e2e import stage
from tests.e2e.test_receivers import free_port
from tests.gotk.forge.standins.facts import Facts
from tests.gotk.forge.standins.github import GitHub
from tests.gotk.forge.standins.serving import served
from tests.image_automation.automating import FILE
from tests.image_automation.pull_requests.forging import WEB, Tips

AUTOMATION = ("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", "apps", "auto")
OBJECTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
apiVersion: v1
kind: Secret
metadata: {name: forge, namespace: apps}
stringData: {token: t0k3n}
---
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: apps}
stringData: {token: s3cret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: apps}
spec: {url: "file://REMOTE", interval: 1h, ref: {branch: main}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: "*"}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: auto
  namespace: apps
  annotations:
    image-automation.dev/pull-request: "{type: github, address: 'FORGE/org/web', secretRef: {name: forge}, per: policy}"
spec:
  interval: 1h
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: Bot, email: bot@example.com}}}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: github, namespace: apps}
spec:
  type: github
  events: [push, pull_request]
  secretRef: {name: hook}
  resources: [{kind: GitRepository, name: fleet}]
"""


def opened(obj: dict[str, Any]) -> list[Any]:
    """Return the pull requests that the report has."""
    found = json.loads(obj["metadata"]["annotations"].get(extensions.REPORT, "{}"))
    return [each["number"] for each in found.get("pullRequests", []) if each.get("number")]


def said(obj: dict[str, Any]) -> str:
    return str(stage.condition(obj, "Ready")["message"])


async def test_a_merge_that_a_webhook_tells_of_is_seen_at_once(tmp_path: Path) -> None:
    remote, port = tmp_path / "remote.git", free_port()
    seed(remote, {"apps/web.yaml": FILE})
    facts = Facts(branches=Tips(remote))

    def refresh() -> None:
        for pull in facts.pulls:
            if pull.state == "open":
                pull.head_sha = facts.branches[pull.head]

    controllers = frozenset({"imageupdateautomation", "receiver"})
    async with (
        served(GitHub(facts), path="/api/v3", before=refresh) as (address, seen),
        stage.running(tmp_path / "data", controllers=controllers, receiver_addr=f"127.0.0.1:{port}") as up,
    ):
        await up.apply(OBJECTS.replace("REMOTE", str(remote)).replace("FORGE", address))
        chosen = '{"status": {"latestRef": {"name": "a/web", "tag": "1.1"}}}'
        await up.kubectl(
            "patch", "imagepolicy", "web", "-n", "apps", "--subresource=status", "--type=merge", "-p", chosen
        )
        await up.until(*AUTOMATION, lambda obj: opened(obj) == [1])
        assert {request.headers["Authorization"] for request in seen} == {"Bearer t0k3n"}
        (pull,) = facts.pulls
        merge(remote, facts)
        ready = await up.until("notification.toolkit.fluxcd.io/v1", "Receiver", "apps", "github", stage.is_ready)
        await call(f"http://127.0.0.1:{port}{ready['status']['webhookPath']}")
        await up.until(*AUTOMATION, lambda obj: opened(obj) == [] and said(obj) == "repository up-to-date")
        assert (pull.title, WEB in facts.branches) == ("Update web from 1.0 to 1.1", False)
        told = await up.client.list_objects("v1", "Event", "apps")
        assert "PullRequestMerged" in {event["reason"] for event in told}


def merge(remote: Path, facts: Facts) -> None:
    """Merge as a person does."""
    tip = facts.branches[WEB]
    pygit2.Repository(str(remote)).references["refs/heads/main"].set_target(tip)
    facts.pulls[0].state, facts.pulls[0].merge_commit = "merged", tip


async def call(url: str) -> None:
    """Tell of it as GitHub does."""
    body = b'{"action": "closed", "pull_request": {"number": 1, "merged": true}}'
    headers = {
        "X-GitHub-Event": "pull_request",
        "X-Hub-Signature-256": "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest(),
        "Content-Type": "application/json",
    }
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 200
