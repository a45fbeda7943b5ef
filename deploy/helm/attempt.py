"""One run over one HelmRelease: what it is to become, where, and what its events carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.cluster import ports
from deploy.cluster.wait import Rules
from deploy.helm import wording
from deploy.helm.deciding.state import Wanted
from deploy.helm.rendering.chart import Chart
from gotk.api.helm import HelmRelease, HelmReleaseStatus
from gotk.runtime.reconciler import Run

HelmReleaseRun = Run[HelmReleaseStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A run and what it is about.

    `checks` tell the health of kinds that the object has expressions for. A run that `cancels` ends its wait for
    another one. `hidden` are the texts that Secrets gave to the values.
    """

    obj: HelmRelease
    run: HelmReleaseRun
    chart: Chart
    values: Mapping[str, Any] = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)
    wanted: Wanted
    checks: Rules
    cluster: ports.Cluster
    forced: bool
    cancels: bool

    @property
    def chart_name(self) -> str:
        """The chart as messages name it: `web@1.2.3`."""
        return f"{self.wanted.chart_name}@{self.wanted.chart_version}"

    @property
    def metadata(self) -> dict[str, str]:
        """What every event of the run carries."""
        return wording.metadata(
            self.wanted.chart_version,
            self.wanted.config_digest,
            app_version=self.chart.metadata.app_version,
            oci_digest=self.wanted.oci_digest,
        )
