"""What Kustomizations would make of a plan: built before and after, from the mirror, and told object by object.

Only the files that a build reads are taken out of the commit, as a build is planned; the program runs over them as for
an apply, without variables and without keys. Of Secrets only the names are told.
"""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from deploy.cluster import objects, redaction
from deploy.kustomize.building import build, reading, resources
from deploy.kustomize.building.asked import Asked
from deploy.kustomize.building.build import Builder
from gotk import documents
from gotk.api.kustomize import Kustomization
from gotk.bounded import Bounded
from gotk.git import errors as git
from gotk.git.objects import commit as commits
from gotk.runtime.blocking import Limiter
from image_automation.app.reads import Commit
from image_automation.dashboard.page import Rendered
from image_automation.planner import Drawn, Edited

#: How many Kustomizations are built, and objects told of; how large a tree may be.
_MOST: Final = 8
_OBJECTS: Final = 50
_BYTES: Final = 64 << 20
#: How many trees there are at once, of all plans that are looked at.
_TREES: Final = 4
#: How many seconds one build may last, and all of them.
_SECONDS: Final = 30.0
_ALL: Final = 60.0
_KEPT: Final = 32
_FAILS: Final = (ValueError, OSError, git.Error)


class Rendering:
    """Builds what plans change. `work` is where blocking work runs, `scratch` a folder for trees."""

    def __init__(self, *, builder: Builder, work: Limiter, scratch: Path) -> None:
        self._builder = builder
        self._work = work
        self._scratch = scratch
        self._kept: Bounded[str, tuple[Rendered, ...]] = Bounded(_KEPT)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._trees = asyncio.Semaphore(_TREES)

    async def of(self, drawn: Drawn, kustomizations: Sequence[Kustomization]) -> tuple[Rendered, ...]:
        """Return what would become of the objects of those that build something that the plan changes."""
        if not drawn.plan.files:
            return ()
        name = _name(drawn, kustomizations)
        async with self._turns.setdefault(name, asyncio.Lock()):
            kept = self._kept.get(name)
            if kept is None:
                kept = tuple([each async for each in self._all(drawn, kustomizations)])
                self._kept.put(name, kept)
        return kept

    async def _all(self, drawn: Drawn, kustomizations: Sequence[Kustomization]) -> AsyncIterator[Rendered]:
        built, loop = 0, asyncio.get_running_loop()
        until = loop.time() + _ALL
        for obj in kustomizations:
            left = until - loop.time() if built < _MOST else 0.0
            found = await self._rendered(drawn, obj, left=left)
            if found is not None:
                built += 1
                yield found

    async def _rendered(self, drawn: Drawn, obj: Kustomization, *, left: float) -> Rendered | None:
        where = f"{obj.metadata.namespace}/{obj.metadata.name}"
        try:
            asked = await self._work.run(_asked, drawn, obj)
        except _FAILS:
            return None  # it does not get as far as to read what would change
        edits = {each.path: each.after for each in drawn.plan.files if each.path in asked.wholes}
        if not edits:
            return None
        if left <= 0:
            return Rendered(kustomization=where, problem=f"not built: one may build {_MOST} for a plan, in {_ALL:g} s")
        try:
            before, after = (
                await self._built(drawn, obj, asked, {}, left),
                await self._built(drawn, obj, asked, edits, left),
            )
            return await self._work.run(_compared, where, before, after)
        except _FAILS as error:
            return Rendered(kustomization=where, problem=error.message if isinstance(error, git.Error) else str(error))

    async def _built(
        self, drawn: Drawn, obj: Kustomization, asked: Asked, edits: Mapping[str, bytes], left: float
    ) -> str:
        """Build a Kustomization over a tree that is gone afterwards. Raises BuildError, git.Error and OSError."""
        async with self._trees:
            root = Path(tempfile.mkdtemp(prefix="plan-", dir=self._scratch))
            try:
                await self._work.run(_lay_out, drawn, asked, edits, root)
                directory = build.locate(root, obj.spec.path)
                return (await self._builder.build(root, directory, obj.spec, timeout=min(_SECONDS, left))).text
            finally:
                await asyncio.shield(self._work.run(shutil.rmtree, root, ignore_errors=True))


def _name(drawn: Drawn, kustomizations: Sequence[Kustomization]) -> str:
    versions = [(each.metadata.uid, each.metadata.generation) for each in kustomizations]
    edits = {each.path: hashlib.sha256(each.after).hexdigest() for each in drawn.plan.files}
    return hashlib.sha256(msgspec.json.encode([drawn.draft.commit, edits, versions], order="sorted")).hexdigest()


def _asked(drawn: Drawn, obj: Kustomization) -> Asked:
    return reading.of(Commit(drawn.manager.repository, drawn.draft.commit), obj.spec)


def _lay_out(drawn: Drawn, asked: Asked, edits: Mapping[str, bytes], root: Path) -> None:
    """Write what a build reads, and empty files for what it only looks for. Raises ValueError and OSError."""
    commit, left = Commit(drawn.manager.repository, drawn.draft.commit), _BYTES
    for path in (*asked.kinds, *asked.wholes):
        kind = commit.kind(path)
        if kind == "directory":
            (root / path).mkdir(parents=True, exist_ok=True)
        elif kind == "file":
            commits.check_path(path)
            content = edits.get(path, commit.read(path) if path in asked.wholes else b"")
            left -= len(content)
            if left < 0:
                raise ValueError(f"more than {_BYTES >> 20} MiB are to be read for it")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)


def _compared(where: str, before: str, after: str) -> Rendered:
    """Pair the objects that differ."""
    old, new = resources.split(before), resources.split(after)
    gone, come = dict(_named(old, set(new))), dict(_named(new, set(old)))
    names = sorted(gone.keys() | come.keys())
    hidden = [name for name in names if _is_secret(gone.get(name) or come[name])]
    shown = [name for name in names if name not in hidden]
    return Rendered(
        kustomization=where,
        objects=tuple(
            Edited(name, gone.get(name, "").encode(), come.get(name, "").encode()) for name in shown[:_OBJECTS]
        ),
        hidden=tuple(hidden),
        left_out=max(0, len(shown) - _OBJECTS),
    )


def _named(texts: Sequence[str], others: Collection[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if text not in others:
            try:
                manifest = resources.read(text)
                yield objects.subject(manifest), text
            except (documents.DocumentError, KeyError):
                yield text.partition("\n")[0], text


def _is_secret(text: str) -> bool:
    try:
        return redaction.is_secret(resources.read(text))
    except documents.DocumentError:
        return True  # what cannot be read is not shown
