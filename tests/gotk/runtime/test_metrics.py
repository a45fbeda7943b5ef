"""Metrics of the runtime: how long runs took, counted as the library's histogram counts."""

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Histogram

from gotk.runtime.metrics import DURATION_BUCKETS, Metrics
from gotk.runtime.reconciler import Key

NAME, LABELS = "gotk_reconcile_duration_seconds", ("kind", "name", "namespace")
KEYS = st.builds(Key, st.sampled_from(["apps", "infra"]), st.sampled_from(["a", "b"]))
SECONDS = st.floats(0, 4000) | st.sampled_from(DURATION_BUCKETS)


def samples(registry: prometheus_client.CollectorRegistry) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    """Return what a registry tells of runs, but for when each series began."""
    (family,) = (each for each in registry.collect() if each.name == NAME)
    told = (each for each in family.samples if not each.name.endswith("_created"))
    return {(each.name, frozenset(each.labels.items()), each.value) for each in told}


@given(st.lists(st.tuples(KEYS, SECONDS, st.booleans())))
def test_durations_are_told_as_by_the_librarys_histogram(runs: list[tuple[Key, float, bool]]) -> None:
    metrics, registry = Metrics(process=False), prometheus_client.CollectorRegistry()
    histogram = Histogram(NAME, "", LABELS, buckets=DURATION_BUCKETS, registry=registry)
    for key, seconds, gone in runs:
        histogram.labels("ImagePolicy", key.name, key.namespace).observe(seconds)
        metrics.reconciled("ImagePolicy", key, seconds)
        if gone:
            histogram.remove("ImagePolicy", key.name, key.namespace)
            metrics.forget("ImagePolicy", key)
    assert samples(metrics.registry) == samples(registry)


def test_an_object_that_never_ran_can_be_forgotten() -> None:
    metrics = Metrics(process=False)
    metrics.forget("ImagePolicy", Key("apps", "a"))
    assert samples(metrics.registry) == set()
