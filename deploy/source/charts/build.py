"""What a build of a chart is asked for and comes to, and how it ends where it fails. Pure.

Answers to `Build`, `BuildOptions` and `BuildError` of source-controller: the same reasons, summaries and versions.
"""

import posixpath
from dataclasses import dataclass
from enum import Enum

from gotk.semver import Version


class Reason(Enum):
    """Why a build failed: the condition's reason, and how its message begins."""

    REFERENCE = ("InvalidChartReference", "invalid chart reference")
    PULL = ("ChartPullError", "chart pull error")
    METADATA = ("MetadataPatchError", "chart metadata patch error")
    VALUES = ("ValuesFilesError", "values files merge error")
    DEPENDENCIES = ("DependencyBuildError", "dependency build error")
    PACKAGE = ("ChartPackageError", "chart package error")
    VERIFICATION = ("ChartVerificationError", "chart verification error")

    @property
    def lasts(self) -> bool:
        """Whether only another spec or another source helps."""
        return self in {Reason.REFERENCE, Reason.METADATA, Reason.VALUES}

    @property
    def is_of_the_build(self) -> bool:
        """Whether the chart was there and could not be put together."""
        return self not in {Reason.REFERENCE, Reason.PULL}


class BuildError(Exception):
    """A build failed. `refused` tells that a remote refused us, or we it."""

    def __init__(self, reason: Reason, cause: object, *, refused: bool = False) -> None:
        super().__init__(f"{reason.value[1]}: {cause}")
        self.reason = reason
        self.refused = refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is built. `metadata` goes behind the version; a chart of the same name and version as `current` is kept."""

    chart: str
    version: str
    values_files: tuple[str, ...]
    lenient: bool
    metadata: str
    #: Name and version of the chart that is stored, where it may be kept.
    current: tuple[str, str] | None
    #: The values files that were merged into it, where that was noted.
    current_files: tuple[str, ...] | None

    @property
    def merged(self) -> tuple[str, ...]:
        """The files to merge: none where only the chart's own are named."""
        own = len(self.values_files) == 1 and posixpath.normpath(self.values_files[0]) == "values.yaml"
        return () if own else self.values_files

    def versioned(self, version: str) -> str:
        """Return a chart's version with our metadata. Raises BuildError for a version that can have none."""
        if not self.metadata:
            return version
        try:
            found = Version.parse(version)
        except ValueError as error:
            cause = f"failed to parse version from chart metadata as SemVer: {error}"
            raise BuildError(Reason.METADATA, cause) from None
        bare = Version(version, found.major, found.minor, found.patch, found.prerelease, self.metadata)
        return str(bare)

    def kept(self, name: str, version: str, *, packaged: bool) -> "Build | None":
        """Return the build that is stored already, where it is of this name and version."""
        if self.current != (name, version):
            return None
        files = self.merged if self.current_files is None else self.current_files
        return Build(name=name, version=version, packaged=packaged, values_files=files)

    def kept_as(self, build: "Build") -> "Build | None":
        """Return an earlier build again, where it is the one that is stored."""
        return build if self.current == (build.name, build.version) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A chart that is built; without `data` it is the one that is stored."""

    name: str
    version: str
    data: bytes | None = None
    values_files: tuple[str, ...] = ()
    packaged: bool = False
    dependencies: int = 0

    @property
    def summary(self) -> str:
        """What conditions and events say of it."""
        action = "packaged" if self.packaged else "pulled"
        text = f"{action} '{self.name}' chart with version '{self.version}'"
        return text + (f" and merged values files [{' '.join(self.values_files)}]" if self.values_files else "")

    @property
    def reason(self) -> str:
        """The reason of its conditions and events."""
        return "ChartPackageSucceeded" if self.packaged else "ChartPullSucceeded"
