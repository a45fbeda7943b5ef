"""The HelmChart of a chart template: made, kept, changed, and deleted when it moves."""

from collections.abc import Mapping
from typing import Any

import pytest

from deploy.helm.template import Templates
from gotk.api import scheme
from gotk.api.helm import HelmRelease, HelmReleaseStatus
from gotk.api.source import HelmChart
from gotk.kube.errors import APIError, NotFound
from gotk.runtime.errors import Retry, Stalled
from tests.deploy.helm.objects import SOURCE, Objects, helm_release
from tests.running import FakeRun


class Cluster(Objects):
    """HelmCharts as the API holds them, for reading and for writing; counts the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.charts: dict[tuple[str, str], HelmChart] = {}
        self.refuses = False
        self.writes = 0

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return self.charts.get((namespace, name))

    def list(self, kind: type[Any], namespace: str | None = None) -> list[Any]:
        return list(self.charts.values())

    async def apply_object(
        self, obj: Mapping[str, Any], *, field_manager: str, force: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        assert field_manager == "helm-controller"
        self._write()
        chart = scheme.convert(dict(obj), HelmChart)
        self.charts[chart.metadata.namespace, chart.metadata.name] = chart
        return dict(obj)

    async def delete_object(
        self, api_version: str, kind: str, namespace: str, name: str, *, propagation: str = "Background", uid: str = ""
    ) -> None:
        self._write()
        if self.charts.pop((namespace, name), None) is None:
            raise NotFound(404, "NotFound", f'helmcharts "{name}" not found')

    def _write(self) -> None:
        self.writes += 1
        if self.refuses:
            raise APIError(403, "Forbidden", "you may not")


class World:
    def __init__(self, *, strict: bool = False) -> None:
        self.cluster = Cluster()
        self.status = HelmReleaseStatus()
        self._templates = Templates(objects=self.cluster, client=self.cluster, no_cross_namespace_refs=strict)

    async def run(self, obj: HelmRelease) -> list[str]:
        """Reconcile the template; return the events."""
        run: FakeRun[HelmReleaseStatus] = FakeRun(obj)
        run.status = self.status
        try:
            await self._templates.reconcile(obj, run)
        finally:
            self.status = run.status
        return [f"{each.severity} {each.reason} {each.message}" for each in run.events]


def template(namespace: str = "", metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    reference = SOURCE["spec"]["sourceRef"] | ({"namespace": namespace} if namespace else {})  # type: ignore[operator]
    spec = {"spec": {**SOURCE["spec"], "sourceRef": reference, **more}}
    return {"chart": spec | ({"metadata": metadata} if metadata else {})}


async def test_the_values_file_of_older_versions_comes_before_the_others() -> None:
    here = World()
    await here.run(helm_release(template(valuesFile="base.yaml", valuesFiles=["values.yaml", "prod.yaml"])))
    (made,) = here.cluster.charts.values()
    assert made.spec.values_files == ("base.yaml", "values.yaml", "prod.yaml")


async def test_everything_that_a_template_says_stands_in_its_chart() -> None:
    here = World()
    said = template(
        interval="5m", reconcileStrategy="Revision", ignoreMissingValuesFiles=True,
        verify={"provider": "cosign", "secretRef": {"name": "keys"}, "matchOIDCIdentity": [
            {"issuer": "^https://issuer$", "subject": "^us$"}]},
    )  # fmt: skip
    await here.run(helm_release(said))
    (made,) = here.cluster.charts.values()
    assert (str(made.spec.interval), made.spec.reconcile_strategy) == ("5m0s", "Revision")
    assert made.spec.ignore_missing_values_files
    assert made.spec.verify is not None
    assert made.spec.verify.secret_ref is not None
    assert (made.spec.verify.provider, made.spec.verify.secret_ref.name) == ("cosign", "keys")
    assert [(each.issuer, each.subject) for each in made.spec.verify.match_oidc_identity] == [
        ("^https://issuer$", "^us$")
    ]


async def test_a_chart_is_made_as_the_template_says_and_noted_in_the_status() -> None:
    here = World()
    marks = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    events = await here.run(helm_release(template("charts", marks, version="1.x", valuesFiles=["prod.yaml"])))
    assert events == [
        "Trace HelmChartCreated Created HelmChart/charts/apps-web with SourceRef 'HelmRepository/charts/charts'"
    ]
    assert here.status.helm_chart == "charts/apps-web"
    made = here.cluster.charts["charts", "apps-web"]
    assert made.metadata.labels == {
        "team": "a", "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps"
    }  # fmt: skip
    assert made.metadata.annotations == {"note": "b"}
    assert (made.spec.chart, made.spec.version, made.spec.values_files) == ("web", "1.x", ("prod.yaml",))
    assert (made.spec.source_ref.kind, made.spec.source_ref.name) == ("HelmRepository", "charts")
    assert str(made.spec.interval) == "10m0s", "the release's own, where the template has none"


SAME = [
    ("as short as can be", template()),
    ("with all that is usual spelled out", template(version="*", reconcileStrategy="ChartVersion")),
    ("with an interval", template(interval="60m")),
    ("verified by the usual provider", template(verify={"secretRef": {"name": "keys"}})),
    ("verified by notation", template(verify={"provider": "notation", "secretRef": {"name": "keys"}})),
    ("with values files", template(valuesFiles=["a.yaml"], ignoreMissingValuesFiles=True)),
]


@pytest.mark.parametrize("spec", [row[1] for row in SAME], ids=[row[0] for row in SAME])
async def test_a_chart_that_is_as_it_should_be_costs_no_request(spec: dict[str, Any]) -> None:
    here = World()
    await here.run(helm_release(spec))
    assert await here.run(helm_release(spec)) == []
    assert here.cluster.writes == 1


async def test_a_chart_that_somebody_suspended_is_not_written_again_and_again() -> None:
    here = World()
    await here.run(helm_release())
    plain = scheme.to_builtins(here.cluster.charts["apps", "apps-web"])
    plain["spec"]["suspend"] = True
    here.cluster.charts["apps", "apps-web"] = scheme.convert(plain, HelmChart)
    assert await here.run(helm_release()) == []


async def test_a_changed_template_changes_the_chart() -> None:
    here = World()
    await here.run(helm_release(template(valuesFiles=["a.yaml"])))
    events = await here.run(helm_release(template(version="2.x")))
    assert [each.split()[1] for each in events] == ["HelmChartConfigured"]
    made = here.cluster.charts["apps", "apps-web"].spec
    assert (made.version, made.values_files) == ("2.x", ())
    assert await here.run(helm_release(template(version="2.x", metadata={"labels": {"team": "a"}}))) != []


async def test_a_chart_of_another_namespace_or_none_takes_the_old_one_with_it() -> None:
    here = World()
    await here.run(helm_release(template("old")))
    events = await here.run(helm_release(template("new")))
    assert events[0] == "Trace HelmChartDeleted deleted HelmChart 'old/apps-web'"
    assert list(here.cluster.charts) == [("new", "apps-web")]
    reference = {"chart": None, "chartRef": {"kind": "OCIRepository", "name": "web"}}
    await here.run(helm_release(reference))
    assert here.cluster.charts == {}
    assert here.status.helm_chart == ""


async def test_a_chart_that_is_gone_already_is_forgotten_without_a_word() -> None:
    here = World()
    await here.run(helm_release(template("old")))
    here.cluster.charts.clear()
    events = await here.run(helm_release(template("new")))
    assert [each.split()[1] for each in events] == ["HelmChartCreated"]


async def test_what_the_server_refuses_is_told_and_tried_again() -> None:
    here = World()
    here.cluster.refuses = True
    with pytest.raises(Retry, match="failed to run server-side apply: you may not") as caught:
        await here.run(helm_release())
    assert caught.value.reason == "HelmChartSyncErr"
    assert here.status.helm_chart == ""


async def test_a_source_of_another_namespace_may_be_forbidden() -> None:
    here = World(strict=True)
    with pytest.raises(Stalled) as caught:
        await here.run(helm_release(template("charts")))
    assert caught.value.reason == "AccessDenied"
    why = "cross-namespace references are not allowed: cannot access HelmRepository charts/charts"
    assert caught.value.message == why
    assert here.cluster.writes == 0
