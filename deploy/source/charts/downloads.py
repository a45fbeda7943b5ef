"""Where charts are had from: a repository with an index, or a registry; chosen by version, fetched within limits.

Answers to `repository.Downloader` of source-controller and its two implementations. Beyond it: a chart that is not
what the index says by its digest is refused.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from deploy.source.charts import index, remote
from deploy.source.charts.build import BuildError, Reason
from deploy.source.charts.remote import FetchError, Repositories
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.name import Repository
from gotk.semver import Version
from gotk.sources.helm_access import HelmAccess
from gotk.sources.verification import Failed

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_LAYERS = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")
_REFUSALS = (errors.Unauthorized, errors.Untrusted, errors.LoginFailed)


#: Checks the signatures of a manifest by its digest. Raises what `Verification.verify` raises.
Verify: TypeAlias = Callable[[Repository, str, Access], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A version of a chart: for an index where it is, for a registry its tag, or its digest once that is verified."""

    name: str
    version: str
    place: str
    digest: str = ""

    def reference(self, repository: Repository) -> str:
        """Return the address of what is fetched from a registry."""
        return f"{repository}{'@' if ':' in self.place else ':'}{self.place}"


class Downloads(Protocol):
    """One place that charts are had from. Every method raises BuildError."""

    async def choose(self, name: str, version: str) -> Found:
        """Return the highest version in a range, or the one that is named."""
        ...

    async def verified(self, found: Found, verify: Verify) -> Found:
        """Check a chart's signatures, and return it so that exactly what they are for is fetched."""
        ...

    async def fetch(self, found: Found) -> bytes:
        """Return the packaged chart."""
        ...


def failed(about: str, error: Exception) -> BuildError:
    """Word that a remote did not give what it was asked for."""
    refused = isinstance(error, _REFUSALS) or (isinstance(error, FetchError) and error.refused)
    return BuildError(Reason.PULL, f"{about}: {error}", refused=refused)


class IndexDownloads:
    """A repository with an index."""

    def __init__(self, repositories: Repositories, access: HelmAccess, listed: index.Stored, *, timeout: float) -> None:
        """Take who fetches, who we are to the repository, and its index."""
        self._repositories = repositories
        self._access = access
        self._listed = listed
        self._timeout = timeout

    async def choose(self, name: str, version: str) -> Found:
        """Return the highest version in a range, or the one that is named."""
        about = "failed to get chart version for remote reference"
        try:
            chosen = self._listed.choose(name, version)
        except index.InvalidIndex as error:
            raise BuildError(Reason.PULL, f"{about}: {error}") from None
        except ValueError as error:
            raise BuildError(Reason.REFERENCE, f"{about}: {error}") from None
        return Found(name=name, version=chosen.version, place=(chosen.urls or ("",))[0], digest=chosen.digest)

    async def verified(self, found: Found, verify: Verify) -> Found:  # noqa: ARG002 - the protocol's
        """Refuse: the charts of such a repository have no signatures of cosign."""
        cause = (
            f"chart '{found.name}' comes from a Helm repository with an index, which has no signatures to verify; "
            "use a HelmRepository of type 'oci', or remove spec.verify"
        )
        raise BuildError(Reason.VERIFICATION, cause)

    async def fetch(self, found: Found) -> bytes:
        """Return the packaged chart."""
        about = "failed to download chart for remote reference"
        if not found.place:
            raise BuildError(Reason.PULL, f"{about}: chart '{found.name}' has no downloadable URLs")
        try:
            url = remote.chart_url(self._access.url, found.place)
            data = await self._repositories.chart(self._access, url, timeout=self._timeout)
        except (FetchError, ValueError) as error:
            raise failed(about, error) from error
        told = _SHA256.fullmatch(found.digest)
        if told is not None and told[1] != hashlib.sha256(data).hexdigest():
            what = f"chart '{found.name}' of version '{found.version}'"
            raise BuildError(Reason.PULL, f"{about}: the {what} is not what its digest in the index says")
        return data


class RegistryDownloads:
    """A registry, below whose path each chart has a repository."""

    def __init__(self, registry: RegistryClient, base: Repository, access: Access, *, limit: int) -> None:
        """Take the client, where charts lie and how it is reached; `limit` is how many bytes a chart may have."""
        self._registry = registry
        self._base = base
        self._access = access
        self._limit = limit

    def repository(self, name: str) -> Repository:
        """Return where a chart is."""
        return replace(self._base, path=f"{self._base.path}/{name}".lstrip("/"))

    async def choose(self, name: str, version: str) -> Found:
        """Return the highest version in a range, or the one that is named, which is not asked for then."""
        try:
            Version.parse_tag(version)
        except ValueError:
            version = await self._latest(name, version)
        return Found(name=name, version=version, place=version.replace("+", "_"))

    async def verified(self, found: Found, verify: Verify) -> Found:
        """Check a chart's signatures, and return it so that exactly what they are for is fetched."""
        repository = self.repository(found.name)
        about = f"failed to verify oci://{repository}:{found.place}"
        try:
            digest = await self._registry.digest(repository, found.place, self._access)
            await verify(repository, digest, self._access)
        except errors.RegistryError as error:
            refused = isinstance(error, _REFUSALS)
            raise BuildError(Reason.VERIFICATION, f"{about}: {error}", refused=refused) from error
        except Failed as error:
            raise BuildError(Reason.VERIFICATION, f"{about}: {error}") from error
        return replace(found, place=digest)

    async def _latest(self, name: str, wanted: str) -> str:
        about = f'failed to get chart version for remote reference: could not get tags for "{name}"'
        try:
            listing = await self._registry.list_tags(self.repository(name), self._access)
        except errors.RegistryError as error:
            raise failed(about, error) from error
        versions = [index.Brief(name=name, version=tag.replace("_", "+")) for tag in listing.tags]
        try:
            return index.choose(versions, name, wanted).version
        except ValueError:
            cause = f"could not locate a version matching provided version string {wanted}"
            raise BuildError(Reason.PULL, f"failed to get chart version for remote reference: {cause}") from None

    async def fetch(self, found: Found) -> bytes:
        """Return the packaged chart: the manifest's layer of a chart, whose digest it is held against."""
        repository = self.repository(found.name)
        about = f"failed to download chart for remote reference: failed to get '{found.reference(repository)}'"
        try:
            pulled = await self._registry.image(repository, found.place, self._access)
            layers = {layer.media_type: layer for layer in reversed(pulled.manifest.layers)}
            layer = next((layers[type_] for type_ in _LAYERS if type_ in layers), None)
            if layer is None:
                cause = f"manifest does not contain a layer with mediatype {_LAYERS[0]}"
                raise BuildError(Reason.PULL, f"{about}: {cause}")
            return await self._registry.content(repository, layer, self._access, limit=self._limit)
        except errors.RegistryError as error:
            raise failed(about, error) from error
