"""What the operator decides reaches the part that it is for; no default of a constructor stands in between."""

import ast
import contextlib
import functools
import importlib
import inspect
import math
import types
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from msgspec.structs import replace

from deploy.cluster.remotes import Remotes
from deploy.kustomize.building.bases import ssh
from gotk.api.image import ImageRepositoryStatus, ImageUpdateAutomationStatus, ScanResult
from gotk.api.kustomize import KustomizationStatus, Snapshot
from gotk.kube.client import Client, Labelled
from gotk.kube.config import Config
from gotk.kube.credentials import constant
from gotk.kube.remembered import Remembered
from gotk.retry import Backoff
from gotk.runtime.manager import Manager
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Timed
from image_automation.app import wiring
from image_automation.app.memory_watch import MemoryLimit
from image_automation.app.settings import Settings
from image_automation.cli import output
from image_automation.cli.verbs import run
from image_automation.notification.alerts.notifier import Notifier

COMPOSITION = (
    "wiring", "watching", "builds", "notifications", "clouds", "releases", "sources", "service",
    "limits", "reads", "joining.desks", "joining.pages", "joining.assembling",
)  # fmt: skip
OURS = ("gotk", "reflector", "policies", "image_automation", "deploy")

#: Time, chance and the addresses of stand-ins: what a test puts in place of the world.
SEAMS = {
    "random",
    "chance",
    "clock",
    "monotonic",
    "sleep",
    "elapsed",
    "exchange",
    "google",
    "sts",
    "iam",
    "container",
    "transport",
    "process",
}
#: Constants of a part that no operator decides, and that only the tests of the part vary.
TUNINGS = {
    ("Client", "timeout"), ("Client", "grace"), ("Client", "write_time"), ("Recorder", "size"),
    ("RegistryClient", "page_size"), ("RegistryClient", "per_host"), ("RegistryClient", "pushes"),
    ("Renderer", "width"), ("Builder", "width"), ("Builder", "as_listed"), ("Sops", "width"),
    ("Watchdog", "every"), ("Transport", "route"), ("Transport", "user_agent"), ("Transport", "grace"),
    ("Transport", "slowest"), ("AlertSink", "instance"), ("Settings", "run_limit"),
    ("Evaluator", "timeout"), ("Limiter", "name"),
}  # fmt: skip
#: Parts that the composition passes, and that a part may be without elsewhere: a flag is never one of them.
COLLABORATORS = (type(None), tuple, frozenset)


def constructed() -> Iterator[tuple[str, inspect.Parameter, bool]]:
    """Find every parameter with a default of what the composition builds, and whether it is passed."""
    for name in COMPOSITION:
        module = importlib.import_module(f"image_automation.app.{name}")
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            made = _class(node, module) if isinstance(node, ast.Call) else None
            if made is None:
                continue
            given = {keyword.arg for keyword in node.keywords}
            for place, parameter in enumerate(inspect.signature(made).parameters.values()):
                positional = place < len(node.args) and parameter.kind is not parameter.KEYWORD_ONLY
                if parameter.default is not parameter.empty:
                    yield made.__name__, parameter, positional or parameter.name in given


def _class(node: ast.Call, module: types.ModuleType) -> type | None:
    try:
        found = eval(compile(ast.Expression(node.func), "<wiring>", "eval"), vars(module))
    except (NameError, AttributeError):
        return None
    ours = isinstance(found, type) and found.__module__.split(".")[0] in OURS and not issubclass(found, Exception)
    return found if ours else None


def is_free(made: str, parameter: inspect.Parameter) -> bool:
    return parameter.name in SEAMS or (made, parameter.name) in TUNINGS or made == "Settings"


def test_everything_but_seams_is_passed_by_the_composition():
    assert not [
        f"{made}.{found.name}" for made, found, passed in constructed() if not passed and not is_free(made, found)
    ]


def test_what_decides_behaviour_has_no_default():
    decided = {
        f"{made}.{found.name}"
        for made, found, _ in constructed()
        if not is_free(made, found) and not isinstance(found.default, COLLABORATORS) and not callable(found.default)
    }
    # Shared with tests and one-shot passes, to which the same default applies; all of them are passed in the service.
    shared = {
        "ArtifactServer.host", "ArtifactServer.port", "TokenCache.max_size", "TokenCache.max_duration",
        "ProviderTokens.azure_authority", "Retention.ttl", "Retention.records", "Caller.most", "Waiter.fail_fast",
    }  # fmt: skip
    assert decided <= shared


def reachable(root: object) -> Iterator[object]:
    """Walk everything of ours that hangs on an object: attributes, collections, closures, bound methods."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen[id(found)] = found
        yield found
        waiting.extend(_parts(found))


def _parts(found: object) -> Iterator[object]:
    if isinstance(found, dict):
        yield from found.values()
    elif isinstance(found, list | tuple | set | frozenset):
        yield from found
    elif isinstance(found, functools.partial):
        yield from (found.func, *found.args, *found.keywords.values())
    elif isinstance(found, types.MethodType):
        yield found.__self__
    elif isinstance(found, types.FunctionType):
        yield from (cell.cell_contents for cell in found.__closure__ or () if _is_filled(cell))
    elif type(found).__module__.split(".")[0] in OURS:
        slots = (name for kind in type(found).__mro__ for name in getattr(kind, "__slots__", ()))
        yield from (getattr(found, name) for name in slots if hasattr(found, name))
        yield from getattr(found, "__dict__", {}).values()


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """Read a command line of `run` into settings; every server takes any free port of loopback, or none."""
    decided: list[Settings] = []

    monkeypatch.setattr(run, "_run", lambda settings, _: decided.append(settings))
    monkeypatch.setattr(run.serving, "run", lambda _: None)
    monkeypatch.setenv("RUNTIME_NAMESPACE", "tools")
    addresses = ("storage", "metrics", "health", "explain", "dashboard", "receiver", "notification")
    quiet = [part for name in addresses for part in (f"--{name}-addr", "127.0.0.1:0")]

    def read(*args: str) -> Settings:
        run.run.main(["--data-dir", str(tmp_path / "data"), *quiet, *args], standalone_mode=False)
        return decided[-1]

    return read


@contextlib.asynccontextmanager
async def built(settings: Settings) -> AsyncIterator[list[object]]:
    """Build the service as `run` does, short of asking the API, and give all its parts."""
    config = Config(host="http://127.0.0.1:1", origin="a test", authorization=constant(None))
    async with Client(config) as client, _manager(settings, client) as manager:
        yield list(reachable(manager))


def _manager(settings: Settings, client: Client) -> contextlib.AbstractAsyncContextManager[Manager]:
    return wiring.manager(settings, client, Metrics(process=False), write_time=lambda: math.inf)


def value(parts: list[object], made: str, name: str) -> Any:
    """Return an attribute of the one part of a class, or of all of them where they agree."""
    found = [getattr(part, name) for part in parts if type(part).__name__ == made and hasattr(part, name)]
    assert found, f"no {made} is part of the service"
    assert all(each == found[0] for each in found)
    return found[0]


GATE = "ObjectLevelWorkloadIdentity"
REACH: dict[str, tuple[list[str], str, str, Any, Any]] = {
    "the gate reaches policies": (
        [f"--feature-gates={GATE}=true"], "ImagePolicyReconciler", "_object_level_workload_identity", False, True),
    "the gate reaches logins": ([f"--feature-gates={GATE}=true"], "Identities", "_workload_identity", False, True),
    "strict substitutions": (
        ["--feature-gates=StrictPostBuildSubstitutions=false"], "Assembler", "_strict", True, False),
    "references of policies": (
        ["--no-cross-namespace-refs"], "ImagePolicyReconciler", "_no_cross_namespace_refs", False, True),
    "references of Kustomizations": (
        ["--no-cross-namespace-refs"], "Policy", "no_cross_namespace_refs", False, True),
    "references of automations": (
        ["--no-cross-namespace-refs"], "Desk", "_cross_namespace", True, False),
    "the gate of external artifacts": (
        ["--feature-gates=ExternalArtifact=true"], "Policy", "external_artifacts", False, True),
    "Helm 3's defaults": (["--feature-gates=UseHelm3Defaults=true"], "Policy", "helm_3_defaults", False, True),
    "names in charts": (["--feature-gates=AllowDNSLookups=true"], "Renderer", "_dns", False, True),
    "runs at once": (["--concurrent=9"], "Settings", "workers", 4, 9),
    "scans at once": (
        ["--concurrent-scans=9"], "Settings", "more_workers", {"ImageRepository": 500}, {"ImageRepository": 9}),
    "the spread of intervals": (["--interval-jitter-percentage=20"], "Settings", "interval_jitter", 0.05, 0.2),
    "times that are held back": (["--hold-unchanged-status=0s"], "Settings", "hold_unchanged", 600.0, 0.0),
    "revisions that are held back": (["--hold-unchanged-revision=5m"], "Settings", "hold_revision", 0.0, 300.0),
    "the first pause after a failure": (["--min-retry-delay=2s"], "Settings", "min_retry_delay", 0.75, 2.0),
    "the longest pause after a failure": (["--max-retry-delay=1m"], "Settings", "max_retry_delay", 900.0, 60.0),
    "patience of a stop": (["--graceful-shutdown-timeout=2m"], "Settings", "grace", 8.0, 120.0),
    "digests of releases": (["--snapshot-digest-algo=blake3"], "Policy", "digest_algorithm", "sha256", "blake3"),
    "patience with a chart's server": (["--http-timeout=5s"], "Charts", "_patience", 60.0, 10.0),
    "dependencies of policies": (
        ["--requeue-dependency=7s"], "ImagePolicyReconciler", "_requeue_dependency", 30.0, 7.0),
    "dependencies of Kustomizations": (
        ["--requeue-dependency=7s"], "Policy", "requeue_dependency", 30.0, 7.0),
    "expressions of dependencies": (
        ["--feature-gates=AdditiveCELDependencyCheck=true"], "Policy", "additive_expressions", False, True),
    "failing slowly": (["--feature-gates=DisableFailFastBehavior=true"], "Waiter", "_fail_fast", True, False),
    "health checks that end early": (
        ["--feature-gates=CancelHealthCheckOnNewRevision=true"], "Policy", "cancel_health_checks", False, True),
    "sources past the watch": (
        ["--feature-gates=DirectSourceFetch=true"], "Policy", "direct_source_fetch", False, True),
    "who applies": (["--default-service-account=deployer"], "TargetClusters", "_default_account", "", "deployer"),
    "who has no certificate": (["--insecure-kubeconfig-tls"], "Remotes", "_insecure_tls", False, True),
    "artifacts that are asked for again": (
        ["--http-retry=2"], "Downloads", "_backoff",
        Backoff(tries=10, first=1.0, longest=4.0), Backoff(tries=3, first=1.0, longest=4.0)),
    "objects at once": (["--concurrent-ssa=9"], "Manner", "width", 4, 9),
    "managers that are undone": (
        ["--override-manager=a", "--disallowed-field-managers=b"], "Manner", "override_managers", (), ("a", "b")),
    "kinds that come earlier": (
        ["--custom-apply-stage-kinds=Secret, apps/Deployment"], "Manner", "earlier_kinds",
        frozenset(), frozenset({("", "Secret"), ("apps", "Deployment")})),
    "fields that must be known": (["--strict-fields"], "Manner", "strict_fields", False, True),
    "hosts of remote bases": (
        ["--remote-bases=a.example, b.example"], "RemoteBases", "_hosts",
        frozenset(), frozenset({"a.example", "b.example"})),
    "versions of managers": (
        ["--feature-gates=MigrateAPIVersion=true"], "Manner", "migrate_api_version", False, True),
    "which configs wake": (["--watch-configs-label-selector=a=b"], "Labelled", "_labels",
        "reconcile.fluxcd.io/watch=Enabled", "a=b"),
    "retention of artifacts": (
        ["--artifact-retention-ttl=1h", "--artifact-retention-records=5"], "Storage", "_retention",
        wiring.Retention(ttl=timedelta(minutes=1), records=2), wiring.Retention(ttl=timedelta(hours=1), records=5)),
    "digests of artifacts": (["--artifact-digest-algo=blake3"], "Storage", "algorithm", "sha256", "blake3"),
    "charts' own versions": (
        ["--feature-gates=DisableChartDigestTracking=true"], "Charts", "_plain_versions", False, True),
    "releases that are tried again": (
        ["--feature-gates=DefaultToRetryOnFailure=true"], "Releases", "_default_to_retry", False, True),
    "the namespace": (["--watch-all-namespaces=false"], "Caches", "_namespace", None, "tools"),
    "trusted realms": (
        ["--trusted-realms=auth.example"], "Authenticator", "_trusted", frozenset(), frozenset(["auth.example"])),
    "file addresses of automations": (["--embedded"], "Desk", "_allow_file", False, True),
    "file addresses of sources": (["--embedded"], "GitRepositoryReconciler", "_allow_file", False, True),
}  # fmt: skip


@pytest.mark.parametrize(("args", "made", "name", "off", "on"), REACH.values(), ids=REACH)
async def test_a_flag_reaches_its_part(decide, args: list[str], made: str, name: str, off: Any, on: Any):
    settings = decide(), decide(*args)
    found = []
    for each in settings:
        async with built(each) as parts:
            found.append(value(parts, made, name))
    assert found == [off, on]


KEY = ed25519.Ed25519PrivateKey.generate().private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
)


async def test_files_for_remote_bases_reach_what_fetches_them(decide, tmp_path: Path):
    known, identity = tmp_path / "known_hosts", tmp_path / "identity"
    known.write_text("a.example ssh-ed25519 AAAA\n")
    identity.write_bytes(KEY)
    given = [f"--remote-bases-known-hosts={known}", f"--remote-bases-identity={identity}"]
    async with built(decide("--remote-bases=a.example", *given)) as parts:
        assert value(parts, "RemoteBases", "_keys") == ssh.Keys(known, identity)


def test_files_for_remote_bases_that_will_not_do_are_told_at_once(decide, tmp_path: Path):
    known, identity = tmp_path / "known_hosts", tmp_path / "identity"
    known.write_text("")
    identity.write_text("no key")
    for given, told in (
        ([f"--remote-bases-identity={identity}"], "name their keys with --remote-bases-known-hosts"),
        ([f"--remote-bases-known-hosts={tmp_path / 'none'}"], "cannot be read: No such file or directory"),
        ([f"--remote-bases-known-hosts={known}", f"--remote-bases-identity={identity}"], "is not a private key"),
    ):
        with pytest.raises(output.Failure, match=told):
            decide("--remote-bases=a.example", *given)


#: Of each kind whose status tells when it ran: a status, one of a later run that changed nothing, and one of a change.
SCAN = ScanResult(tag_count=3, scan_time="2026-01-01T12:00:00Z")
TURN = Snapshot(
    digest="sha256:1", first_reconciled="2026-01-01T12:00:00Z", last_reconciled="2026-01-01T12:00:00Z",
    last_reconciled_duration="1s", last_reconciled_status="ReconciliationSucceeded", total_reconciliations=1,
)  # fmt: skip
AGAIN = replace(TURN, last_reconciled="2026-01-01T13:00:00Z", last_reconciled_duration="2s", total_reconciliations=2)
TIMES: dict[str, tuple[Any, Any, Any]] = {
    "ImageRepositoryReconciler": (
        ImageRepositoryStatus(last_scan_result=SCAN),
        ImageRepositoryStatus(last_scan_result=replace(SCAN, scan_time="2026-01-01T13:00:00Z")),
        ImageRepositoryStatus(last_scan_result=replace(SCAN, tag_count=4)),
    ),
    "ImageUpdateAutomationReconciler": (
        ImageUpdateAutomationStatus(last_automation_run_time="2026-01-01T12:00:00Z"),
        ImageUpdateAutomationStatus(last_automation_run_time="2026-01-01T13:00:00Z"),
        ImageUpdateAutomationStatus(last_push_commit="1"),
    ),
    "KustomizationReconciler": (
        KustomizationStatus(history=(TURN,)),
        KustomizationStatus(history=(AGAIN,)),
        KustomizationStatus(history=(replace(TURN, digest="sha256:2"),)),
    ),
}


async def test_kinds_that_tell_when_they_ran_know_which_times_may_be_held_back(decide):
    async with built(decide()) as parts:
        timed = {type(each).__name__: each for each in parts if isinstance(each, Timed)}
    assert timed.keys() == TIMES.keys()
    for name, (before, later, changed) in TIMES.items():
        told = [timed[name].without_times(each) for each in (before, later, changed)]
        assert told[0] == told[1] != told[2], name


async def test_configs_are_remembered_where_the_operator_wants_that(decide):
    for args, remembered in (([], False), (["--feature-gates=CacheSecretsAndConfigMaps=true"], True)):
        async with built(decide(*args)) as parts:
            remotes = next(part for part in parts if isinstance(part, Remotes))
            assert isinstance(remotes._objects, Remembered) is remembered
            assert any(isinstance(part, Labelled) for part in parts) is not remembered


def test_memory_is_watched_where_the_operator_wants_that(decide, tmp_path: Path):
    for name, bytes_ in (("max", 1000), ("now", 10)):
        (tmp_path / name).write_text(f"{bytes_}\n")
    given = [
        f"--oom-watch-max-memory-path={tmp_path / 'max'}", f"--oom-watch-current-memory-path={tmp_path / 'now'}",
        "--oom-watch-memory-threshold=80", "--oom-watch-interval=1s",
    ]  # fmt: skip
    assert decide(*given).memory_limit is None
    settings = decide("--feature-gates=OOMWatch=true", *given)
    assert settings.memory_limit == MemoryLimit(1000, tmp_path / "now", 80, 1.0)


async def test_the_rate_limit_and_the_references_of_alerts_reach_the_notifier(decide):
    settings = decide("--rate-limit-interval=1m", "--no-cross-namespace-refs")
    async with built(settings) as parts:
        notifiers = [part for part in parts if isinstance(part, Notifier)]
        assert len(notifiers) == 1
        assert notifiers[0]._no_cross_namespace_refs is True
        assert notifiers[0]._once._interval == 60.0
