"""Building of charts: one from a repository is stored as it came where it can be, everything else is packaged anew.

Answers to `remoteChartBuilder` and `localChartBuilder` of source-controller. What is packaged lies in a folder of its
own while Helm works on it; dependencies are fetched by us beforehand, within our limits, so that Helm needs no network.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from deploy.source import unpack
from deploy.source.charts import archive, local, packaging, program, tree
from deploy.source.charts.archive import ChartError
from deploy.source.charts.build import Build, BuildError, Reason, Wanted
from deploy.source.charts.downloads import Downloads, Verify
from deploy.source.charts.metadata import Dependency, Metadata
from deploy.source.charts.origins import InvalidURL, Origins, Unsupported
from deploy.source.charts.packaging import PackageError
from deploy.source.charts.remote import FetchError
from gotk.runtime.blocking import Limiter
from gotk.sources.helm_access import Refused

_NAME = re.compile(r"[-a-z0-9]+(?:(?:/\.?|\.)[-a-z0-9]+)*(?:/\.?|\.)?", re.ASCII)
_RULE = (
    "a valid name must be lower case letters and numbers"
    " and MAY be separated with dashes (-), slashes (/) or periods (.)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A chart in a source: the source, where it lies in it, where it is changed, and what it says of itself."""

    root: Path
    place: Path
    work: Path
    is_folder: bool
    own: Metadata

    @property
    def target(self) -> Path:
        """Where the chart lies that is packaged."""
        return self.work / "chart" / self.own.name

    def lay_out(self, wanted: Wanted) -> tuple[str, ...]:
        """Copy the chart to where it is changed, and merge its values. Blocks. Raises BuildError."""
        try:
            local.lay_out(self.place, self.target)
        except (ChartError, OSError) as error:
            raise BuildError(Reason.PACKAGE, local.plain(error, wanted.chart)) from error
        return local.merge_files(self.root, self.target, wanted)


def _find(source: Path, work: Path, path: str) -> _Found:
    """Unpack a source and find a chart in it. Blocks. Raises BuildError and OSError."""
    root = work / "source"
    root.mkdir()
    try:
        unpack.unpack(source, root)
    except unpack.ArchiveError as error:
        raise BuildError(Reason.PULL, error) from error
    place = tree.locate(root, path)
    try:
        own = tree.read_metadata(place)
    except (ChartError, OSError) as error:
        raise BuildError(Reason.REFERENCE, local.plain(error, path)) from error
    return _Found(root=root, place=place, work=work, is_folder=place.is_dir(), own=own)


class ChartBuilder:
    """Builds charts; every method raises BuildError."""

    def __init__(
        self,
        *,
        origins: Origins,
        blocking: Limiter,
        scratch: Path,
        command: str | None,
        confine: program.Confine,
        limit: int,
    ) -> None:
        """Take what it works with: `command` is Helm, `limit` is how many bytes a packaged chart may have."""
        self._origins = origins
        self._blocking = blocking
        self._scratch = scratch.resolve()
        self._command = command
        self._confine = confine
        self._limit = limit

    async def from_repository(self, downloads: Downloads, wanted: Wanted, verify: Verify | None = None) -> Build:
        """Build a chart of a Helm repository; with `verify` only one whose signatures are good, stored or not."""
        if not wanted.chart:
            raise BuildError(Reason.REFERENCE, "no name set for remote chart reference")
        if len(wanted.chart) > 255 or not _NAME.fullmatch(wanted.chart):
            raise BuildError(Reason.REFERENCE, f"invalid chart name '{wanted.chart[:300]}': {_RULE}")
        found = await downloads.choose(wanted.chart, wanted.version)
        if verify is not None:
            found = await downloads.verified(found, verify)
        version = wanted.versioned(found.version)
        packaged = bool(wanted.merged or wanted.metadata)
        if (kept := wanted.kept(found.name, version, packaged=packaged)) is not None:
            return kept
        data = await downloads.fetch(found)
        try:
            chart = await self._blocking.run(archive.read, data)
        except ChartError as error:
            what = "failed to load chart metadata from written chart"
            raise BuildError(Reason.PULL, f"{what}: {error}") from error
        if not packaged:
            return Build(name=found.name, version=version, data=data)
        async with self._folder() as work:
            place = work / "chart" / chart.metadata.name
            await self._blocking.run(tree.write, chart, place)
            merged = await self._blocking.run(local.merge_own, chart, place, wanted)
            data = await self._package(place, version, work)
            return Build(name=found.name, version=version, data=data, values_files=merged, packaged=True)

    async def from_archive(self, source: Path, wanted: Wanted, *, namespace: str) -> Build:
        """Build a chart that lies in a source's artifact."""
        if not wanted.chart:
            raise BuildError(Reason.REFERENCE, "no path set for local chart reference")
        if wanted.chart.startswith("/"):
            raise BuildError(Reason.REFERENCE, "local chart reference path is expected to be relative")
        async with self._folder() as work:
            found = await self._blocking.run(_find, source, work, wanted.chart)
            version = wanted.versioned(found.own.version)
            packaged = found.is_folder or bool(wanted.merged or wanted.metadata)
            if (kept := wanted.kept(found.own.name, version, packaged=packaged)) is not None:
                return kept
            if not packaged:
                data = self._sized(await self._blocking.run(found.place.read_bytes))
                return Build(name=found.own.name, version=version, data=data)
            merged = await self._blocking.run(found.lay_out, wanted)
            count = await self._add_dependencies(found, namespace) if found.is_folder else 0
            data = await self._package(found.target, version, work)
            name = found.own.name
            return Build(name=name, version=version, data=data, values_files=merged, packaged=True, dependencies=count)

    async def _add_dependencies(self, found: "_Found", namespace: str) -> int:
        """Add what a chart's folder lacks, and return how many that were."""
        try:
            lacking = await self._blocking.run(tree.missing, found.target, found.own)
        except (ChartError, OSError) as error:
            raise BuildError(Reason.DEPENDENCIES, local.plain(error, "charts")) from error
        for each in lacking:
            if not each.repository or each.repository.startswith("file://"):
                await self._blocking.run(local.add_dependency, found.root, found.place, found.target, each)
            else:
                await self._add_remote(found.target, each, namespace)
        return len(lacking)

    async def _add_remote(self, target: Path, wanted: Dependency, namespace: str) -> None:
        about = f"failed to add remote dependency '{wanted.key}'"
        try:
            downloads = await self._origins.of_dependency(wanted.repository, namespace)
            data = await downloads.fetch(await downloads.choose(wanted.name, wanted.version))
            found = (await self._blocking.run(archive.read, data)).metadata
            await self._blocking.run(tree.add, target / "charts", found, data)
        except (Unsupported, InvalidURL, Refused, FetchError, BuildError, ChartError) as error:
            refused = getattr(error, "refused", False)
            raise BuildError(Reason.DEPENDENCIES, f"{about}: {error}", refused=refused) from error

    async def _package(self, place: Path, version: str, work: Path) -> bytes:
        try:
            data = await self._blocking.run(
                packaging.package, place, version, work, command=self._command, confine=self._confine
            )
            self._sized(data)
            await self._blocking.run(archive.read, data)
        except (PackageError, ChartError) as error:
            raise BuildError(Reason.PACKAGE, error) from error
        return data

    def _sized(self, data: bytes) -> bytes:
        if len(data) > self._limit:
            raise BuildError(Reason.PACKAGE, f"size of chart exceeds '{self._limit}' bytes limit")
        return data

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="chart-", dir=self._scratch))
        try:
            yield folder
        except OSError as error:
            raise BuildError(Reason.PACKAGE, local.plain(error, "chart")) from error
        finally:
            await self._blocking.run(shutil.rmtree, folder, ignore_errors=True)
