"""The HelmRepository: fetch its index, store it as an artifact, say so.

Answers to source-controller's HelmRepositoryReconciler: its order, conditions, messages and events, and that an object
of type `oci` is only an address: it gets no status and no finalizer. Beyond it: an index that did not change costs one
conditional request, and one that did is read in a process of its own.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urlsplit

from deploy.source import publishing
from deploy.source.charts import indexing, remote
from deploy.source.charts.remote import FetchError, Known, Repositories
from deploy.source.publishing import FETCH_FAILED, Publisher, Release
from deploy.source.tarball import Written
from gotk.api.source import HelmRepository, HelmRepositoryStatus
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Outcome, Run, Watch
from gotk.sources.helm_access import HelmAccess, HelmAccesses, Refused

_CHUNK = 1 << 20
_UNITS = ("B", "kB", "MB", "GB")


class HelmRepositoryReconciler:
    """Keeps the index of every HelmRepository up to date."""

    kind = HelmRepository
    controller = "source-controller"
    rules = Rules(
        interval_jitter=True,
        positive=("ArtifactInStorage",),
        negative=("StorageOperationFailed", "FetchFailed", "ArtifactOutdated"),
    )
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        access: HelmAccesses,
        repositories: Repositories,
        publisher: Publisher,
        blocking: Limiter,
        scratch: Path,
    ) -> None:
        """Take what it works with; `scratch` is where an index lies until it is stored."""
        self._access = access
        self._repositories = repositories
        self._publisher = publisher
        self._blocking = blocking
        self._scratch = scratch
        self._known: dict[str, Known] = {}

    def is_static(self, obj: HelmRepository) -> bool:
        """Tell whether the object is only an address."""
        return obj.spec.type == "oci"

    async def reconcile(self, obj: HelmRepository, run: Run[HelmRepositoryStatus]) -> Outcome:
        """Fetch, and store what is new."""
        await self._publisher.check(run)
        access = await self._opened(obj, run)
        after = obj.spec.every
        async with self._folder() as folder:
            known = await self._fetch(obj, run, access, folder / "index.yaml")
            current = run.status.artifact
            if current is not None and current.revision == known.revision:
                run.conditions.delete(FETCH_FAILED)
                stored = publishing.stored(known.revision)
                said = publishing.up_to_date(known.revision, _event(obj, current.size), stored)
                return self._publisher.keep(run, current, said, after=after)
            await self._read(run, folder)
            run.conditions.delete(FETCH_FAILED)
            await self._publisher.begin(run, f"new index revision '{known.revision}'")
            release = _release(obj, known.revision, folder / "index.json")
            return await self._publisher.publish(obj, run, release, after=after)

    async def finalize(self, obj: HelmRepository, run: Run[HelmRepositoryStatus]) -> None:
        """Delete every artifact of the object. Raises Retry."""
        await self._publisher.remove_all(obj, run)
        self._known.pop(obj.metadata.uid, None)

    def forget(self, key: Key) -> None:
        """Drop what was counted of the tokens of an object that is gone: as an address it had no finalizer."""
        self._access.forget(*key)

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="index-", dir=self._scratch))
        try:
            yield folder
        finally:
            await self._blocking.run(shutil.rmtree, folder, ignore_errors=True)

    async def _opened(self, obj: HelmRepository, run: Run[HelmRepositoryStatus]) -> HelmAccess:
        if urlsplit(obj.spec.url).scheme == "oci":
            _stall(run, "'oci' URL scheme cannot be used with 'default' HelmRepository type")
        try:
            remote.normalized(obj.spec.url)
            return await self._access.index(obj)
        except ValueError as error:
            _stall(run, str(error))
        except Refused as error:
            _fail(run, "AuthenticationFailed", str(error))

    async def _fetch(
        self, obj: HelmRepository, run: Run[HelmRepositoryStatus], access: HelmAccess, target: Path
    ) -> Known:
        """Bring the index into a file, unless it is known and stored."""
        failed = "failed to fetch Helm repository index: failed to cache index to temporary file"
        known = self._known.get(obj.metadata.uid)
        current = run.status.artifact
        is_stored = current is not None and known is not None and current.revision == known.revision
        try:
            with target.open("wb") as file:
                found = await self._repositories.index(
                    access, known if is_stored else None, file.write, timeout=obj.spec.patience
                )
        except FetchError as error:
            _fail(run, "Failed", f"{failed}: {error}")
        except OSError as error:
            _fail(run, "Failed", f"{failed}: {error.strerror}")
        self._known[obj.metadata.uid] = found
        return found

    async def _read(self, run: Run[HelmRepositoryStatus], folder: Path) -> None:
        failed = "failed to load Helm repository from index YAML: failed to load index"
        try:
            await self._blocking.run(indexing.convert, folder / "index.yaml", folder / "index.json")
        except indexing.IndexingError as error:
            _fail(run, "IndexationFailed", f"{failed}: {error}")
        except OSError as error:
            _fail(run, "IndexationFailed", f"{failed}: {error.strerror}")


def _release(obj: HelmRepository, revision: str, file: Path) -> Release:
    size = file.stat().st_size

    def write(target: BinaryIO) -> Written:
        digest = hashlib.sha256()
        with file.open("rb") as source:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
        return Written(f"sha256:{digest.hexdigest()}", size)

    return Release(
        file=f"index-{revision.partition(':')[2]}.yaml",
        revision=revision,
        write=write,
        event=lambda: _event(obj, size),
        stored=publishing.stored(revision),
        latest="index.yaml",
    )


def _event(obj: HelmRepository, size: int | None) -> str:
    spelt = "unknown size" if size is None else f"size {human_size(size)}"
    return f"stored fetched index of {spelt} from '{obj.spec.url}'"


def human_size(size: float) -> str:
    """Spell a number of bytes in four digits, as Docker's `units.HumanSize` does."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.4g}{_UNITS[unit]}"


def _fail(run: Run[HelmRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Retry(reason, message)


def _stall(run: Run[HelmRepositoryStatus], cause: str) -> NoReturn:
    message = f"invalid Helm repository URL: {cause}"
    run.conditions.mark_true(FETCH_FAILED, "URLInvalid", message)
    raise Stalled("URLInvalid", message)
