"""What wakes a HelmRelease besides its own changes."""

from collections.abc import Sequence
from typing import Any

from deploy.cluster import configs
from deploy.helm import wakes
from gotk.api.helm import HelmRelease
from gotk.runtime.reconciler import Key
from tests.deploy.helm.objects import config_map, helm_release, secret
from tests.deploy.helm.sources import chart_holder

ELSEWHERE = {"chart": None, "chartRef": {"kind": "OCIRepository", "name": "web", "namespace": "charts"}}
READY = {
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "r", "message": "", "lastTransitionTime": ""}],
}


class Reader:
    """The cache, with these releases in it."""

    def __init__(self, *releases: HelmRelease) -> None:
        self._releases = releases

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        raise AssertionError("nothing needs it")

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        return [each for each in self._releases if namespace in {None, each.metadata.namespace}]


def test_a_chart_that_appears_or_changes_wakes() -> None:
    one = chart_holder(revision="1")
    assert wakes.chart_changed(None, one)
    assert wakes.chart_changed(chart_holder(revision=""), one)
    assert wakes.chart_changed(one, chart_holder(revision="2"))
    assert wakes.chart_changed(one, chart_holder(revision="1", digest="sha256:01")), "the same version, another chart"
    assert not wakes.chart_changed(one, chart_holder(revision="1"))


def test_a_chart_that_is_not_there_wakes_nobody() -> None:
    assert not wakes.chart_changed(chart_holder(revision="1"), None)
    assert not wakes.chart_changed(chart_holder(revision="1"), chart_holder(revision=""))


def test_a_source_whose_generation_has_been_seen_wakes() -> None:
    assert wakes.chart_changed(chart_holder(observed=0), chart_holder(observed=1))


def test_a_source_wakes_the_releases_of_its_chart_and_no_others() -> None:
    reader = Reader(
        helm_release(name="made"),
        helm_release({"chart": None, "chartRef": {"kind": "HelmChart", "name": "apps-made"}}, name="named"),
        helm_release(ELSEWHERE, name="elsewhere"),
        helm_release({"chart": None}, name="of nothing"),
    )
    assert list(wakes.of_chart(chart_holder(name="apps-made"), reader)) == [Key("apps", "made"), Key("apps", "named")]
    source = chart_holder("OCIRepository", namespace="charts")
    assert list(wakes.of_chart(source, reader)) == [Key("apps", "elsewhere")]


def test_a_release_wakes_others_when_it_becomes_ready() -> None:
    ready, not_yet = helm_release(status=READY), helm_release()
    assert wakes.became_ready(not_yet, ready)
    assert wakes.became_ready(None, ready)
    assert not wakes.became_ready(ready, ready)
    assert not wakes.became_ready(ready, not_yet)
    assert not wakes.became_ready(ready, None)
    assert not wakes.became_ready(not_yet, helm_release(status=READY, generation=2)), "it is ready of an older one"


def test_those_that_wait_for_a_release_are_woken_and_those_that_are_ready_are_not() -> None:
    reader = Reader(
        helm_release({"dependsOn": [{"name": "db"}]}, name="waits"),
        helm_release({"dependsOn": [{"name": "db", "namespace": "apps"}]}, name="abroad", namespace="other"),
        helm_release({"dependsOn": [{"name": "db"}]}, name="another", namespace="other"),
        helm_release({"dependsOn": [{"name": "db"}]}, READY, name="ready"),
        helm_release(name="alone"),
    )
    assert list(wakes.of_dependency(helm_release(name="db"), reader)) == [Key("apps", "waits"), Key("other", "abroad")]


def test_values_and_kubeconfigs_wake_the_releases_of_their_namespace() -> None:
    reader = Reader(
        helm_release({"valuesFrom": [{"kind": "ConfigMap", "name": "values"}]}, name="values"),
        helm_release({"valuesFrom": [{"kind": "Secret", "name": "values"}]}, name="secret"),
        helm_release({"kubeConfig": {"secretRef": {"name": "values"}}}, name="remote"),
        helm_release({"kubeConfig": {"configMapRef": {"name": "values"}}}, name="cloud"),
        helm_release({"valuesFrom": [{"kind": "ConfigMap", "name": "values"}]}, name="other", namespace="other"),
    )
    assert [key.name for key in wakes.of_config(config_map(), reader)] == ["values", "cloud"]
    assert [key.name for key in wakes.of_config(secret(), reader)] == ["secret", "remote"]


def test_a_config_that_is_created_changed_or_gone_wakes() -> None:
    assert configs.changed(None, config_map())
    assert configs.changed(config_map(), None)
    assert not configs.changed(config_map(), config_map())
