"""One artifact of a generator, from what is copied to the file that is stored and served. Blocks.

Answers to `ArtifactBuilder.Build` of source-watcher: `externalartifact/<namespace>/<name>/<hash of content>.tar.gz`,
without what every artifact leaves out by default; an ignore file among the files leaves out nothing.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from deploy.source import archive
from deploy.source.generating import copying
from deploy.source.generating.copying import CopyError
from deploy.source.generating.observed import ORIGIN_REVISION
from deploy.source.generating.staging import Staging
from deploy.source.generating.tree import Tree
from deploy.source.storage import Storage
from gotk.api.meta import Artifact
from gotk.api.source_extensions import OutputArtifact
from gotk.digest import CANONICAL
from gotk.runtime.clock import rfc3339


class BuildError(Exception):
    """An artifact that cannot be made; the message says why."""


@dataclass(slots=True)
class Rooms:
    """Folders for archives that are unpacked."""

    scratch: Path
    made: list[Path] = field(default_factory=list)

    def room(self) -> Path:
        """Return an empty folder."""
        self.made.append(Path(tempfile.mkdtemp(prefix="extracted-", dir=self.scratch)))
        return self.made[-1]

    def clear(self) -> None:
        """Delete every folder."""
        for path in self.made:
            shutil.rmtree(path, ignore_errors=True)


def directory(namespace: str, name: str) -> str:
    """Return where the files of an ExternalArtifact are stored."""
    return f"externalartifact/{namespace}/{name}"


def build(
    wanted: OutputArtifact,
    namespace: str,
    trees: Mapping[str, Path],
    sources: Mapping[str, Artifact],
    *,
    storage: Storage,
    scratch: Path,
    now: datetime,
) -> Artifact:
    """Make an artifact of unpacked sources, and store it. Raises BuildError."""
    rooms = Rooms(scratch)
    try:
        aliases = {operation.from_.removeprefix("@").partition("/")[0] for operation in wanted.copy}
        staging = Staging()
        copying.apply(wanted.copy, {alias: Tree(trees[alias]) for alias in aliases & trees.keys()}, staging, rooms)
        path = f"{directory(namespace, wanted.name)}/{staging.digest()}.tar.gz"
        written = storage.write(
            path, lambda file: archive.write(file, staging.entries(), staging.read, None, own_rules=False)
        )
        if storage.algorithm != CANONICAL:
            written = replace(written, digest=storage.digest(path))
    except CopyError as error:
        raise BuildError(f"failed to apply copy operations: {error}") from error
    except OSError as error:
        raise BuildError(f"failed to create artifact: {error.strerror}") from error
    finally:
        rooms.clear()
    revision = f"latest@{written.digest}"
    if (named := sources.get(wanted.revision.removeprefix("@"))) is not None:
        revision = named.revision
    return Artifact(
        digest=written.digest,
        path=path,
        url=storage.url(path),
        revision=revision,
        last_update_time=rfc3339(now),
        size=written.size,
        metadata=_origin(wanted, sources),
    )


def _origin(wanted: OutputArtifact, sources: Mapping[str, Artifact]) -> Mapping[str, str] | None:
    source = sources.get(wanted.origin_revision.removeprefix("@"))
    if source is None:
        return None
    return {ORIGIN_REVISION: (source.metadata or {}).get(ORIGIN_REVISION) or source.revision}
