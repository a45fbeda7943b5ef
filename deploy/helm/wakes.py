"""What wakes a HelmRelease besides its own changes: a new chart, a dependency that is ready, values that others hold.

Answers to helm-controller's watches. One thing more is ours: dependencies are watched, where there they are asked every
30 seconds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from deploy.cluster import configs
from deploy.helm import prerequisites
from deploy.helm.prerequisites import ChartHolder
from gotk.api.core import ConfigMap, Secret
from gotk.api.helm import HelmRelease
from gotk.api.source import ExternalArtifact, HelmChart, OCIRepository
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Key, Reader, Watch


def chart_changed(old: ChartHolder | None, new: ChartHolder | None) -> bool:
    """Tell whether a source can be released that could not before, or holds another chart."""
    if new is None or new.status.artifact is None:
        return False
    before, now = (old.status.artifact if old else None), new.status.artifact
    if before is None or (before.revision, before.digest, before.url) != (now.revision, now.digest, now.url):
        return True
    return _observed(old) != _observed(new)


def _observed(source: ChartHolder | None) -> bool:
    if source is None or isinstance(source, ExternalArtifact):
        return source is not None
    return source.status.observed_generation == source.metadata.generation


def of_chart(source: ChartHolder, reader: Reader) -> Iterable[Key]:
    """Return the releases of a chart."""
    named = (type(source).__name__, Key(source.metadata.namespace, source.metadata.name))
    for obj in reader.list(HelmRelease):
        try:
            if prerequisites.chart_source(obj) == named:
                yield Key(obj.metadata.namespace, obj.metadata.name)
        except Stalled:
            continue


def became_ready(old: HelmRelease | None, new: HelmRelease | None) -> bool:
    """Tell whether a release has become ready."""
    return new is not None and prerequisites.ready(new) and (old is None or not prerequisites.ready(old))


def of_dependency(dependency: HelmRelease, reader: Reader) -> Iterable[Key]:
    """Return the releases that wait for one and are not ready."""
    key = Key(dependency.metadata.namespace, dependency.metadata.name)
    for obj in reader.list(HelmRelease):
        own = obj.metadata.namespace
        waits = any(Key(each.namespace or own, each.name) == key for each in obj.spec.depends_on)
        if waits and not prerequisites.ready(obj):
            yield Key(own, obj.metadata.name)


def of_config(config: ConfigMap | Secret, reader: Reader) -> Iterable[Key]:
    """Return the releases of its namespace that take values or a kubeconfig from a ConfigMap or Secret."""
    named = (type(config).__name__, config.metadata.name)
    for obj in reader.list(HelmRelease, config.metadata.namespace):
        if named in _configs(obj):
            yield Key(obj.metadata.namespace, obj.metadata.name)


def _configs(obj: HelmRelease) -> Iterable[tuple[str, str]]:
    for reference in obj.spec.values_from:
        yield reference.kind, reference.name
    yield from configs.of_kube_config(obj.spec.kube_config)


#: What else wakes HelmReleases where the operator does not turn it off: objects with the label for it.
CONFIGS: Sequence[Watch[Any]] = tuple(
    Watch(kind=kind, changed=configs.changed, requests=of_config) for kind in (ConfigMap, Secret)
)

#: Only where the feature gate says so: a cluster may not have the kind.
EXTERNAL: Watch[Any] = Watch(kind=ExternalArtifact, changed=chart_changed, requests=of_chart)

WATCHES: Sequence[Watch[Any]] = (
    Watch(kind=HelmChart, changed=chart_changed, requests=of_chart),
    Watch(kind=OCIRepository, changed=chart_changed, requests=of_chart),
    Watch(kind=HelmRelease, changed=became_ready, requests=of_dependency),
)
