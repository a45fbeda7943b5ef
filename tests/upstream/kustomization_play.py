"""Cases of Kustomizations: how each is set up, played, and what is kept of it."""

import contextlib
import hashlib
import io
import json
import re
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from gotk.kube import errors
from tests.upstream import scene
from tests.upstream.scene import Json

KIND = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
_TRIES = 100
_TOOK = re.compile(r"(?<![\w.])(?:\d+m)?\d+(?:\.\d+)?(?:ms|µs|\\u00b5s|s)(?![\w.])")
_FOLDER = re.compile(r"/[\w./-]*/kustomization-\d+")
_VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields")


@dataclass(frozen=True)
class Then:
    """What happens after the first run: another revision, the object changed; then a run is asked for."""

    files: Mapping[str, str] | None = None
    patch: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One Kustomization in a namespace of its own; @NS in any text stands for that namespace."""

    files: Mapping[str, str]
    spec: Json = field(default_factory=dict)
    objects: Sequence[Json] = ()
    source: bool = True
    artifact: bool = True
    digest: bool = True
    then: Sequence[Then] = ()
    until: Callable[[Json], bool] = scene.settled


def configmap(name: str = "a", **data: str) -> str:
    """A ConfigMap of the case's namespace."""
    lines = "".join(f"  {key}: '{value}'\n" for key, value in (data or {"k": "v"}).items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: '@NS'\ndata:\n{lines}"


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass
class Play:
    """A table set up on a plane, with its archives served over HTTP."""

    at: scene.Plane
    address: str
    archives: dict[str, bytes]
    cases: Mapping[str, Case]
    limit: float
    calm: Callable[[], Awaitable[None]] = _at_once

    async def prepare(self) -> None:
        """Make every source and object."""
        for name, case in self.cases.items():
            await self.at.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            for obj in case.objects:
                await self.at.create(self._within(name, obj))
            if case.source:
                await self._publish(name, case, case.files, 1)
            await self.at.create(self._object(name, case))

    def _within(self, name: str, obj: Json) -> Json:
        placed = {**obj, "metadata": {"namespace": name, **obj["metadata"]}}
        return dict(json.loads(json.dumps(placed).replace("@NS", name)))

    def _object(self, name: str, case: Case) -> Json:
        spec = {"interval": "1h", "retryInterval": "30m", "prune": True, "path": "./", "timeout": "3s",
                "sourceRef": {"kind": "GitRepository", "name": "fleet"}, **case.spec}  # fmt: skip
        spec = {key: value for key, value in spec.items() if value is not None}
        return self._within(name, {"apiVersion": KIND[0], "kind": KIND[1], "metadata": {"name": "apps"}, "spec": spec})

    async def _publish(self, name: str, case: Case, files: Mapping[str, str], number: int) -> None:
        data = _packed({path: text.replace("@NS", name) for path, text in files.items()})
        path = f"{name}/{number}.tar.gz"
        self.archives[path] = data
        digest = hashlib.sha256(data if case.digest else b"").hexdigest()
        artifact = {
            "digest": f"sha256:{digest}", "url": f"{self.address}{path}", "path": path, "size": len(data),
            "revision": f"main@sha1:{number:040d}", "lastUpdateTime": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "", "observedGeneration": 1,
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
        status = {"observedGeneration": 1, "conditions": [ready]}
        source = {
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": name}, "spec": {"url": "http://git.invalid/", "interval": "1h"},
            "status": {**status, **({"artifact": artifact} if case.artifact else {})},
        }  # fmt: skip
        if number == 1:
            await self.at.create(source)
        else:
            await self.at.patch(source, {"status": source["status"]}, subresource="status")

    async def run(self) -> dict[str, Json]:
        """Wait for all to settle, take the further steps, and return what is kept of each case."""
        last = await scene.settle(self.at, KIND, {n: case.until for n, case in self.cases.items()}, limit=self.limit)
        for step in range(max((len(case.then) for case in self.cases.values()), default=0)):
            going = {name: case for name, case in self.cases.items() if step < len(case.then)}
            await self.calm()
            for name, case in going.items():
                if (files := case.then[step].files) is not None:
                    await self._publish(name, case, files, step + 2)
                metadata = {"annotations": {"reconcile.fluxcd.io/requestedAt": f"step {step + 1}"}}
                await self.at.patch(self._object(name, case), {"metadata": metadata, **case.then[step].patch})
            last |= await scene.settle(self.at, KIND, {n: case.until for n, case in going.items()}, limit=self.limit)
        await self.calm()
        return {name: await self._kept(name, last[name]) for name in self.cases}

    async def _kept(self, name: str, last: Json) -> Json:
        for _ in range(_TRIES):
            obj = await self.at.client.get_object(*KIND, name, "apps")
            if last.get("unsettled") or scene.settled(obj):
                break
        status = obj.get("status") or {}
        kept = {
            "status": status,
            "unsettled": last.get("unsettled", False),
            "events": scene.events(self.at, name),
            "kubernetes": await scene.kubernetes_events(self.at, name),
            "objects": [await self._live(each) for each in (status.get("inventory") or {}).get("entries") or ()],
            "left": sorted(each["metadata"]["name"] for each in await self._all(name)),
        }
        cleaned = scene.cleaned(kept, {self.address: "http://artifacts/"})
        text = _FOLDER.sub("<folder>", _TOOK.sub("<took>", json.dumps(cleaned)))
        return dict(json.loads(text))

    async def _all(self, name: str) -> list[Json]:
        return await self.at.client.list_objects("v1", "ConfigMap", name)

    async def _live(self, entry: Json) -> Json:
        namespace, name, group, kind = entry["id"].split("_")
        version = f"{group}/{entry['v']}" if group else entry["v"]
        try:
            found = await self.at.client.get_object(version, kind, namespace, name)
        except errors.NotFound:
            return {"missing": entry["id"]}
        metadata = {key: value for key, value in found["metadata"].items() if key not in _VOLATILE}
        managers = sorted(f"{each['manager']} {each['operation']}" for each in found["metadata"]["managedFields"])
        kept = {key: value for key, value in found.items() if key not in {"metadata", "status"}}
        return {**kept, "metadata": metadata, "managers": managers}


def _packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, cases: Mapping[str, Case], *, limit: float, calm: Callable[[], Awaitable[None]] = _at_once
) -> AsyncIterator[Play]:
    """Set a table up on a plane of its own."""
    archives: dict[str, bytes] = {}

    async def serve(request: web.Request) -> web.Response:
        found = archives.get(request.path.removeprefix("/"))
        return web.Response(status=404) if found is None else web.Response(body=found)

    app = web.Application()
    app.router.add_get("/{tail:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with scene.plane(folder / "plane") as at:
            play = Play(at, f"http://127.0.0.1:{runner.addresses[0][1]}/", archives, cases, limit, calm=calm)
            await play.prepare()
            yield play
    finally:
        await runner.cleanup()
