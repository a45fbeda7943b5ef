"""From a HelmRepository to where its charts are had from: its index is read once, its secrets each time.

Answers to `buildFromHelmRepository` and `namespacedChartRepositoryCallback` of source-controller: a dependency's
repository is the HelmRepository of the namespace with that address, and else one that nobody has to log in to.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

from deploy.source.charts import index, remote
from deploy.source.charts.downloads import Downloads, IndexDownloads, RegistryDownloads
from deploy.source.charts.indexes import IndexFetcher
from deploy.source.charts.remote import FetchError, Repositories
from deploy.source.storage import Storage
from gotk.api.meta import Artifact, ObjectMeta
from gotk.api.source import HelmRepository, HelmRepositorySpec
from gotk.bounded import Bounded
from gotk.oci.client import RegistryClient
from gotk.oci.name import Repository
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Reader
from gotk.sources.helm_access import HelmAccesses

_CACHE = 128 << 20
_HOST = re.compile(r"[A-Za-z0-9_\-.~]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)
_PATH = re.compile(r"[a-z0-9_\-./]{0,255}", re.ASCII)


class InvalidURL(ValueError):
    """An address that no repository can have."""


class Unsupported(ValueError):
    """A dependency's address of a kind that is not supported."""


class Origins:
    """Opens Helm repositories."""

    def __init__(
        self,
        *,
        objects: Reader,
        access: HelmAccesses,
        repositories: Repositories,
        registry: RegistryClient,
        storage: Storage,
        blocking: Limiter,
        scratch: Path,
        chart_limit: int,
    ) -> None:
        """Take what it works with; `chart_limit` is how many bytes a chart of a registry may have."""
        self._objects = objects
        self._access = access
        self._repositories = repositories
        self._registry = registry
        self._storage = storage
        self._blocking = blocking
        self._fetcher = IndexFetcher(repositories=repositories, blocking=blocking, scratch=scratch)
        self._chart_limit = chart_limit
        self._indexes: Bounded[str, index.Stored] = Bounded(_CACHE, weigh=lambda stored: stored.size)

    async def of(self, repository: HelmRepository) -> Downloads:
        """Return where a repository's charts are had from. Raises InvalidURL, Refused and FetchError."""
        try:
            url = remote.normalized(repository.spec.url)
        except ValueError as error:
            raise InvalidURL(str(error)) from None
        if repository.spec.type == "oci":
            base = _registry(url)
            access = await self._access.registry(repository, base)
            return RegistryDownloads(self._registry, base, access, limit=self._chart_limit)
        opened = await self._access.index(repository)
        artifact = repository.status.artifact
        listed = await (self._fetcher.fetch(repository, opened) if artifact is None else self._stored(artifact))
        return IndexDownloads(self._repositories, opened, listed, timeout=repository.spec.patience)

    async def of_dependency(self, url: str, namespace: str) -> Downloads:
        """Return where a dependency is had from. Raises Unsupported, and what `of` raises."""
        scheme = urlsplit(url).scheme
        if url.startswith("@"):
            raise Unsupported(f"aliased repository dependency is not supported: {url}")
        if scheme not in {"oci", "http", "https"}:
            raise Unsupported(f"invalid dependency repository URL: {url}")
        try:
            wanted = remote.normalized(url)
        except ValueError as error:
            raise InvalidURL(str(error)) from None
        for repository in self._objects.list(HelmRepository, namespace):
            if _address(repository) == wanted:
                return await self.of(repository)
        return await self.of(_anonymous(url, namespace, scheme))

    async def _stored(self, artifact: Artifact) -> index.Stored:
        """Read an index that is an artifact. Raises FetchError."""
        found = self._indexes.get(artifact.digest)
        if found is None:
            try:
                data = await self._blocking.run(self._storage.file(artifact).read_bytes)
                found = index.Stored(data)
            except (OSError, index.InvalidIndex) as error:
                raise FetchError(f"failed to load index: {error}") from error
            self._indexes.put(artifact.digest, found)
        return found


def _address(repository: HelmRepository) -> str:
    try:
        return remote.normalized(repository.spec.url)
    except ValueError:
        return ""


def _registry(url: str) -> Repository:
    """Return the host and path of a registry's address, below which its charts lie. Raises InvalidURL."""
    parts = urlsplit(url)
    if parts.scheme != "oci":
        raise InvalidURL(f"invalid OCI registry URL: {url}")
    path = parts.path.strip("/")
    if not _HOST.fullmatch(parts.netloc) or not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise InvalidURL(f"invalid OCI registry URL: {url}")
    return Repository(parts.netloc, path)


def _anonymous(url: str, namespace: str, scheme: str) -> HelmRepository:
    return HelmRepository(
        api_version="source.toolkit.fluxcd.io/v1",
        kind="HelmRepository",
        metadata=ObjectMeta(name="", namespace=namespace),
        spec=HelmRepositorySpec(url=url, type="oci" if scheme == "oci" else "default"),
    )
