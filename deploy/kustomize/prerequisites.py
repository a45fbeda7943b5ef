"""What a Kustomization needs before it can be built: a source with an artifact, and what must come first.

Answers to `getSource` and `checkDependencies` of kustomize-controller.
"""

from collections.abc import Mapping
from typing import Any

from deploy.cluster import ready_expression
from deploy.cluster.expressions import INVALID_EXPRESSION, TERMINAL, Expressions
from deploy.kustomize import dependencies
from deploy.kustomize.attempt import KustomizationRun, retry_after
from deploy.kustomize.policy import Policy
from gotk.api import scheme
from gotk.api.kustomize import GROUP, DependencyReference, Kustomization
from gotk.api.meta import Artifact
from gotk.api.source import GROUP as SOURCE_GROUP
from gotk.api.source import SOURCES, ExternalArtifact, Source
from gotk.duration import Duration
from gotk.kube.errors import NotFound
from gotk.kube.ports import Getter
from gotk.runtime.errors import Stalled, Waiting
from gotk.runtime.reconciler import Key, Reader

_KINDS: Mapping[str, type[Source]] = {**SOURCES, ExternalArtifact.__name__: ExternalArtifact}


class Prerequisites:
    """Looks for the source and the dependencies of Kustomizations in the cluster of the objects."""

    def __init__(self, *, objects: Reader, client: Getter, expressions: Expressions, policy: Policy) -> None:
        self._objects = objects
        self._client = client
        self._expressions = expressions
        self._policy = policy

    async def source(self, obj: Kustomization) -> Artifact:
        """Return the artifact to build. Raises Stalled or Waiting where there is none."""
        reference, own = obj.spec.source_ref, obj.metadata.namespace
        namespace = reference.namespace or own
        subject = f"{reference.kind}/{namespace}/{reference.name}"
        kind = _KINDS.get(reference.kind)
        if kind is None:
            cause = f"is not supported, refer to a {' or '.join(SOURCES)}"
            raise Stalled("UnsupportedSourceKind", f"source '{subject}' {cause}")
        if self._policy.no_cross_namespace_refs and namespace != own:
            raise Stalled("AccessDenied", f"can't access '{subject}', cross-namespace references have been blocked")
        if kind is ExternalArtifact and not self._policy.external_artifacts:
            raise Stalled("AccessDenied", f"can't access '{subject}', ExternalArtifact feature gate is disabled")
        source = await self._read(kind, namespace, reference.name)
        if source is None:
            # No event, as in Flux: whoever applies both at once would be told of an error each time.
            message = f'{reference.kind}.{SOURCE_GROUP} "{reference.name}" not found'
            raise Waiting("ArtifactFailed", message, after=retry_after(obj.spec))
        if source.status.artifact is None:
            raise self.waiting("ArtifactFailed", "Source artifact not found")
        return source.status.artifact

    def known(self, obj: Kustomization) -> Artifact | None:
        """Return the artifact of what was built before, where all that comes first is known to be there, else None.

        Nobody is asked: of a dependency the watch tells at an interval what the API would.
        """
        kind, namespace, name = dependencies.source_key(obj)
        if self._policy.direct_source_fetch or kind not in _KINDS:
            return None
        source = self._objects.get(_KINDS[kind], namespace, name)
        if source is None or (artifact := source.status.artifact) is None:
            return None
        for reference in obj.spec.depends_on:
            dependency = self._objects.get(Kustomization, *dependencies.key(reference, obj.metadata.namespace))
            if dependency is None or reference.ready_expr or dependencies.unmet(obj, dependency, artifact.revision):
                return None
        return artifact

    async def _read(self, kind: type[Source], namespace: str, name: str) -> Source | None:
        if not self._policy.direct_source_fetch:
            return self._objects.get(kind, namespace, name)
        try:
            return await self._client.get(kind, namespace, name)
        except NotFound:
            return None

    async def check_dependencies(self, obj: Kustomization, run: KustomizationRun, source: Artifact) -> None:
        """Raise Waiting for the first Kustomization that must come first and has not, Stalled for a bad expression."""
        for reference in obj.spec.depends_on:
            key = dependencies.key(reference, obj.metadata.namespace)
            why = await self._unmet(obj, reference, key, source)
            if why is not None:
                waiting = self.waiting(dependencies.NOT_READY, "Dependencies do not meet ready condition")
                run.event("Normal", waiting.reason, waiting.message, {f"{GROUP}/revision": source.revision})
                raise Waiting(waiting.reason, why, after=waiting.after)

    async def _unmet(
        self, obj: Kustomization, reference: DependencyReference, key: Key, source: Artifact
    ) -> str | None:
        """Return why a Kustomization has to wait for another one, or None where it has not."""
        try:
            dependency = await self._client.get(Kustomization, *key)
        except NotFound as error:
            return f"dependency '{key}' not found: {error.message}"
        known = self._objects.get(Kustomization, *key)
        if known is not None and known.metadata.resource_version == dependency.metadata.resource_version:
            dependency = known  # of which more may be known here than is written
        if not reference.ready_expr:
            return dependencies.unmet(obj, dependency, source.revision)
        why = await self._unmet_expression(obj, dependency, reference.ready_expr)
        if why is None and self._policy.additive_expressions:
            return dependencies.unmet(obj, dependency, source.revision)
        return why

    async def _unmet_expression(self, obj: Kustomization, dependency: Kustomization, text: str) -> str | None:
        where = f"{dependency.metadata.namespace}/{dependency.metadata.name}"
        scope = {"self": _plain(obj), "dep": _plain(dependency)}
        try:
            return await ready_expression.unmet(text, scope, where, self._expressions, owner=obj.metadata.uid)
        except ready_expression.InvalidExpressionError as error:
            told = f"{TERMINAL}: failed to evaluate dependency {dependency.metadata.name}: {error}"
            raise Stalled(INVALID_EXPRESSION, told) from error

    def waiting(self, reason: str, message: str) -> Waiting:
        """Return the error of what is looked at again after the dependency delay."""
        delay = Duration.of(self._policy.requeue_dependency)
        return Waiting(reason, f"{message}, retrying in {delay}", after=delay.seconds)


def _plain(obj: Kustomization) -> Mapping[str, Any]:
    """Return an object as an expression sees it: spec and status are always there."""
    plain: dict[str, Any] = scheme.to_builtins(obj)
    return {"status": {}, **plain}
