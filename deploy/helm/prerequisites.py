"""What a HelmRelease needs before anything is rendered: what must come first, and a source with a chart.

Answers to `checkDependencies`, `getSource` and `isSourceReady` of helm-controller. A dependency that is not ready is
waited for without an error.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from deploy.cluster import ready_expression
from deploy.cluster.expressions import INVALID_EXPRESSION, TERMINAL, Expressions
from deploy.helm import naming
from deploy.helm.policy import Policy
from gotk.api import scheme
from gotk.api.helm import GROUP, ChartReference, HelmRelease
from gotk.api.kustomize import DependencyReference
from gotk.api.meta import Artifact, Condition
from gotk.api.source import ExternalArtifact, HelmChart, OCIRepository
from gotk.kube.errors import NotFound
from gotk.kube.ports import Getter
from gotk.runtime.conditions import READY, STALLED
from gotk.runtime.errors import Retry, Stalled, Waiting
from gotk.runtime.reconciler import Key, Reader

_LONGEST = 63  # of a label's value
ChartHolder: TypeAlias = HelmChart | OCIRepository | ExternalArtifact
CHART_HOLDERS: Mapping[str, type[ChartHolder]] = {
    kind.__name__: kind for kind in (HelmChart, OCIRepository, ExternalArtifact)
}


def check_name(obj: HelmRelease) -> None:
    """See that the objects of a release can say whose they are. Raises Stalled.

    The API takes names of 253 characters, and labels hold 63: with Flux the API server complains of the first object.
    """
    length = len(obj.metadata.name)
    if length > _LONGEST:
        raise Stalled(
            "InvalidName",
            f"metadata.name has {length} characters, and the label {GROUP}/name, which every object of a release "
            f"carries, holds {_LONGEST}: make a HelmRelease of a shorter name, with spec.releaseName "
            f"'{naming.release_name(obj)}'",
        )


def chart_source(obj: HelmRelease) -> tuple[str, Key]:
    """Return the kind and the key of what holds a release's chart. Raises Stalled."""
    spec = obj.spec
    if (spec.chart is None) == (spec.chart_ref is None):
        raise Stalled("InvalidChartReference", "invalid Chart reference: either chart or chartRef must be set")
    if spec.chart_ref is None:
        return HelmChart.__name__, naming.chart_key(obj)
    return spec.chart_ref.kind, _key(spec.chart_ref, obj.metadata.namespace)


def _key(reference: ChartReference, own: str) -> Key:
    return Key(reference.namespace or own, reference.name)


class Prerequisites:
    """Looks for the chart and the dependencies of HelmReleases in the cluster of the objects."""

    def __init__(self, *, objects: Reader, client: Getter, expressions: Expressions, policy: Policy) -> None:
        self._objects = objects
        self._client = client
        self._expressions = expressions
        self._policy = policy

    async def source(self, obj: HelmRelease) -> tuple[str, Artifact]:
        """Return what holds the chart, by its kind, and the artifact.

        Raises Stalled, Retry and Waiting where there is none.
        """
        kind, key = chart_source(obj)
        subject = f"{kind}/{key}"
        if kind == ExternalArtifact.__name__ and not self._policy.external_artifacts:
            raise Stalled("AccessDenied", f"can't access '{subject}', ExternalArtifact feature gate is disabled")
        if self._policy.no_cross_namespace_refs and key.namespace != obj.metadata.namespace:
            told = f"cross-namespace references are not allowed: cannot access {kind} {key}"
            raise Stalled("AccessDenied", told)
        source = await self._read(CHART_HOLDERS[kind], key)
        if source is None:
            resource = scheme.resource_of(CHART_HOLDERS[kind])
            missing = f'{resource.plural}.{resource.group} "{key.name}" not found'
            raise Retry("ArtifactFailed", f"could not get Source object: {missing}")
        why = _unready(source)
        if why is not None or source.status.artifact is None:
            told = why or "does not have an artifact"
            raise self._waiting("SourceNotReady", f"{kind} '{key}' is not ready: {told}")
        return kind, source.status.artifact

    async def _read(self, kind: type[ChartHolder], key: Key) -> ChartHolder | None:
        if not self._policy.direct_source_fetch:
            return self._objects.get(kind, *key)
        try:
            return await self._client.get(kind, *key)
        except NotFound:
            return None

    async def check_dependencies(self, obj: HelmRelease) -> None:
        """Raise Waiting for the first release that must come first and has not, Stalled for a bad expression."""
        for reference in obj.spec.depends_on:
            key = Key(reference.namespace or obj.metadata.namespace, reference.name)
            why = await self._unmet(obj, reference, key)
            if why is not None:
                raise self._waiting("DependencyNotReady", why)

    async def _unmet(self, obj: HelmRelease, reference: DependencyReference, key: Key) -> str | None:
        try:
            dependency = await self._client.get(HelmRelease, *key)
        except NotFound as error:
            return f"unable to get '{key}' dependency: {error.message}"
        if reference.ready_expr:
            scope = {"self": _plain(obj), "dep": _plain(dependency)}
            try:
                why = await ready_expression.unmet(
                    reference.ready_expr, scope, str(key), self._expressions, owner=obj.metadata.uid
                )
            except ready_expression.InvalidExpressionError as error:
                told = f"{TERMINAL}: failed to evaluate dependency {key.name}: {error}"
                raise Stalled(INVALID_EXPRESSION, told) from error
            if why is not None or not self._policy.additive_expressions:
                return why
        return None if ready(dependency) else f"dependency '{key}' is not ready"

    def _waiting(self, reason: str, message: str) -> Waiting:
        return Waiting(reason, message, after=self._policy.requeue_dependency)


def ready(release: HelmRelease) -> bool:
    """Tell whether a release is Ready in its present generation."""
    status = release.status
    if status.observed_generation != release.metadata.generation:
        return False
    condition = _condition(release, READY)
    return condition is not None and condition.status == "True"


def _unready(source: ChartHolder) -> str | None:
    """Return why the chart of a source cannot be taken. A failure leaves the artifact of before usable, as in Flux."""
    condition = _condition(source, READY)
    said = condition.message if condition is not None and condition.status == "False" else ""
    if isinstance(source, ExternalArtifact):
        return None
    if source.status.observed_generation != source.metadata.generation:
        return said or "latest generation of object has not been reconciled"
    stalled = _condition(source, STALLED)
    if stalled is not None and stalled.status == "True":
        return said or stalled.message
    return None


def _condition(obj: HelmRelease | ChartHolder, type_: str) -> Condition | None:
    return next((each for each in obj.status.conditions if each.type == type_), None)


def _plain(obj: HelmRelease) -> Mapping[str, Any]:
    """Return an object as an expression sees it: spec and status are always there."""
    plain: dict[str, Any] = scheme.to_builtins(obj)
    return {"status": {}, **plain}
