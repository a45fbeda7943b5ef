"""The graph of parts: which reconciler gets what. Nothing is decided here."""

import contextlib
import functools
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

from deploy.cluster.clusters import TargetClusters
from deploy.cluster.remotes import Logins, Remotes
from deploy.kustomize.kustomization import KustomizationReconciler
from deploy.kustomize.policy import Policy
from deploy.kustomize.wakes import CONFIGS
from deploy.source.charts.remote import Repositories
from deploy.source.download import Downloads
from deploy.source.server import ArtifactServer
from deploy.source.storage import Retention, Storage
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy
from gotk.api.kustomize import Kustomization
from gotk.api.notification import Receiver
from gotk.cloud.caller import Caller
from gotk.git.mirrors.mirror import Mirrors
from gotk.http import route
from gotk.http.egress import Reach
from gotk.http.transport import Transport
from gotk.kube.client import Client
from gotk.kube.ports import Getter
from gotk.oci import name
from gotk.oci.client import RegistryClient
from gotk.runtime import health
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock, SystemClock
from gotk.runtime.event_sinks import KubernetesEvents, PostedEvents
from gotk.runtime.events import Recorder, Sink
from gotk.runtime.manager import Manager
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Reconciler
from gotk.sources.git_access import GitAccess
from gotk.sources.helm_access import HelmAccesses
from gotk.sources.registry_access import RegistryAccess
from image_automation.app import (
    addresses,
    builds,
    clouds,
    explain,
    forges,
    notifications,
    reads,
    releases,
    sources,
    watching,
)
from image_automation.app.digests import RegistryDigests
from image_automation.app.joining import assembling, desks, pages
from image_automation.app.joining.noted import Noted
from image_automation.app.limits import runtime_limits
from image_automation.app.parts import Parts
from image_automation.app.settings import Settings
from image_automation.app.telling.pending import Age
from image_automation.app.telling.teller import Teller
from image_automation.dashboard import signing_in
from image_automation.dashboard.access import Access
from image_automation.dashboard.door import Door
from image_automation.dashboard.entering.claims import Claims
from image_automation.dashboard.oidc import Oidc
from image_automation.dashboard.people import People
from image_automation.dashboard.server import Dashboard
from image_automation.dashboard.sessions import Sessions
from image_automation.dashboard.telling.heard import DELIVERIES, EVENTS, Heard
from image_automation.explanation import Explainer
from image_automation.image_update_automation import ImageUpdateAutomationReconciler
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.journal import Journal
from image_automation.notification.receiver import ReceiverReconciler
from image_automation.notification.webhooks import hooks
from image_automation.notification.webhooks.annotator import Annotator
from image_automation.notification.webhooks.tokens import Issuers
from policies.age import Ageing
from policies.image_policy import ImagePolicyReconciler
from reflector.image_repository import ImageRepositoryReconciler
from reflector.metrics import ScanMetrics, StateCollector
from reflector.store import TagStore
from reflector.watchdog import Watchdog

_THREADS = 4
_DEPLOYERS: Mapping[str, type[Kustomization] | type[HelmRelease]] = {
    "kustomization": Kustomization,
    "helmrelease": HelmRelease,
}
_NO_WORKLOADS = (
    "nothing runs workloads on the embedded control plane: start it with --simulate-workloads, or leave spec.wait and "
    "spec.healthChecks out"
)


def image_repository(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of ImageRepositories."""
    return ImageRepositoryReconciler(
        cache=parts.caches,
        objects=parts.objects,
        registry=parts.registry,
        store=parts.tags,
        logins=parts.logins,
        metrics=parts.scans,
        charts=sources.indexes(parts),
    )


def image_policy(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of ImagePolicies."""
    return ImagePolicyReconciler(
        objects=parts.caches,
        client=parts.client,
        tags=parts.tags,
        digests=RegistryDigests(objects=parts.objects, registry=parts.registry, logins=parts.logins),
        image_names=name.parse,
        limiter=parts.work,
        no_cross_namespace_refs=parts.settings.no_cross_namespace_refs,
        object_level_workload_identity=parts.settings.workload_identity,
        requeue_dependency=parts.settings.requeue_dependency,
    )


def image_update_automation(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of ImageUpdateAutomations."""
    return ImageUpdateAutomationReconciler(
        objects=parts.caches,
        client=parts.client,
        desk=parts.desk,
        clock=parts.clock,
        jitter=parts.chance,
        deployers=[kind for name, kind in _DEPLOYERS.items() if name in parts.settings.controllers],
        reading=reads.reads,
        first_seen=forges.first_seen(parts.caches, parts.tags) if _knows_tags(parts.settings) else forges.unseen,
        origins=forges.Labels(objects=parts.objects, registry=parts.registry, logins=parts.logins).read,
    )


def _knows_tags(settings: Settings) -> bool:
    """Tell whether images are scanned, or chosen, in this process: nobody else watches what was scanned."""
    return not settings.controllers.isdisjoint({"imagerepository", "imagepolicy"})


def kustomization(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of Kustomizations."""
    scratch = parts.settings.make_scratch("builds")
    builder = builds.builder(
        parts.settings,
        scratch,
        mirrors=parts.mirrors,
        transport=parts.outward,
        git=parts.git,
        work=parts.work,
    )
    reconciler = KustomizationReconciler(
        objects=parts.caches,
        client=parts.client,
        clusters=TargetClusters(
            parts.client, remotes=parts.remotes, default_account=parts.settings.default_service_account
        ),
        assembler=assembling.assembler(parts, scratch, builder),
        expressions=parts.cel,
        clock=parts.clock,
        policy=_policy(parts.settings),
    )
    if parts.settings.watch_configs:
        reconciler.watches = (*reconciler.watches, *builds.marked(CONFIGS, parts.settings))
    return reconciler


def _policy(settings: Settings) -> Policy:
    return Policy(
        requeue_dependency=settings.requeue_dependency,
        no_cross_namespace_refs=settings.no_cross_namespace_refs,
        additive_expressions=settings.additive_expressions,
        fail_fast=settings.fail_fast,
        cancel_health_checks=settings.cancel_health_checks,
        direct_source_fetch=settings.direct_source_fetch,
        external_artifacts=settings.external_artifacts,
        manner=builds.manner(settings),
        workload_advice="" if settings.runs_workloads else _NO_WORKLOADS,
    )


def receiver(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of Receivers."""
    return ReceiverReconciler(objects=parts.objects)


#: The controllers, by the name that `--controllers` takes.
CONTROLLERS: Mapping[str, Callable[[Parts], Reconciler[Any, Any]]] = {
    "imagerepository": image_repository,
    "imagepolicy": image_policy,
    "imageupdateautomation": image_update_automation,
    "gitrepository": sources.git_repository,
    "helmrepository": sources.helm_repository,
    "helmchart": sources.helm_chart,
    "bucket": sources.bucket,
    "ocirepository": sources.oci_repository,
    "artifactgenerator": sources.artifact_generator,
    "kustomization": kustomization,
    "helmrelease": releases.helm_release,
    "receiver": receiver,
}


#: Those of them that make artifacts.
SOURCES = frozenset({"gitrepository", "helmrepository", "helmchart", "ocirepository", "bucket", "artifactgenerator"})


@contextlib.asynccontextmanager
async def manager(
    settings: Settings, client: Client, metrics: Metrics, *, write_time: Callable[[], float]
) -> AsyncIterator[Manager]:
    """Build the parts of the chosen controllers and give the manager that runs them.

    `write_time` tells for how many seconds this process may write still, as `client` was told, too.
    Raises OSError for a folder or an address that cannot be used.
    """
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        parts = await _parts(settings, client, clock, metrics, stack, write_time=write_time)
        await parts.git.run(parts.mirrors.sweep, now=clock.now())
        explainer = _explainer(parts)
        events = Noted(KubernetesEvents(client=client, clock=clock), functools.partial(parts.heard.tell, EVENTS))
        alerts = notifications.alerts(
            settings,
            client,
            parts.caches,
            clock,
            metrics,
            tokens=parts.tokens,
            cel=parts.cel,
            journal=parts.journal,
            cluster_events=events,
            age=_age(parts, explainer),
        )
        running = await stack.enter_async_context(alerts)
        sinks = [events, *_posted(parts), *running.sinks]
        recorder = Recorder(sinks, clock=clock, metrics=metrics)
        reconcilers = [make(parts) for name_, make in CONTROLLERS.items() if name_ in settings.controllers]
        await _look_after_scans(parts, recorder, metrics, stack)
        await _tell(parts, recorder, stack)
        door = await _door(parts, stack)
        await _explain(parts, explainer, door, stack)
        await _show(parts, pages.dashboard(parts, explainer, door, recorder, running.tests), stack)
        await _receive(parts, stack)
        yield Manager(
            client=client,
            caches=parts.caches,
            reconcilers=reconcilers,
            recorder=recorder,
            metrics=metrics,
            clock=clock,
            settings=runtime_limits(settings),
        )


async def _look_after_scans(
    parts: Parts, recorder: Recorder, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> None:
    """Watch over the scans, where this process makes them."""
    if "imagerepository" not in parts.settings.controllers:
        return
    watchdog = Watchdog(
        objects=parts.caches, client=parts.client, recorder=recorder, clock=parts.clock, scanned=parts.tags.scanned
    )
    metrics.registry.register(StateCollector(parts.caches, watchdog.overdue))
    await stack.enter_async_context(watchdog.beside())


async def _tell(parts: Parts, recorder: Recorder, stack: contextlib.AsyncExitStack) -> None:
    """Tell which version runs where, where this process chooses, commits and has Alerts, of what it applies."""
    controllers, caches = parts.settings.controllers, parts.caches
    if not {"alert", "imagepolicy", "imageupdateautomation"} <= controllers:
        return
    teller = Teller(
        objects=caches,
        learn=caches.of(ImagePolicy).learn,
        client=parts.client,
        recorder=recorder,
        clock=parts.clock,
        appliers=[kind for name, kind in _DEPLOYERS.items() if name in controllers],
        cross_namespace=not parts.settings.no_cross_namespace_refs,
    )
    caches.of(ImagePolicy).subscribe(teller.changed)
    await stack.enter_async_context(teller.beside())


def _explainer(parts: Parts) -> Explainer | None:
    """Return what explains choices, where this process chooses."""
    if not {"imagerepository", "imagepolicy"} <= parts.settings.controllers:
        return None
    return Explainer(objects=parts.caches, tags=parts.tags, clock=parts.clock)


def _age(parts: Parts, explainer: Explainer | None) -> Age:
    """Return what tells which tags are too young; nothing where this process does not choose.

    The store is read here, by the thread that opened it, and worked out elsewhere.
    """

    async def ageing(policy: ImagePolicy) -> Ageing | None:
        known = explainer.known(policy) if explainer is not None else None
        return await parts.work.run(known.ageing) if known is not None else None

    return ageing


async def _door(parts: Parts, stack: contextlib.AsyncExitStack) -> Door:
    """Return what tells who asks the dashboard and `explain`, and what they may."""
    strangers = await stack.enter_async_context(parts.client.unproven())
    return Door(
        people=People(strangers, parts.clock),
        sessions=Sessions(parts.clock),
        access=Access(parts.clock, own=parts.client),
        oidc=_oidc(parts, await stack.enter_async_context(Claims(clock=parts.clock))),
        certificates=pages.certificates(parts),
    )


def _oidc(parts: Parts, claims: Claims) -> Oidc | None:
    """Return where people sign in, if an issuer was named."""
    if parts.settings.dashboard_oidc is None:
        return None
    return Oidc(
        parts.settings.dashboard_oidc,
        redirect=parts.settings.dashboard_url.rstrip("/") + signing_in.BACK,
        issuers=Issuers(transport=parts.transport, clock=parts.clock),
        transport=parts.transport,
        cluster=parts.client,
        claims=claims,
        clock=parts.clock,
    )


async def _explain(parts: Parts, explainer: Explainer | None, door: Door, stack: contextlib.AsyncExitStack) -> None:
    """Answer `explain`, where this process chooses."""
    if explainer is None:
        return
    address = parts.settings.explain_addr
    app = explain.app(explainer, door, free=pages.is_free(parts.settings, address))
    served = addresses.chosen_by("--explain-addr", address, health.serve(address, app))
    if port := await stack.enter_async_context(served):
        stack.enter_context(addresses.told(parts.settings.data_dir, addresses.EXPLAIN, address, port))


async def _show(parts: Parts, shown: Dashboard, stack: contextlib.AsyncExitStack) -> None:
    """Serve the dashboard."""
    address, listening = parts.settings.dashboard_addr, parts.settings.dashboard_tls
    served = health.serve(address, shown.app(), listening.context() if listening is not None else None)
    port = await stack.enter_async_context(addresses.chosen_by("--dashboard-addr", address, served))
    if port:
        scheme = "https" if listening is not None else "http"
        stack.enter_context(addresses.told(parts.settings.data_dir, addresses.DASHBOARD, address, port, scheme))


async def _receive(parts: Parts, stack: contextlib.AsyncExitStack) -> None:
    """Take webhooks, where this process looks after Receivers."""
    if "receiver" not in parts.settings.controllers:
        return
    door = hooks.Hooks(
        index=hooks.Index(parts.caches.of(Receiver)),
        objects=parts.objects,
        issuers=Issuers(transport=parts.transport, clock=parts.clock),
        cel=parts.cel,
        journal=parts.journal,
        annotator=Annotator(
            objects=parts.client,
            cel=parts.cel,
            clock=parts.clock,
            cross_namespace=not parts.settings.no_cross_namespace_refs,
        ),
        clock=parts.clock,
    )
    address = parts.settings.receiver_addr
    served = addresses.chosen_by("--receiver-addr", address, hooks.serve(address, door.app()))
    await stack.enter_async_context(served)


async def _parts(
    settings: Settings,
    client: Client,
    clock: Clock,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
    *,
    write_time: Callable[[], float],
) -> Parts:
    way, heard = route.from_environment(settings.environment), Heard()
    registry = RegistryClient(route=way, trusted_realms=settings.trusted_realms)
    caller = await stack.enter_async_context(Caller(route=way, most=Reach.METADATA))
    chosen_by_others = await stack.enter_async_context(Caller(route=way, most=Reach.LOOPBACK))
    known = clouds.identities(settings, client, clock, metrics)
    git = stack.enter_context(Limiter(width=_THREADS, name="git"))
    work = stack.enter_context(Limiter(width=_THREADS, name="work"))
    inward = await stack.enter_async_context(Transport())
    chance = random.Random()  # noqa: S311 - jitter
    cluster_logins = clouds.cluster_logins(settings, known, clock, caller)
    web = await stack.enter_async_context(Transport(route=way))
    logins = clouds.logins(settings, known, clock, caller)
    caches = watching.caches(settings, client, clock, chance)
    objects = watching.objects(settings, client, caches)
    access = GitAccess(objects=objects, limiter=git, logins=clouds.git_logins(settings, known, clock, caller))
    mirrors = Mirrors(settings.mirrors, write_time=write_time)
    return Parts(
        settings=settings,
        client=client,
        objects=objects,
        remotes=await stack.enter_async_context(_remotes(settings, objects, cluster_logins, write_time)),
        outward=await stack.enter_async_context(Transport(route=way)),
        key_services=clouds.key_services(settings, known, clock, chosen_by_others),
        caches=caches,
        clock=clock,
        chance=chance,
        transport=inward,
        downloads=Downloads(transport=inward, clock=clock, limiter=work, retries=settings.http_retry, each=None),
        registry=await stack.enter_async_context(registry),
        repositories=Repositories(
            web,
            index_limit=settings.helm_index_max_size,
            chart_limit=settings.helm_chart_max_size,
        ),
        logins=logins,
        web=web,
        bucket_access=clouds.bucket_access(settings, client, known, clock, caller, others=chosen_by_others),
        helm_access=HelmAccesses(objects=objects, registries=RegistryAccess(objects=objects, logins=logins)),
        access=access,
        desk=desks.desk(settings, client, caches, access, mirrors=mirrors, connect=forges.connect(web, clock.now)),
        tokens=clouds.tokens(settings, known, clock, caller),
        cel=await stack.enter_async_context(Evaluator(clock=clock)),
        heard=heard,
        journal=Journal(clock, functools.partial(heard.tell, DELIVERIES)),
        scans=ScanMetrics(metrics.registry),
        tags=stack.enter_context(TagStore(settings.tags)),
        mirrors=mirrors,
        storage=await _storage(settings, stack),
        git=git,
        work=work,
    )


def _remotes(settings: Settings, objects: Getter, logins: Logins, write_time: Callable[[], float]) -> Remotes:
    return Remotes(
        objects=objects,
        logins=logins,
        connect=lambda config: Client(config, write_time=write_time),
        insecure_tls=settings.insecure_kubeconfig_tls,
    )


async def _storage(settings: Settings, stack: contextlib.AsyncExitStack) -> Storage:
    """Open the artifacts, and serve them where this process is the one that makes them."""
    address = health.parse_address(settings.storage_addr)
    if address is None or not SOURCES & settings.controllers:
        return _artifacts(settings, 0)
    host, port = address
    server = ArtifactServer(settings.artifacts, host=host or "0.0.0.0", port=port)  # noqa: S104 - as in Flux
    await stack.enter_async_context(addresses.chosen_by("--storage-addr", settings.storage_addr, server))
    return _artifacts(settings, server.port)


def _artifacts(settings: Settings, port: int) -> Storage:
    ttl = timedelta(seconds=settings.artifact_retention_ttl)
    return Storage(
        settings.artifacts,
        address=settings.advertised(port),
        retention=Retention(ttl=ttl, records=settings.artifact_retention_records),
        algorithm=settings.artifact_digest_algo,
    )


def _posted(parts: Parts) -> list[Sink]:
    if not parts.settings.events_addr:
        return []
    return [
        PostedEvents(
            address=parts.settings.events_addr,
            instance=socket.gethostname(),
            transport=parts.transport,
            clock=parts.clock,
        )
    ]
