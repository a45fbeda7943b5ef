"""`run`: the service, on a cluster or with the embedded control plane."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gotk.duration import Duration
from image_automation.app import kept_log
from image_automation.app import settings as decided
from image_automation.cli import (
    deploy_options,
    gates,
    output,
    replica_options,
    serving,
    source_options,
    walls,
)
from image_automation.cli.cluster import Anywhere, Cluster, DurationType
from image_automation.cli.plane_options import NAMES, features, plane_options
from image_automation.cli.verbs import dashboard_options, memory_options, version

if TYPE_CHECKING:
    from gotk.kube.config import Config
    from image_automation.app.embedded import Features


_DURATIONS = (
    "artifact_retention_ttl", "rate_limit_interval", "requeue_dependency", "min_retry_delay", "max_retry_delay",
    "grace", "http_timeout",
    "hold_unchanged_status", "hold_unchanged_revision",
)  # fmt: skip
#: Where the lease and shared Secrets lie if nothing says which namespace the service runs in.
_NAMESPACE = "flux-system"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """Which cluster the service works on."""

    embedded: bool
    kubeconfig: Path | None
    context: str | None
    features: "Features | None"


def _addresses(*, embedded: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Return the addresses: what was given, else Flux's ports; on loopback where there is no cluster network."""
    host = "127.0.0.1" if embedded else ""
    defaults = {"storage_addr": f"{host}:9090", "metrics_addr": f"{host}:8080", "health_addr": f"{host}:9440"}
    defaults["notification_addr"] = f"{host}:9293"
    defaults["receiver_addr"] = f"{host}:9292"
    # What shows choices tells the tags of private images, so it leaves the machine only where that is asked for.
    defaults |= {"explain_addr": "127.0.0.1:9441", "dashboard_addr": "127.0.0.1:9442"}
    return {name: options.pop(name) or default for name, default in defaults.items()}


@click.command()
@click.option(
    "--kubeconfig",
    cls=Anywhere,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Work on the cluster of this kubeconfig.",
)
@click.option("--context", cls=Anywhere, metavar="NAME", help="Context of the kubeconfig to use.")
@click.option("--embedded", is_flag=True, help="Run the control plane in this process; DIR/kubeconfig leads to it.")
@plane_options
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where state is kept.  [default: ~/.local/share/image-automation]",
)
@click.option(
    "--controllers",
    default=",".join(decided.CONTROLLERS),
    metavar="NAMES",
    show_default=True,
    help="The kinds to reconcile, separated by commas; where not given, those of them that the cluster serves.",
)
@click.option("--concurrent", type=click.IntRange(1, 1000), default=4, show_default=True, help="Workers of each kind.")
@click.option(
    "--concurrent-scans",
    type=click.IntRange(1, 10_000),
    default=500,
    show_default=True,
    help="ImageRepositories under way at once; each registry is asked by ten of them at most.",
)
@click.option("--storage-addr", metavar="ADDR", help="Serve artifacts here.  [default: :9090, embedded 127.0.0.1:9090]")
@click.option("--storage-adv-addr", default="", metavar="ADDR", help="Advertise artifacts under this address.")
@click.option(
    "--artifact-retention-ttl",
    type=DurationType(),
    default="1m",
    show_default=True,
    help="Keep a superseded artifact for so long.",
)
@click.option(
    "--artifact-retention-records",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Keep so many artifacts of each object.",
)
@source_options.source_options
@click.option(
    "--artifact-digest-algo",
    type=click.Choice(("sha256", "sha384", "sha512", "blake3", "sha1")),
    default="sha256",
    show_default=True,
    help="Digest artifacts with this algorithm.",
)
@click.option(
    "--snapshot-digest-algo",
    type=click.Choice(("sha256", "sha384", "sha512", "blake3", "sha1")),
    default="sha256",
    show_default=True,
    help="Digest values and snapshots of HelmReleases with this algorithm.",
)
@click.option(
    "--metrics-addr", metavar="ADDR", help="Serve metrics here; 0 for none.  [default: :8080, embedded on loopback]"
)
@click.option(
    "--health-addr", metavar="ADDR", help="Serve health here; 0 for none.  [default: :9440, embedded on loopback]"
)
@click.option("--explain-addr", metavar="ADDR", help="Answer `explain` here; 0 for none.  [default: 127.0.0.1:9441]")
@click.option(
    "--dashboard-addr", metavar="ADDR", help="Serve the dashboard here; 0 for none.  [default: 127.0.0.1:9442]"
)
@click.option(
    "--receiver-addr",
    "--receiverAddr",
    "receiver_addr",
    metavar="ADDR",
    help="Take webhooks here; 0 for none.  [default: :9292, embedded on loopback]",
)
@click.option("--events-addr", default="", metavar="URL", help="Post events to this notification-controller.")
@click.option(
    "--notification-addr",
    metavar="ADDR",
    help="Take events for alerts here; 0 for none.  [default: :9293, embedded on loopback]",
)
@click.option(
    "--rate-limit-interval",
    type=DurationType(),
    default="5m",
    show_default=True,
    help="Send the same event once in this time.",
)
@click.option(
    "--requeue-dependency",
    type=DurationType(),
    default="30s",
    show_default=True,
    help="Look again at dependencies after.",
)
@click.option(
    "--min-retry-delay", type=DurationType(), default="750ms", show_default=True, help="First delay after a failure."
)
@click.option(
    "--max-retry-delay", type=DurationType(), default="15m", show_default=True, help="Longest delay after failures."
)
@click.option(
    "--graceful-shutdown-timeout",
    "grace",
    type=DurationType(),
    default="8s",
    show_default=True,
    help="Let runs under way finish for so long when stopping.",
)
@click.option(
    "--interval-jitter-percentage",
    type=click.IntRange(0, 99),
    default=5,
    show_default=True,
    help="Spread the runs of an interval by so much.",
)
@click.option(
    "--hold-unchanged-status",
    type=DurationType(),
    default="10m",
    show_default=True,
    help="Write the times of runs that changed nothing once in so long; 0 writes them with each run, as Flux does.",
)
@click.option(
    "--hold-unchanged-revision",
    type=DurationType(),
    default="0s",
    show_default=True,
    help="Write revisions that change nothing of a Kustomization within so long; 0 writes each at once, as Flux does.",
)
@click.option(
    "--watch-all-namespaces",
    type=bool,
    default=True,
    show_default=True,
    help="Watch all namespaces; with false the one in RUNTIME_NAMESPACE.",
)
@click.option(
    "--feature-gates",
    multiple=True,
    metavar="GATES",
    help=f"Features, as Name=true,...; what is said last counts: {gates.told()}.",
)
@click.option(
    "--default-service-account",
    default="",
    metavar="NAME",
    help="Service account that applies for objects that name none, and of objects with a provider and none.",
)
@click.option(
    "--token-cache-max-size",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Cloud tokens to keep; 0 for none.",
)
@click.option(
    "--token-cache-max-duration",
    type=DurationType(),
    default="1h",
    show_default=True,
    help="Longest time to keep a cloud token.",
)
@click.option(
    "--trusted-realms",
    default="",
    metavar="HOSTS",
    help="Token servers that may see credentials of registries on other sites, separated by commas.",
)
@click.option("--no-cross-namespace-refs", is_flag=True, help="Refuse references to objects in other namespaces.")
@click.option("--require-sandbox", is_flag=True, help="Do not start where children cannot be fully confined.")
@dashboard_options.dashboard_options
@deploy_options.deploy_options
@memory_options.memory_options
@replica_options.replica_options
@click.option(
    "--log-level", type=click.Choice(["trace", "debug", "info", "warn", "error"]), default="info", show_default=True
)
@click.option("--log-encoding", type=click.Choice(["json", "console"]), default="json", show_default=True)
def run(
    *,
    kubeconfig: Path | None,
    context: str | None,
    embedded: bool,
    data_dir: Path | None,
    controllers: str,
    log_level: str,
    log_encoding: str,
    require_sandbox: bool,
    **options: Any,
) -> None:
    """Run the service.

    The cluster is that of --kubeconfig or --context, of the pod it runs in, of the usual kubeconfig, or embedded.
    """
    given = _features(options, embedded=embedded)
    if embedded and (kubeconfig or context):
        output.fail("--embedded brings its own cluster: leave --kubeconfig and --context out, or leave --embedded out")
    chosen = _controllers(controllers)
    opened = gates.read(*options.pop("feature_gates"))
    options |= _identities(options, chosen, opened) | _scope(options)
    options |= dashboard_options.read(options)
    options |= deploy_options.read(options)
    options |= memory_options.read(options, watched=opened[gates.OOM_WATCH])
    options |= replica_options.read(options, os.environ, namespace=_NAMESPACE)
    options |= {name: _shared(options[name]) for name in ("sops_age_secret", "sops_vault_configmap")}
    from gotk.runtime import logging  # noqa: PLC0415 - heavy imports wait until the options are known to be good

    folder = (data_dir or decided.default_data_dir()).absolute()
    keep = kept_log.LogFile(kept_log.of(folder)).write if embedded else None
    logging.configure(level=log_level, encoding=log_encoding, keep=keep)  # type: ignore[arg-type] # click checked them
    gates.tell_ignored(opened)
    walls.tell(required=require_sandbox)
    addresses = _addresses(embedded=embedded, options=options)
    for name in _DURATIONS:
        duration: Duration = options[name]
        options[name] = duration.seconds
    settings = decided.Settings(
        data_dir=folder,
        controllers=chosen,
        only_served=_is_default("controllers"),
        allow_file=embedded,
        runs_workloads=given is None or given.simulate_workloads,
        environment=os.environ,
        **addresses,
        **options,
    )
    serving.run(_run(settings, _Where(embedded=embedded, kubeconfig=kubeconfig, context=context, features=given)))


def _identities(options: dict[str, Any], controllers: frozenset[str], given: Mapping[str, bool]) -> dict[str, Any]:
    """Return what feature gates and the options of cloud identities say."""
    workload_identity = given[gates.WORKLOAD_IDENTITY]
    if "kustomization" not in controllers:  # which would apply as it
        gates.check_default_account(options["default_service_account"], workload_identity=workload_identity)
    gates.check_default_account(options["default_decryption_service_account"], workload_identity=workload_identity)
    gates.check_default_account(options["default_kubeconfig_service_account"], workload_identity=workload_identity)
    return {
        "workload_identity": workload_identity,
        **gates.of_kustomizations(given),
        **gates.of_releases(given),
        "token_cache_max_duration": gates.check_token_duration(options["token_cache_max_duration"]),
        "trusted_realms": gates.words(options["trusted_realms"]),
    }


def _shared(name: str) -> tuple[str, str] | None:
    """Return namespace and name of an object that serves every Kustomization."""
    return (os.environ.get("RUNTIME_NAMESPACE") or _NAMESPACE, name) if name else None


def _scope(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of what is watched, and how regularly, apart."""
    namespace = ""
    if not options.pop("watch_all_namespaces"):
        namespace = os.environ.get("RUNTIME_NAMESPACE", "")
        if not namespace:
            output.fail("--watch-all-namespaces=false needs the environment variable RUNTIME_NAMESPACE")
    own = os.environ.get("RUNTIME_NAMESPACE") or _NAMESPACE
    return {
        "namespace": own,
        "watch_namespace": namespace,
        "interval_jitter": options.pop("interval_jitter_percentage") / 100,
    }


def _is_default(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def _features(options: dict[str, Any], *, embedded: bool) -> "Features | None":
    """Return what was decided about the control plane; where there is none, nothing may have been."""
    if embedded:
        return features(options)
    sources = {name: click.get_current_context().get_parameter_source(name) for name in NAMES}
    wrong = [f"--{name.replace('_', '-')}" for name, source in sources.items() if source is ParameterSource.COMMANDLINE]
    if wrong:
        output.fail(f"{', '.join(wrong)}: only with --embedded, which brings a control plane")
    for name in NAMES:
        del options[name]
    return None


def _controllers(text: str) -> frozenset[str]:
    names = gates.words(text)
    unknown = sorted(names - set(decided.CONTROLLERS))
    if unknown or not names:
        known = ", ".join(decided.CONTROLLERS)
        output.fail(f"--controllers: there is no controller {', '.join(unknown) or 'named'}; there are {known}")
    return names


async def _run(settings: decided.Settings, where: _Where) -> None:
    from gotk.kube.credentials import ConfigError  # noqa: PLC0415
    from image_automation.app import embedded, service  # noqa: PLC0415

    try:
        async with serving.stop_on_signals() as stop, _cluster(settings, where) as config:
            await service.run(settings, config, stop)
    except (ConfigError, embedded.EmbeddedError, service.ServiceError) as error:
        output.fail(str(error))


@contextlib.asynccontextmanager
async def _cluster(settings: decided.Settings, where: _Where) -> "AsyncIterator[Config]":
    from gotk.kube import config  # noqa: PLC0415
    from gotk.kube.client import Client  # noqa: PLC0415
    from gotk.kube.credentials import ConfigError  # noqa: PLC0415
    from gotk.runtime import clock  # noqa: PLC0415
    from image_automation.app import embedded, presence  # noqa: PLC0415

    if where.embedded:
        features = where.features or embedded.Features()
        async with embedded.control_plane(settings.data_dir, features) as plane:
            address = await config.from_kubeconfig([plane.kubeconfig])
            itself, simulated = version.program(), features.simulate_workloads
            async with (
                Client(address) as client,
                presence.standing(client, itself, clock.SystemClock(), simulated=simulated),
            ):
                output.success(f"the embedded control plane answers at {plane.url}")
                output.action(f"kubectl --kubeconfig {plane.kubeconfig} get fluxcd -A")
                yield address
        return
    inside = None if where.kubeconfig or where.context else await config.in_cluster(os.environ)
    if inside is not None:
        yield inside
        return
    named = Cluster(kubeconfig=where.kubeconfig, context=where.context, namespace="", timeout=0)
    try:
        yield await named.config()
    except ConfigError as error:
        raise ConfigError(f"{error}; to run without a cluster add --embedded") from error
