"""The indexes of Helm repositories for those who only want to know a chart's versions.

The artifact of a HelmRepository is read where it has one, whoever made it, us or Flux; else the index is fetched as a
HelmChart fetches it. An index is kept in memory by its digest, for several charts of one repository, of which one waits
for the other. What goes wrong is told in the errors of the scan that asks, which are the HTTP client's.
"""

import asyncio
import shutil
import tempfile
import weakref
from pathlib import Path

from deploy.source.charts import index, indexing
from deploy.source.charts.remote import FetchError, Repositories
from deploy.source.download import ArtifactError, Downloads
from gotk.api.meta import Artifact
from gotk.api.source import HelmRepository
from gotk.bounded import Bounded
from gotk.http import errors
from gotk.kube import errors as kube_errors
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from gotk.sources.helm_access import HelmAccess, HelmAccesses, Refused

_CACHE = 64 << 20
_LARGEST = 256 << 20


class IndexFetcher:
    """Fetches the index of a repository that has no artifact."""

    def __init__(self, *, repositories: Repositories, blocking: Limiter, scratch: Path) -> None:
        """Take what it works with; `scratch` is where an index lies while it is read."""
        self._repositories = repositories
        self._blocking = blocking
        self._scratch = scratch

    async def fetch(self, repository: HelmRepository, access: HelmAccess) -> index.Stored:
        """Return the index as it would be stored. Raises FetchError."""
        folder = Path(tempfile.mkdtemp(prefix="index-", dir=self._scratch))
        source, target = folder / "index.yaml", folder / "index.json"
        try:
            with source.open("wb") as file:
                await self._repositories.index(access, None, file.write, timeout=repository.spec.patience)
            await self._blocking.run(indexing.convert, source, target)
            return index.Stored(await self._blocking.run(target.read_bytes))
        except (OSError, indexing.IndexingError, index.InvalidIndex) as error:
            raise FetchError(f"failed to load index: {error}") from error
        finally:
            await self._blocking.run(shutil.rmtree, folder, ignore_errors=True)


class Indexes:
    """Tells the versions of charts."""

    def __init__(
        self,
        *,
        objects: Getter,
        access: HelmAccesses,
        fetcher: IndexFetcher,
        downloads: Downloads,
        blocking: Limiter,
        scratch: Path,
    ) -> None:
        """Take what it works with; `scratch` is where an artifact lies while it is read."""
        self._objects = objects
        self._access = access
        self._fetcher = fetcher
        self._downloads = downloads
        self._blocking = blocking
        self._scratch = scratch
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._read: Bounded[str, index.Stored] = Bounded(_CACHE, weigh=lambda stored: stored.size)

    async def versions(self, namespace: str, repository: str, chart: str, *, timeout: float) -> tuple[str, ...]:
        """Return every version of a chart in the index's order, within so many seconds. Raises HTTPError."""
        what = f"HelmRepository {namespace}/{repository}"
        try:
            async with asyncio.timeout(timeout):
                found = await self._found(namespace, repository, what)
                turn = self._turns.setdefault(what, asyncio.Lock())
                async with turn:
                    stored = await self._index(found, timeout)
        except TimeoutError:
            raise errors.Unavailable(f"{what}: its index could not be read within {timeout:g}s") from None
        except (ArtifactError, FetchError, Refused) as error:
            raise errors.Unavailable(f"{what}: {error}") from error
        except (OSError, index.InvalidIndex) as error:
            raise errors.BadAnswer(f"{what}: failed to load index: {error}") from error
        try:
            return tuple(each.version for each in stored.versions(chart))
        except index.NoChart:
            raise errors.NotFound(
                f"{what}: its index has no chart '{chart}': correct the annotation, or add it"
            ) from None
        except index.InvalidIndex as error:
            raise errors.BadAnswer(f"{what}: {error}") from error

    async def _found(self, namespace: str, name: str, what: str) -> HelmRepository:
        try:
            found = await self._objects.get(HelmRepository, namespace, name)
        except kube_errors.NotFound:
            raise errors.NotFound(f"{what} not found: create it, or correct the annotation") from None
        except kube_errors.APIError as error:
            raise errors.Unavailable(f"{what} could not be read: {error.message}") from error
        if found.spec.type == "oci":
            address = f"{found.spec.url.removeprefix('oci://').rstrip('/')}/CHART"
            raise errors.NotFound(
                f"{what} is of type 'oci' and has no index: remove the annotation and set spec.image to {address}"
            )
        return found

    async def _index(self, repository: HelmRepository, timeout: float) -> index.Stored:
        artifact = repository.status.artifact
        if artifact is None:
            return await self._fetcher.fetch(repository, await self._access.index(repository))
        if (kept := self._read.get(artifact.digest)) is not None:
            return kept
        stored = await self._stored(artifact, timeout)
        self._read.put(artifact.digest, stored)
        return stored

    async def _stored(self, artifact: Artifact, timeout: float) -> index.Stored:
        folder = Path(tempfile.mkdtemp(prefix="index-", dir=self._scratch))
        try:
            file = folder / "index.json"
            await self._downloads.fetch(artifact, file, timeout=timeout)
            if file.stat().st_size > _LARGEST:
                raise ArtifactError(f"its index is larger than {_LARGEST} bytes")
            return await self._blocking.run(lambda: index.Stored(file.read_bytes()))
        finally:
            await self._blocking.run(shutil.rmtree, folder, ignore_errors=True)
