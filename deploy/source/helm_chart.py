"""The HelmChart: find the chart that it names, pull or package it, store it, say so.

Answers to source-controller's HelmChartReconciler: its conditions (FetchFailed, BuildFailed, ArtifactOutdated), its
reasons, messages, events and versions. A chart that is stored in the version that is wanted is not fetched again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, NoReturn, TypeAlias, get_args

from deploy.source import publishing
from deploy.source.charts.build import Build, BuildError, Reason, Wanted
from deploy.source.charts.builder import ChartBuilder
from deploy.source.charts.downloads import Verify
from deploy.source.charts.origins import InvalidURL, Origins
from deploy.source.charts.remote import FetchError
from deploy.source.publishing import FETCH_FAILED, Publisher, Release, Stored
from deploy.source.storage import Storage
from deploy.source.tarball import Written
from gotk.api.source import (
    Bucket,
    GitRepository,
    HelmChart,
    HelmChartStatus,
    HelmRepository,
    OCIRepositoryVerification,
)
from gotk.oci.access import Access
from gotk.oci.name import Repository
from gotk.runtime.conditions import SUCCEEDED, Rules
from gotk.runtime.errors import Retry, Stalled, Waiting
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from gotk.sources.helm_access import Refused
from gotk.sources.verification import Unsupported, Verification

BUILD_FAILED = "BuildFailed"
VERIFIED = "SourceVerified"

_UNVERIFIED = "VerificationError"

ChartSource: TypeAlias = HelmRepository | GitRepository | Bucket
#: What a chart may come from, by the name that a reference spells.
CHART_SOURCES: Mapping[str, type[ChartSource]] = {kind.__name__: kind for kind in get_args(ChartSource)}


def _moved(old: ChartSource | None, new: ChartSource | None) -> bool:
    """Tell whether a source has an artifact of another revision than before."""
    if new is None or new.status.artifact is None:
        return False
    before = old.status.artifact if old is not None else None
    return before is None or before.revision != new.status.artifact.revision


def _charts(source: ChartSource, reader: Reader) -> Iterable[Key]:
    """Return the charts of a source that have not looked at its revision."""
    artifact = source.status.artifact
    for chart in reader.list(HelmChart, source.metadata.namespace):
        reference = chart.spec.source_ref
        named = (reference.kind, reference.name) == (type(source).__name__, source.metadata.name)
        if named and artifact and chart.status.observed_source_artifact_revision != artifact.revision:
            yield Key(chart.metadata.namespace, chart.metadata.name)


class HelmChartReconciler:
    """Keeps the artifact of every HelmChart up to date."""

    kind = HelmChart
    controller = "source-controller"
    rules = Rules(
        interval_jitter=True,
        positive=("ArtifactInStorage", VERIFIED),
        negative=("StorageOperationFailed", FETCH_FAILED, BUILD_FAILED, "ArtifactOutdated"),
    )
    watches: Sequence[Watch[Any]] = tuple(
        Watch(kind=kind, changed=_moved, requests=_charts) for kind in CHART_SOURCES.values()
    )
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        origins: Origins,
        builder: ChartBuilder,
        verification: Verification,
        publisher: Publisher,
        storage: Storage,
    ) -> None:
        """Take what it works with; `storage` holds the artifacts of the sources."""
        self._objects = objects
        self._origins = origins
        self._builder = builder
        self._verification = verification
        self._publisher = publisher
        self._storage = storage
        self._seen: dict[str, tuple[tuple[int, str, str], Build]] = {}

    async def reconcile(self, obj: HelmChart, run: Run[HelmChartStatus]) -> Outcome:
        """Build, and store what is new."""
        await self._publisher.check(run)
        source = self._source(obj, run)
        if source.status.artifact is not None:
            run.update(observed_source_artifact_revision=source.status.artifact.revision)
        build = await self._build(obj, run, source)
        run.conditions.delete(FETCH_FAILED, BUILD_FAILED)
        if obj.spec.verify is not None:
            run.conditions.mark_true(VERIFIED, SUCCEEDED, f"verified signature of version {build.version}")
        if build.dependencies:
            run.event("Trace", "ResolvedDependencies", f"resolved {build.dependencies} chart dependencies")
        after, current = obj.spec.interval.seconds, run.status.artifact
        if current is not None and build.data is None:
            said = publishing.up_to_date(build.version, build.summary, _stored(build))
            return self._publisher.keep(run, current, said, after=after)
        if current is None or (run.status.observed_chart_name, current.revision) != (build.name, build.version):
            await self._publisher.begin(run, build.summary, reason="NewChart")
        return await self._publisher.publish(obj, run, _release(obj, build), after=after)

    async def finalize(self, obj: HelmChart, run: Run[HelmChartStatus]) -> None:
        """Delete every artifact of the object. Raises Retry."""
        await self._publisher.remove_all(obj, run)
        self._seen.pop(obj.metadata.uid, None)

    def _source(self, obj: HelmChart, run: Run[HelmChartStatus]) -> ChartSource:
        """Return the source, which has an artifact where it is to have one."""
        reference, namespace = obj.spec.source_ref, obj.metadata.namespace
        kind = CHART_SOURCES.get(reference.kind)
        if kind is None:
            known = ", ".join(CHART_SOURCES)
            cause = f"unsupported source kind '{reference.kind}', must be one of: {known}"
            run.conditions.mark_true(FETCH_FAILED, "SourceUnavailable", f"failed to get source: {cause}")
            raise Stalled("UnsupportedSourceKind", f"failed to get source: {cause}")
        source = self._objects.get(kind, namespace, reference.name)
        if source is None:
            message = f"failed to get source: {reference.kind} '{namespace}/{reference.name}' not found"
            _fail(run, FETCH_FAILED, "SourceUnavailable", message)
        artifact = source.status.artifact
        if (artifact is None or self._storage.missing(artifact)) and not _is_registry(source):
            message = f"no artifact available for {reference.kind} source '{reference.name}'"
            run.conditions.mark_true(FETCH_FAILED, "NoSourceArtifact", message)
            raise Waiting("NoSourceArtifact", message)
        return source

    async def _build(self, obj: HelmChart, run: Run[HelmChartStatus], source: ChartSource) -> Build:
        wanted = _wanted(obj, run.status, source)
        if obj.spec.verify is None:
            run.conditions.delete(VERIFIED)
        try:
            if isinstance(source, HelmRepository):
                return await self._from_repository(obj, run, source, wanted)
            return await self._from_artifact(obj, source, wanted)
        except Unsupported as error:
            run.conditions.mark_false(VERIFIED, _UNVERIFIED, str(error))
            raise Stalled(_UNVERIFIED, str(error)) from error
        except BuildError as error:
            if error.reason is Reason.VERIFICATION:
                run.conditions.mark_false(VERIFIED, _UNVERIFIED, str(error))
            if error.refused and error.reason is Reason.PULL:
                message = f"failed to authenticate with the Helm repository: {error}"
                _fail(run, FETCH_FAILED, "AuthenticationFailed", message)
            run.conditions.delete(FETCH_FAILED, BUILD_FAILED)
            condition = BUILD_FAILED if error.reason.is_of_the_build else FETCH_FAILED
            _fail(run, condition, error.reason.value[0], str(error), stalls=error.reason.lasts)

    async def _from_repository(
        self, obj: HelmChart, run: Run[HelmChartStatus], source: HelmRepository, wanted: Wanted
    ) -> Build:
        try:
            downloads = await self._origins.of(source)
        except InvalidURL as error:
            _fail(run, FETCH_FAILED, "URLInvalid", f"invalid Helm repository URL: {error}", stalls=True)
        except Refused as error:
            _fail(run, FETCH_FAILED, "AuthenticationFailed", str(error))
        except FetchError as error:
            raise BuildError(Reason.PULL, f"failed to get chart version for remote reference: {error}") from error
        return await self._builder.from_repository(downloads, wanted, self._verify(obj))

    def _verify(self, obj: HelmChart) -> Verify | None:
        """Return the check of signatures that the object asks for. It is done each time, of a stored chart too."""
        asked = obj.spec.verify
        if asked is None:
            return None
        spec = OCIRepositoryVerification(
            provider=asked.provider, secret_ref=asked.secret_ref, match_oidc_identity=asked.match_oidc_identity
        )

        async def verify(repository: Repository, digest: str, access: Access) -> None:
            await self._verification.verify(spec, obj.metadata.namespace, repository, digest, access)

        return verify

    async def _from_artifact(self, obj: HelmChart, source: GitRepository | Bucket, wanted: Wanted) -> Build:
        """Build from a source's artifact, unless it was built from the very same one as this version before."""
        artifact = source.status.artifact
        assert artifact is not None
        now = (obj.metadata.generation, artifact.digest, wanted.metadata)
        seen = self._seen.get(obj.metadata.uid)
        if seen is not None and seen[0] == now and (kept := wanted.kept_as(seen[1])) is not None:
            return kept
        namespace = obj.metadata.namespace
        build = await self._builder.from_archive(self._storage.file(artifact), wanted, namespace=namespace)
        self._seen[obj.metadata.uid] = (now, replace(build, data=None, dependencies=0))
        return build


def _is_registry(source: ChartSource) -> bool:
    return isinstance(source, HelmRepository) and source.spec.type == "oci"


def _wanted(obj: HelmChart, status: HelmChartStatus, source: ChartSource) -> Wanted:
    spec, artifact = obj.spec, status.artifact
    revision = ""
    if spec.reconcile_strategy == "Revision" and not isinstance(source, HelmRepository) and source.status.artifact:
        revision = _hex(source.status.artifact.revision)[:12]
    wanted = Wanted(
        chart=spec.chart,
        version=spec.version,
        values_files=(*([spec.values_file] if spec.values_file else []), *spec.values_files),
        lenient=spec.ignore_missing_values_files,
        metadata=revision,
        current=None,
        current_files=status.observed_values_files or None,
    )
    metadata = [part for part in (revision, str(obj.metadata.generation) if wanted.merged else "") if part]
    kept = artifact is not None and obj.metadata.generation == status.observed_generation
    current = (status.observed_chart_name, artifact.revision) if kept and artifact is not None else None
    return replace(wanted, metadata=".".join(metadata), current=current)


def _hex(revision: str) -> str:
    """Return the hash of a revision: of a commit, however it is spelt, or of a bucket's listing."""
    return revision.rpartition("@")[2].rpartition(":")[2].rpartition("/")[2]


def _release(obj: HelmChart, build: Build) -> Release:
    data = build.data or b""

    def write(target: BinaryIO) -> Written:
        target.write(data)
        return Written(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))

    files = build.values_files if obj.spec.ignore_missing_values_files else ()
    return Release(
        file=f"{build.name}-{build.version}.tgz",
        revision=build.version,
        write=write,
        event=lambda: build.summary,
        stored=_stored(build),
        observed={"observed_chart_name": build.name, "observed_values_files": files},
        event_reasons=(build.reason, build.reason),
        latest="latest.tar.gz",
    )


def _stored(build: Build) -> Stored:
    return Stored(build.summary, build.reason)


def _fail(run: Run[HelmChartStatus], condition: str, reason: str, message: str, *, stalls: bool = False) -> NoReturn:
    run.conditions.mark_true(condition, reason, message)
    raise (Stalled if stalls else Retry)(reason, message)
