"""Cases of GitRepositories: how each is set up, played, and what is kept of it."""

import contextlib
import hashlib
import io
import json
import socket
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pygit2

from gotk.git.serving.server import BasicAuth, GitServer
from tests.upstream import repositories, scene
from tests.upstream.automation_play import secret
from tests.upstream.scene import Json

KIND = ("source.toolkit.fluxcd.io/v1", "GitRepository")
_TRIES = 100


@dataclass(frozen=True)
class Then:
    """What happens after the first run: files pushed, the object changed; then a run is asked for."""

    push: Mapping[str, Any] | None = None
    patch: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One GitRepository in a namespace of its own."""

    files: Mapping[str, Any] = field(default_factory=lambda: {"a.yaml": "a: 1\n", "docs/b.md": "b\n"})
    spec: Json = field(default_factory=dict)
    branches: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    objects: Sequence[Json] = ()
    guarded: bool = False
    message: str = ""
    then: Sequence[Then] = ()
    until: Callable[[Json], bool] = scene.settled


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass
class Play:
    """A table set up on a plane, with its repositories served over HTTP."""

    at: scene.Plane
    root: Path
    open_: GitServer
    guarded: GitServer
    silent: int
    cases: Mapping[str, Case]
    limit: float
    calm: Callable[[], Awaitable[None]] = _at_once
    known: dict[str, dict[str, str]] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Make every repository and object."""
        for name, case in self.cases.items():
            path = self.root / f"{name}.git"
            branches = {"main": case.files, **case.branches} if case.files else {}
            repositories.make(path, branches, case.tags)
            self._learn(name)
            await self.at.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            for obj in case.objects:
                await self.at.create({**obj, "metadata": {**obj["metadata"], "namespace": name}})
            await self.at.create(self._object(name, case))

    def _learn(self, name: str) -> None:
        found = repositories.references(self.root / f"{name}.git")
        self.known[name] = self.known.get(name, {}) | {
            hash_: f"<{reference.rpartition('/')[2]}>" for reference, hash_ in reversed(found.items())
        }

    def _object(self, name: str, case: Case) -> Json:
        server = self.guarded if case.guarded else self.open_
        spec = {"url": server.url(f"{name}.git"), "interval": "1h", "ref": {"branch": "main"}, **case.spec}
        spec = {key: value for key, value in spec.items() if value is not None}
        obj = {"apiVersion": KIND[0], "kind": KIND[1], "metadata": {"name": "fleet", "namespace": name}, "spec": spec}
        main = repositories.references(self.root / f"{name}.git").get("refs/heads/main", "")
        text = json.dumps(obj).replace("COMMIT:main", main).replace("SERVER/", self.open_.url(""))
        return dict(json.loads(text.replace("SILENT/", f"http://127.0.0.1:{self.silent}/")))

    async def run(self) -> dict[str, Json]:
        """Wait for all to settle, take the further steps, and return what is kept of each case."""
        last = await self._settle({name: case.until for name, case in self.cases.items()})
        for step in range(max((len(case.then) for case in self.cases.values()), default=0)):
            going = {name: case for name, case in self.cases.items() if step < len(case.then)}
            await self.calm()
            for name, case in going.items():
                await self._take(name, case, case.then[step], f"step {step + 1}")
            last |= await self._settle({name: case.until for name, case in going.items()})
        await self.calm()
        return {name: await self._kept(name, last[name]) for name in self.cases}

    async def _settle(self, wanted: dict[str, Callable[[Json], bool]]) -> dict[str, Json]:
        return await scene.settle(self.at, KIND, wanted, limit=self.limit)

    async def _take(self, name: str, case: Case, step: Then, requested: str) -> None:
        if step.push is not None:
            repository = pygit2.Repository(str(self.root / f"{name}.git"))
            parents = [repository.references["refs/heads/main"].target]
            made = repositories.commit(repository, step.push, parents, case.message or "Somebody pushes")
            repository.references.create("refs/heads/main", made, force=True)
            self.known[name][str(made)] = f"<{requested}>"
        metadata = {"annotations": {"reconcile.fluxcd.io/requestedAt": requested}}
        await self.at.patch(self._object(name, case), {"metadata": metadata, **step.patch})

    async def _kept(self, name: str, last: Json) -> Json:
        for _ in range(_TRIES):
            obj = await self.at.client.get_object(*KIND, name, "fleet")
            if last.get("unsettled") or scene.settled(obj):
                break
        artifact = (obj.get("status") or {}).get("artifact") or {}
        replaced = {self.open_.url(""): "http://git/", self.guarded.url(""): "http://guarded/"}
        replaced |= {f"127.0.0.1:{self.silent}": "silent", **self.known[name]}
        replaced |= {hash_[:7]: label for hash_, label in self.known[name].items()}
        if artifact:
            base = artifact["url"].removesuffix(artifact["path"])
            replaced |= {base: "http://artifacts/", artifact["digest"]: "<digest>"}
        kept = {
            "status": obj.get("status") or {},
            "unsettled": last.get("unsettled", False),
            "events": scene.events(self.at, name),
            "kubernetes": await scene.kubernetes_events(self.at, name),
            "archive": await _archive(artifact) if artifact else None,
        }
        return dict(scene.cleaned(kept, replaced))


async def _archive(artifact: Json) -> Json:
    """Return what an artifact holds, and whether its digest and size are what its status says."""
    async with aiohttp.ClientSession() as session, session.get(artifact["url"]) as response:
        data = await response.read()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        members = [
            f"{oct(member.mode)} {member.uid}:{member.gid} {member.uname}:{member.gname} {member.mtime} "
            f"{member.name} {member.linkname} {member.size}"
            for member in tar.getmembers()
        ]
    return {
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}" == artifact["digest"],
        "size": len(data) == artifact["size"],
        "members": members,
    }


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, cases: Mapping[str, Case], *, limit: float, calm: Callable[[], Awaitable[None]] = _at_once
) -> AsyncIterator[Play]:
    """Set a table up on a plane of its own."""
    root = folder / "repositories"
    with (
        GitServer(root) as server,
        GitServer(root, auth=BasicAuth("bot", "secret")) as guarded,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        async with scene.plane(folder / "plane") as at:
            play = Play(at, root, server, guarded, silent.getsockname()[1], cases, limit, calm=calm)
            await play.prepare()
            yield play


__all__ = ["Case", "Then", "prepared", "secret"]
