"""The charts of HelmReleases: downloaded once, read once, and kept as long as there is room."""

from pathlib import Path

from deploy.helm.rendering import chart as charts
from deploy.helm.rendering.chart import Chart, VersionError
from deploy.source.charts.archive import ChartError
from deploy.source.fetch import Archives
from gotk.api.meta import Artifact
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry

_KEPT_BYTES = 64 << 20


class Charts:
    """Loads charts. With `plain_versions` a chart's version stays as it is, whatever digest it came by.

    `patience` are the seconds that it may take to get one, however often its server is asked.
    """

    def __init__(self, *, archives: Archives, limiter: Limiter, plain_versions: bool, patience: float) -> None:
        self._patience = patience
        self._archives = archives
        self._limiter = limiter
        self._plain_versions = plain_versions
        self._kept: Bounded[tuple[str, str, str], Chart] = Bounded(_KEPT_BYTES, weigh=_weight)

    async def load(self, kind: str, artifact: Artifact) -> Chart:
        """Return the chart in the artifact of a source of a kind. Raises ArtifactError, and Retry where it is none."""
        key = (kind, artifact.digest, artifact.revision)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        revision = artifact.revision if charts.has_digest(kind, artifact.revision) else ""
        async with self._archives.open(artifact, timeout=self._patience) as file:
            data = await self._limiter.run(Path.read_bytes, file)
        try:
            loaded = await self._limiter.run(charts.load, data, revision=revision, tracked=not self._plain_versions)
        except ChartError as error:
            raise Retry("ArtifactFailed", f"Could not load chart: {error}") from error
        except VersionError as error:
            raise Retry("ChartMutateError", str(error)) from error
        self._kept.put(key, loaded)
        return loaded


def _weight(chart: Chart) -> int:
    return len(chart.data) + len(chart.definitions) + 4096
