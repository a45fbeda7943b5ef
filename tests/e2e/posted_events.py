"""Stories of what objects go through, and the events that controllers post of them to an address.

Here is the story of a repository and what is applied from it; that of images is in `posted_image_events`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer
from tests.e2e import stage

SOURCE = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
NAMESPACE = "apps"
_LIMIT = 20.0
_CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: apps}\ndata: {a: 'VALUE'}\n"
_HIDDEN = (
    (re.compile(r"sha1:[0-9a-f]{40}"), "sha1:COMMIT"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:DIGEST"),
    (re.compile(r"(?<!/)127\.0\.0\.1:\d+"), "REGISTRY"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://SERVER"),
    (re.compile(r"\b(\d+(\.\d+)?(h|m|s|ms|µs))+\b"), "TIME"),
    (re.compile(r"/[\w./-]*kustomization-\d+"), "FOLDER"),
)


@dataclass
class Listener:
    """An address for events that remembers what was posted, each event once."""

    url: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    types: set[str] = field(default_factory=set)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take an event."""
        event = await request.json()
        self.types.add(f"{request.method} {request.content_type}")
        if (shown := _shown(event)) not in self.posted:
            self.posted.append(shown)
            self._came.set()
        return web.Response(status=202)

    async def until(self, number: int) -> None:
        """Wait until so many different events have come."""
        while len(self.posted) < number:
            self._came.clear()
            await self._came.wait()


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    """Keep what is the same in every run, and which fields there are."""
    about = event["involvedObject"]
    return {
        "fields": list(event),
        "about": {key: value for key, value in about.items() if key not in {"uid", "resourceVersion"}},
        "about fields": list(about),
        "severity": event["severity"],
        "timestamp": re.sub(r"\d", "0", event["timestamp"]),
        "reason": event["reason"],
        "message": _hidden(event["message"]),
        "metadata": {key: _hidden(value) for key, value in event.get("metadata", {}).items()},
        "from": event["reportingController"],
    }


def _hidden(text: str) -> str:
    for pattern, name in _HIDDEN:
        text = pattern.sub(name, text)
    return text


@contextlib.asynccontextmanager
async def listener() -> AsyncIterator[Listener]:
    """Listen on loopback."""
    found = Listener()
    app = web.Application()
    app.router.add_post("/{path:.*}", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class Story:
    """The cluster, and the repository and registry of the story."""

    up: stage.Stage
    repository: Path
    git: GitServer
    registry: RegistryServer
    asked: int = 0

    @property
    def client(self) -> Client:
        return self.up.client

    def commit(self, files: dict[str, str], message: str) -> str:
        return f"main@sha1:{seed.seed(self.repository, files, message=message)}"

    async def follow(self, revision: str) -> None:
        """Ask for the repository and wait until what is in it has been applied, as it is without being asked for."""

        def holds(obj: dict[str, Any]) -> bool:
            return bool(stage.is_ready(obj) and obj["status"].get("lastAppliedRevision") == revision)

        await self.patch(*GIT)
        await self.up.until(APP[0], APP[1], NAMESPACE, APP[2], holds)

    async def create(self, api_version: str, kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> None:
        meta = {"name": name, "namespace": NAMESPACE, **metadata}
        await self.client.create_object({"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec})

    async def patch(self, api_version: str, kind: str, name: str, **spec: Any) -> None:
        """Change an object and ask for a run."""
        self.asked += 1
        asked = {"reconcile.fluxcd.io/requestedAt": str(self.asked)}
        patch = {"metadata": {"annotations": asked}, **({"spec": spec} if spec else {})}
        await self.client.patch_object(api_version, kind, NAMESPACE, name, patch)

    async def ready(self, api_version: str, kind: str, name: str, *, status: str = "True", reason: str = "") -> None:
        def holds(obj: dict[str, Any]) -> bool:
            found = stage.condition(obj, "Ready")
            handled = (obj.get("status") or {}).get("lastHandledReconcileAt", "")
            wanted = obj["metadata"].get("annotations", {}).get("reconcile.fluxcd.io/requestedAt", "")
            return found.get("status") == status and reason in found.get("reason", "") and handled == wanted

        await self.up.until(api_version, kind, NAMESPACE, name, holds)

    async def chosen(self, api_version: str, kind: str, name: str, tag: str) -> None:
        def holds(obj: dict[str, Any]) -> bool:
            return bool(((obj.get("status") or {}).get("latestRef") or {}).get("tag") == tag)

        await self.up.until(api_version, kind, NAMESPACE, name, holds)


GIT = (SOURCE, "GitRepository", "fleet")
APP = (KUSTOMIZE, "Kustomization", "web")
FILES = {
    "web/config.yaml": _CONFIG.replace("NAME", "one").replace("VALUE", "1"),
    "web/kustomization.yaml": "resources: [config.yaml]\n",
}


async def begin(story: Story) -> None:
    story.commit(FILES, "Begin\n\nwith a body")
    spec = {"url": story.git.url("fleet.git"), "interval": "1h", "ref": {"branch": "main"}}
    await story.create(*GIT, spec)
    await story.ready(*GIT)
    app = {"interval": "1h", "path": "./web", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
    annotations = {"event.toolkit.fluxcd.io/team": "web", "example.com/x": "y"}
    await story.create(*APP, app, annotations=annotations)
    await story.ready(*APP)


async def again(story: Story) -> None:
    await story.patch(*GIT)
    await story.ready(*GIT)
    await story.patch(*APP)
    await story.ready(*APP)


async def change(story: Story) -> None:
    revision = story.commit(
        {
            "web/config.yaml": FILES["web/config.yaml"].replace("'1'", "'2'"),
            "web/two.yaml": _CONFIG.replace("NAME", "two"),
            "web/kustomization.yaml": "resources: [config.yaml, two.yaml]\n",
        },
        "Add a second",
    )
    await story.follow(revision)


async def prune(story: Story) -> None:
    revision = story.commit({"web/kustomization.yaml": "resources: [config.yaml]\n"}, "Take the second away")
    await story.follow(revision)


async def no_path(story: Story) -> None:
    await story.patch(*APP, path="./nowhere")
    await story.ready(*APP, status="False", reason="ArtifactFailed")


async def path_back(story: Story) -> None:
    await story.patch(*APP, path="./web")
    await story.ready(*APP)


async def no_branch(story: Story) -> None:
    await story.patch(*GIT, ref={"branch": "nowhere"})
    await story.ready(*GIT, status="False")


async def branch_back(story: Story) -> None:
    await story.patch(*GIT, ref={"branch": "main"})
    await story.ready(*GIT)


async def dependency(story: Story) -> None:
    await story.patch(*APP, dependsOn=[{"name": "nobody"}])
    await story.ready(*APP, status="False", reason="DependencyNotReady")


async def no_dependency(story: Story) -> None:
    await story.patch(*APP, dependsOn=None)
    await story.ready(*APP)


async def no_source(story: Story) -> None:
    await story.patch(*APP, sourceRef={"name": "nobody"})
    await story.ready(*APP, status="False")


async def source_back(story: Story) -> None:
    await story.patch(*APP, sourceRef={"name": "fleet"})
    await story.ready(*APP)


async def delete(story: Story) -> None:
    for api_version, kind, name in (APP, GIT):
        async with asyncio.timeout(_LIMIT):
            async for type_, _obj in story.client.watch_objects(api_version, kind, NAMESPACE):
                if type_ == "DELETED":
                    break
                if type_ == "ADDED":
                    await story.client.delete_object(api_version, kind, NAMESPACE, name)


Steps = Mapping[str, Callable[[Story], Awaitable[None]]]
STEPS: Steps = {
    "a repository and what is applied from it": begin,
    "another run without a change": again,
    "a change and an addition": change,
    "something taken away": prune,
    "a path that is not there": no_path,
    "the path is there again": path_back,
    "a branch that is not there": no_branch,
    "the branch is there again": branch_back,
    "a dependency that is not there": dependency,
    "no dependency any more": no_dependency,
    "a source that is not there": no_source,
    "the source is there again": source_back,
    "the end": delete,
}


async def play(
    steps: Steps, up: stage.Stage, home: Path, heard: Listener, calm: Callable[[str], Awaitable[None]]
) -> dict[str, Any]:
    """Play a story and tell, step by step, which new events came; `calm` waits for those of a step."""
    async with RegistryServer() as registry:
        with GitServer(home / "git") as git:
            story = Story(up, home / "git" / "fleet.git", git, registry)
            await story.client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            return await _steps(steps, story, heard, calm)


async def _steps(steps: Steps, story: Story, heard: Listener, calm: Callable[[str], Awaitable[None]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for title, step in steps.items():
        heard.posted.clear()
        await step(story)
        await calm(title)
        told[title] = sorted(heard.posted, key=lambda event: (event["about"]["kind"], event["message"]))
    return told
