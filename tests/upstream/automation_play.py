"""Cases of ImageUpdateAutomations: how each is set up, played, and what is kept of it."""

import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gotk.git.serving.server import GitServer
from tests.upstream import repositories, scene
from tests.upstream.scene import Json

_TRIES = 100
KIND = ("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation")
TEMPLATE = "update\n\n{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}"
WEB = 'kind: Pod\napiVersion: v1\nmetadata:\n  name: web\nspec:\n  image: a/web:1.0 # {"$imagepolicy": "@NS:web"}\n'


def policy(name: str, image: str, tag: str, digest: str = "", **labels: str) -> Json:
    """A policy that chose; one that has not where there is no image."""
    ref = {"name": image, "tag": tag, **({"digest": digest} if digest else {})}
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"name": name, "labels": labels},
        "spec": {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "*"}}},
        **({"status": {"latestRef": ref}} if image else {}),
    }


def secret(name: str, data: Mapping[str, str]) -> Json:
    """A secret of texts."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)}


@dataclass(frozen=True)
class Then:
    """What happens after the first run: files pushed, objects changed; then a run is asked for."""

    push: Mapping[str, Any] | None = None
    policies: Sequence[Json] = ()
    patch: Json = field(default_factory=dict)
    source: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One automation in a namespace of its own; @NS in any text stands for that namespace."""

    files: Mapping[str, Any] = field(default_factory=lambda: {"web.yaml": WEB})
    policies: Sequence[Json] = (policy("web", "a/web", "1.1"),)
    spec: Json = field(default_factory=dict)
    git: Json = field(default_factory=dict)
    commit: Json = field(default_factory=dict)
    source: Json = field(default_factory=dict)
    objects: Sequence[Json] = ()
    branches: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    template: str = TEMPLATE
    then: Sequence[Then] = ()
    until: Callable[[Json], bool] = scene.settled
    annotations: Mapping[str, str] = field(default_factory=dict)
    race: Mapping[str, Any] | None = None

    def automation(self, namespace: str) -> Json:
        """The automation."""
        commit = {"author": {"name": "Bot", "email": "bot@example.com"}, **self.commit}
        if self.template:
            commit["messageTemplate"] = self.template
        spec = {"interval": "1h", "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                "git": {"commit": commit, **self.git}, "update": {"strategy": "Setters"}, **self.spec}  # fmt: skip
        spec = {key: value for key, value in spec.items() if value is not None}
        meta = {"name": "auto", "annotations": dict(self.annotations)}
        return _within(namespace, {"apiVersion": KIND[0], "kind": KIND[1], "metadata": meta, "spec": spec})

    def repository(self, namespace: str, url: str) -> Json:
        """The GitRepository that the automation refers to."""
        spec = {"url": url, "interval": "1h", "ref": {"branch": "main"}, **self.source}
        spec = {key: value for key, value in spec.items() if value is not None}
        meta = {"name": "fleet"}
        return _within(
            namespace,
            {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": meta, "spec": spec},
        )


def _within(namespace: str, obj: Json) -> Json:
    metadata = {"namespace": namespace, **obj["metadata"]}
    return _filled({**obj, "metadata": metadata}, namespace)


def _filled(value: Any, namespace: str) -> Any:
    match value:
        case str():
            return value.replace("@NS", namespace)
        case bytes():
            return value.replace(b"@NS", namespace.encode())
        case dict():
            return {_filled(key, namespace): _filled(each, namespace) for key, each in value.items()}
        case list() | tuple():
            return [_filled(each, namespace) for each in value]
        case repositories.Executable(text=text):
            return repositories.Executable(_filled(text, namespace))
    return value


async def _at_once() -> None:
    """Wait for nothing: ours writes what a run came to in one patch."""


@dataclass
class Play:
    """A table set up on a plane, with its repositories served over HTTP."""

    at: scene.Plane
    root: Path
    server: GitServer
    cases: Mapping[str, Case]
    limit: float
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    calm: Callable[[], Awaitable[None]] = _at_once
    racing: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let somebody push right before the first push of a case that wants a race."""
        lock = self.server._http.lock

        def raced(name: str) -> threading.Lock:
            if (files := self.racing.pop(name.removesuffix(".git"), None)) is not None:
                self.push(name.removesuffix(".git"), files)
            return lock(name)

        self.server._http.lock = raced  # type: ignore[method-assign]

    async def prepare(self) -> None:
        """Make every repository and object, the automations last."""
        for name, case in self.cases.items():
            branches = _filled({"main": case.files, **case.branches}, name)
            path = self.root / f"{name}.git"
            repositories.make(path, branches if case.files else {}, case.tags)
            self.known[name] = {
                hash_: f"<{reference.rpartition('/')[2]}>"
                for reference, hash_ in reversed(repositories.references(path).items())
            }
            await self.at.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            for obj in (*case.policies, *case.objects):
                await self.at.create(_within(name, obj))
            await self.at.create(self._placed(name, case.repository(name, self.server.url(f"{name}.git"))))
        for name, case in self.cases.items():
            if case.race is not None:
                self.racing[name] = _filled(case.race, name)
            await self.at.create(self._placed(name, case.automation(name)))

    def _placed(self, name: str, obj: Json) -> Json:
        """Put the server's address and the first commit of `main` where an object wants them."""
        main = repositories.references(self.root / f"{name}.git").get("refs/heads/main", "")
        text = json.dumps(obj).replace("SERVER/", self.server.url("")).replace("COMMIT:main", main)
        return dict(json.loads(text))

    async def run(self) -> dict[str, Json]:
        """Wait for all to settle, take the further steps, and return what is kept of each case."""
        last = await self._settle({name: case.until for name, case in self.cases.items()})
        for step in range(max((len(case.then) for case in self.cases.values()), default=0)):
            going = {name: case for name, case in self.cases.items() if step < len(case.then)}
            for name, case in going.items():
                await self._take(name, case, case.then[step], f"step {step + 1}")
            last |= await self._settle({name: case.until for name, case in going.items()})
        await self.calm()
        return {name: await self._kept(name, last[name]) for name in self.cases}

    async def _settle(self, wanted: dict[str, Callable[[Json], bool]]) -> dict[str, Json]:
        return await scene.settle(self.at, KIND, wanted, limit=self.limit)

    async def _take(self, name: str, case: Case, step: Then, requested: str) -> None:
        automation = case.automation(name)
        if step.push is not None:
            self.push(name, _filled(step.push, name))
        for each in step.policies:
            await self.at.patch(_within(name, each), {"status": each.get("status")}, subresource="status")
        if step.source:
            await self.at.patch(case.repository(name, ""), {"spec": _filled(step.source, name)})
        metadata = {"annotations": {"reconcile.fluxcd.io/requestedAt": requested}}
        await self.at.patch(automation, {"metadata": metadata, **_filled(step.patch, name)})

    def push(self, name: str, files: Mapping[str, Any], branch: str = "main") -> None:
        """Commit files to a branch, as somebody else would."""
        repository = repositories.pygit2.Repository(str(self.root / f"{name}.git"))
        reference = f"refs/heads/{branch}"
        parents = [repository.references[reference].target] if reference in repository.references else []
        made = repositories.commit(repository, files, parents, "Somebody pushes")
        repository.references.create(reference, made, force=True)
        self.known[name][str(made)] = f"<push to {branch}>"

    async def _kept(self, name: str, last: Json) -> Json:
        for _ in range(_TRIES):  # Flux may be in the middle of another try
            obj = await self.at.client.get_object(*KIND, name, "auto")
            if last.get("unsettled") or scene.settled(obj):
                break
        path = self.root / f"{name}.git"
        made = repositories.commits(path, self.known[name])
        replaced = {self.server.url(""): "http://git/"}
        replaced |= self.known[name]
        for number, hash_ in enumerate(made, 1):
            replaced |= {hash_: f"<new {number}>", hash_[:7]: f"<new {number}>"}
        kept = {
            "status": obj.get("status") or {},
            "unsettled": last.get("unsettled", False),
            "references": repositories.references(path),
            "commits": list(made.values()),
            "events": scene.events(self.at, name),
            "kubernetes": await scene.kubernetes_events(self.at, name),
        }
        return scene.cleaned(kept, replaced)


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, cases: Mapping[str, Case], *, limit: float, calm: Callable[[], Awaitable[None]] = _at_once
) -> AsyncIterator[Play]:
    """Set a table up on a plane of its own."""
    root = folder / "repositories"
    with GitServer(root) as server:
        async with scene.plane(folder / "plane") as at:
            play = Play(at, root, server, cases, limit, calm=calm)
            await play.prepare()
            yield play
