"""The HelmChart that a release's chart template asks for: made, kept as the template says, deleted when it moves.

Answers to helm-controller's HelmChartTemplate reconciler: the object's name, its labels, its field manager and the
events about it. A HelmChart that is as it should be already costs no request.
"""

from typing import Any

from msgspec.structs import replace

from deploy.helm import naming
from deploy.helm.ports import Objects
from gotk.api import scheme
from gotk.api.helm import GROUP, HelmRelease, HelmReleaseStatus
from gotk.api.source import GROUP as SOURCE_GROUP
from gotk.api.source import HelmChart, HelmChartSpec
from gotk.kube.errors import APIError, NotFound
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Reader, Run

_FIELD = "helm-controller"
_API = f"{SOURCE_GROUP}/v1"


class Templates:
    """Keeps the HelmCharts of chart templates."""

    def __init__(self, *, objects: Reader, client: Objects, no_cross_namespace_refs: bool) -> None:
        self._objects = objects
        self._client = client
        self._no_cross_namespace_refs = no_cross_namespace_refs

    async def reconcile(self, obj: HelmRelease, run: Run[HelmReleaseStatus]) -> None:
        """Make the HelmChart as the template says, and delete the one before. Raises Stalled and Retry."""
        wanted = naming.chart_key(obj) if obj.spec.chart is not None else None
        before = run.status.helm_chart
        if before and before != str(wanted):
            await self.delete(run)
        if obj.spec.chart is None or wanted is None:
            return
        own = obj.metadata.namespace
        reference = obj.spec.chart.spec.source_ref
        if self._no_cross_namespace_refs and wanted.namespace != own:
            subject = f"{reference.kind} {wanted.namespace}/{reference.name}"
            raise Stalled("AccessDenied", f"cross-namespace references are not allowed: cannot access {subject}")
        manifest = _manifest(obj, wanted)
        live = self._objects.get(HelmChart, *wanted)
        if live is None or not _covers(live, manifest):
            await self._apply(run, manifest, wanted, f"{reference.kind}/{wanted.namespace}/{reference.name}", live)
        if before != str(wanted):
            run.update(helm_chart=str(wanted))
            await run.save()

    async def _apply(
        self,
        run: Run[HelmReleaseStatus],
        manifest: dict[str, Any],
        key: Key,
        source: str,
        live: HelmChart | None,
    ) -> None:
        try:
            await self._client.apply_object(manifest, field_manager=_FIELD)
        except APIError as error:
            message = f"failed to run server-side apply: {error.message}"
            run.event("Warning", "HelmChartSyncErr", message)
            raise Retry("HelmChartSyncErr", message) from error
        reason, verb = ("HelmChartCreated", "Created") if live is None else ("HelmChartConfigured", "Configured")
        run.event("Trace", reason, f"{verb} HelmChart/{key} with SourceRef '{source}'")

    async def delete(self, run: Run[HelmReleaseStatus]) -> None:
        """Delete the HelmChart that the status names, if any. Raises Retry."""
        namespace, _, name = run.status.helm_chart.partition("/")
        if not name:
            return
        try:
            await self._client.delete_object(_API, HelmChart.__name__, namespace, name)
        except NotFound:
            pass
        except APIError as error:
            message = f"failed to delete HelmChart '{namespace}/{name}': {error.message}"
            raise Retry("HelmChartSyncErr", message) from error
        else:
            run.event("Trace", "HelmChartDeleted", f"deleted HelmChart '{namespace}/{name}'")
        run.update(helm_chart="")
        await run.save()


def _manifest(obj: HelmRelease, key: Key) -> dict[str, Any]:
    """Return the HelmChart of a template."""
    template = obj.spec.chart
    assert template is not None
    spec, metadata = template.spec, template.metadata
    verify = scheme.to_builtins(spec.verify) if spec.verify is not None else None
    fields: dict[str, Any] = {
        "chart": spec.chart,
        "version": spec.version,
        "sourceRef": {"kind": spec.source_ref.kind, "name": spec.source_ref.name},
        "interval": str(spec.interval or obj.spec.interval),
        "reconcileStrategy": spec.reconcile_strategy,
        "valuesFiles": [*([spec.values_file] if spec.values_file else []), *spec.values_files],
        "ignoreMissingValuesFiles": spec.ignore_missing_values_files,
        "verify": {"provider": spec.verify.provider if spec.verify else "", **verify} if verify is not None else None,
    }
    labels = {
        **(metadata.labels if metadata else {}),
        f"{GROUP}/name": obj.metadata.name,
        f"{GROUP}/namespace": obj.metadata.namespace,
    }
    annotations = dict(metadata.annotations) if metadata else {}
    return {
        "apiVersion": _API,
        "kind": HelmChart.__name__,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": labels,
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {name: value for name, value in fields.items() if value not in (None, [], False)},
    }


def _covers(live: HelmChart, manifest: dict[str, Any]) -> bool:
    """Tell whether a HelmChart has all that is wanted, and no other spec but for who has suspended it."""
    wanted = scheme.convert(manifest, HelmChart)
    pairs = ((live.metadata.labels, wanted.metadata.labels), (live.metadata.annotations, wanted.metadata.annotations))
    marked = all(there.get(key) == value for there, want in pairs for key, value in want.items())
    return marked and _plain(live.spec) == _plain(wanted.spec)


def _plain(spec: HelmChartSpec) -> HelmChartSpec:
    """Return a spec without what a template does not say."""
    return replace(spec, suspend=False, source_ref=replace(spec.source_ref, api_version=""))
