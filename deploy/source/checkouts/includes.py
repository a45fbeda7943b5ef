"""Included repositories: other GitRepositories of the namespace, whose artifacts are copied into this one's files.

Answers to `fetchIncludes` and `reconcileInclude` of source-controller: what is waited for, in which order what is
copied where, the reasons and messages. Other than there an included artifact is proven by its digest first, a circle of
includes is refused where there it grows at every interval, and a new artifact wakes those who include it.
"""

import asyncio
import os
import posixpath
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from deploy.source import unpack
from deploy.source.checkouts.layers import Conflict, Layers
from deploy.source.publishing import OUTDATED, STORAGE_FAILED
from deploy.source.storage import Storage
from gotk.api.meta import Artifact
from gotk.api.source import GROUP, GitRepository, GitRepositoryInclude, GitRepositoryStatus
from gotk.git.objects.tree import DIRECTORY, Entry
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry, Waiting
from gotk.runtime.reconciler import Key, Reader, Run, Watch

UNAVAILABLE = "IncludeUnavailable"

#: What all included artifacts of an object may unfold to.
_MOST_BYTES = 1 << 30

_FILE, _EXECUTABLE = 0o100644, 0o100755


def to_path(include: GitRepositoryInclude) -> str:
    """Return where an included repository goes."""
    return include.to_path or include.repository.name


def artifacts(obj: GitRepository, run: Run[GitRepositoryStatus], objects: Reader) -> tuple[Artifact, ...]:
    """Return the artifacts of what an object includes, in its order. Raises Waiting, and Retry for a circle."""
    if circle := _circle(obj, objects):
        message = f"includes go round in a circle: {' -> '.join(circle)}"
        run.conditions.mark_true(UNAVAILABLE, "IncludeCycle", message)
        raise Retry("IncludeCycle", message, after=obj.spec.interval.seconds)
    found = []
    for include in obj.spec.include:
        name = include.repository.name
        other = objects.get(GitRepository, obj.metadata.namespace, name)
        if other is None:
            missing = f'GitRepository.{GROUP} "{name}" not found'
            _wait(run, "NotFound", f"could not get resource for include '{name}': {missing}")
        if other.status.artifact is None:
            _wait(run, "NoArtifact", f"no artifact available for include '{name}'")
        found.append(other.status.artifact)
    run.conditions.delete(UNAVAILABLE)
    return tuple(found)


def differ(observed: Sequence[Artifact], found: Sequence[Artifact]) -> bool:
    """Tell whether other revisions are included than before, in whatever order."""
    revisions = {artifact.revision for artifact in observed}
    return len(observed) != len(found) or any(artifact.revision not in revisions for artifact in found)


def unchanged(obj: GitRepository, status: GitRepositoryStatus, found: Sequence[Artifact]) -> bool:
    """Tell whether an artifact was made with these includes and artifacts."""
    before, now = (
        [(artifact.revision, artifact.digest) for artifact in each] for each in (status.included_artifacts, found)
    )
    return obj.spec.include == status.observed_include and before == now


@asynccontextmanager
async def room(obj: GitRepository, scratch: Path, blocking: Limiter) -> AsyncIterator[Path | None]:
    """Give a directory for included artifacts while it is entered; none where nothing is included."""
    if not obj.spec.include:
        yield None
        return
    made = Path(tempfile.mkdtemp(prefix="include-", dir=scratch))
    try:
        yield made
    finally:
        await asyncio.shield(blocking.run(shutil.rmtree, made, ignore_errors=True))


def lay(
    layers: Layers,
    obj: GitRepository,
    run: Run[GitRepositoryStatus],
    found: Sequence[Artifact],
    *,
    storage: Storage,
    room: Path | None,
) -> None:
    """Unpack included artifacts and lay them over the files of the repository. Raises Retry."""
    left = _MOST_BYTES
    for number, (include, artifact) in enumerate(zip(obj.spec.include, found, strict=True)):
        name, place = include.repository.name, to_path(include)
        try:
            layers.place(place)
        except Conflict as error:
            _fail(run, "IllegalPath", f"path calculation for include '{name}' failed: {error}")
        try:
            assert room is not None
            target = room / str(number)
            _unpack(storage, obj, name, artifact, target, most_bytes=left)
            left -= sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
            entries = _entries(target, include.from_path)
            layers.include(entries, lambda path, root=target: (root / path).read_bytes(), at=place)  # type: ignore[misc]
        except (Conflict, unpack.ArchiveError, OSError) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            message = f"failed to copy '{name}' include from {include.from_path} to {place}: {cause}"
            _fail(run, "CopyFailure", message)


def _unpack(
    storage: Storage, obj: GitRepository, name: str, artifact: Artifact, target: Path, *, most_bytes: int
) -> None:
    own = f"gitrepository/{obj.metadata.namespace}/{name}/"
    if not artifact.path.startswith(own) or storage.missing(artifact):
        raise Conflict("its artifact is not in the storage: it is waited for")
    packed = storage.root / artifact.path
    unpack.verify(packed, artifact.digest)
    target.mkdir(mode=0o700)
    unpack.unpack(packed, target, most_bytes=most_bytes)


def _entries(root: Path, from_path: str) -> list[Entry]:
    """List what is at a path of an unpacked artifact, by paths from there; keys are paths from the root."""
    start = posixpath.normpath(f"/{from_path}").lstrip("/")
    place = root / start
    if place.is_file():
        return [Entry("", _mode(place), start)]
    if not place.is_dir():
        raise Conflict(f"'{from_path}': no such file or directory")
    found = []
    for folder, directories, files in os.walk(place):
        below = Path(folder)
        found += [Entry(str((below / name).relative_to(place)), DIRECTORY, "") for name in directories]
        for name in files:
            path = below / name
            found.append(Entry(str(path.relative_to(place)), _mode(path), str(path.relative_to(root))))
    return found


def _mode(path: Path) -> int:
    return _EXECUTABLE if path.stat().st_mode & 0o111 else _FILE


def _circle(obj: GitRepository, objects: Reader) -> list[str]:
    """Return the names along a way from an object back to itself; nothing where there is none."""
    own, namespace = obj.metadata.name, obj.metadata.namespace
    seen: set[str] = set()
    ways = [[own, include.repository.name] for include in obj.spec.include]
    while ways:
        way = ways.pop()
        if way[-1] == own:
            return way
        if way[-1] in seen:
            continue
        seen.add(way[-1])
        other = objects.get(GitRepository, namespace, way[-1])
        ways += [[*way, include.repository.name] for include in (other.spec.include if other else ())]
    return []


def _wait(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(UNAVAILABLE, reason, message)
    raise Waiting(reason, message)


def _fail(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(STORAGE_FAILED, reason, message)
    raise Retry(reason, message)


async def begin(run: Run[GitRepositoryStatus]) -> None:
    """Say that an artifact is being made because other revisions are included."""
    message = "included artifacts differ from last observed includes"
    if run.status.included_artifacts:
        run.conditions.mark_true(OUTDATED, "IncludeChange", message)
    await run.progress(f"building artifact: {message}", ready_unknown=True)


def _stored_anew(old: GitRepository | None, new: GitRepository | None) -> bool:
    if new is None or new.status.artifact is None:
        return False
    before, now = old.status.artifact if old else None, new.status.artifact
    return before is None or (before.revision, before.digest) != (now.revision, now.digest)


def _includers(included: GitRepository, reader: Reader) -> Iterable[Key]:
    namespace, name = included.metadata.namespace, included.metadata.name
    for obj in reader.list(GitRepository, namespace):
        if any(include.repository.name == name for include in obj.spec.include):
            yield Key(namespace, obj.metadata.name)


WATCH = Watch(kind=GitRepository, changed=_stored_anew, requests=_includers)
