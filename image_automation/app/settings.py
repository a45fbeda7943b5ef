"""What the operator decides: folders, addresses, limits. Only this and the command line read the environment."""

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gotk.runtime.leader_election import Election
    from gotk.selectors import Selector
    from image_automation.app.leadership import Pod
    from image_automation.app.memory_watch import MemoryLimit
    from image_automation.dashboard.entering.certificates import Listening
    from image_automation.dashboard.oidc import Provider

#: The controllers by the name of the kind they reconcile, as `--controllers` takes them.
CONTROLLERS = (
    "imagerepository",
    "imagepolicy",
    "imageupdateautomation",
    "gitrepository",
    "helmrepository",
    "helmchart",
    "bucket",
    "ocirepository",
    "artifactgenerator",
    "kustomization",
    "helmrelease",
    "receiver",
    "alert",
)


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where state is kept unless said otherwise."""
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "/")) / ".local" / "share")
    return Path(base) / "image-automation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the service is told. Times are in seconds; an address is `host:port`, `:0` any free port, `0` none.

    `allow_file` lets `file://` repositories in, for a service whose users may read this machine anyway.
    `runs_workloads` is false for an embedded control plane that does not even simulate them.
    `only_served` leaves out controllers whose kinds the cluster lacks, which are then `left_out`. `watch_namespace` is
    empty for all, `namespace` is the one that the service runs in. `sops_age_secret` is namespace and name of a
    Secret, `sops_vault_configmap` of a ConfigMap. Without an `election` this process acts at once; `pod` is the one
    that it runs in, and `shard` chooses the objects that it reconciles, all where it is None. Of `environment` only the
    proxies and the clouds' own variables are used.
    """

    data_dir: Path
    controllers: frozenset[str] = frozenset(CONTROLLERS)
    only_served: bool = False
    left_out: frozenset[str] = frozenset()
    concurrent: int = 4
    storage_addr: str = ":9090"
    storage_adv_addr: str = ""
    artifact_retention_ttl: float = 60.0
    artifact_retention_records: int = 2
    helm_index_max_size: int = 50 << 20
    helm_chart_max_size: int = 10 << 20
    artifact_digest_algo: str = "sha256"
    strict_substitutions: bool = True
    additive_expressions: bool = False
    fail_fast: bool = True
    cancel_health_checks: bool = False
    direct_source_fetch: bool = False
    migrate_api_version: bool = False
    watch_configs: bool = True
    watch_configs_selector: str = "reconcile.fluxcd.io/watch=Enabled"
    cache_configs: bool = False
    concurrent_ssa: int = 4
    http_retry: int = 9
    http_timeout: float = 30.0
    override_managers: tuple[str, ...] = ()
    custom_apply_stage_kinds: frozenset[tuple[str, str]] = frozenset()
    strict_fields: bool = False
    remote_bases: frozenset[str] = frozenset()
    remote_bases_known_hosts: Path | None = None
    remote_bases_identity: Path | None = None
    default_decryption_service_account: str = ""
    sops_age_secret: tuple[str, str] | None = None
    sops_vault_configmap: tuple[str, str] | None = None
    external_artifacts: bool = False
    plain_chart_versions: bool = False
    retry_failed_releases: bool = False
    snapshot_digest_algo: str = "sha256"
    helm_3_defaults: bool = False
    dns_lookups: bool = False
    metrics_addr: str = ":8080"
    health_addr: str = ":9440"
    explain_addr: str = "0"
    dashboard_addr: str = "0"
    dashboard_url: str = ""
    dashboard_require_login: bool = False
    dashboard_oidc: "Provider | None" = None
    dashboard_tls: "Listening | None" = None
    events_addr: str = ""
    notification_addr: str = "0"
    rate_limit_interval: float = 300.0
    concurrent_scans: int = 500
    receiver_addr: str = "0"
    requeue_dependency: float = 30.0
    min_retry_delay: float = 0.75
    max_retry_delay: float = 900.0
    interval_jitter: float = 0.05
    hold_unchanged_status: float = 600.0
    hold_unchanged_revision: float = 0.0
    no_cross_namespace_refs: bool = False
    watch_namespace: str = ""
    memory_limit: "MemoryLimit | None" = None
    namespace: str = "flux-system"
    workload_identity: bool = False
    default_service_account: str = ""
    default_kubeconfig_service_account: str = ""
    insecure_kubeconfig_tls: bool = False
    token_cache_max_size: int = 100
    token_cache_max_duration: float = 3600.0
    trusted_realms: frozenset[str] = frozenset()
    allow_file: bool = False
    runs_workloads: bool = True
    grace: float = 8.0
    election: "Election | None" = None
    pod: "Pod | None" = None
    shard: "Selector | None" = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def tags(self) -> Path:
        """The tag store's file."""
        return self.data_dir / "tags.db"

    @property
    def mirrors(self) -> Path:
        """The folder of Git mirrors."""
        return self.data_dir / "mirrors"

    @property
    def marks(self) -> Path:
        """The file that remembers which contents hold markers."""
        return self.data_dir / "marks.db"

    @property
    def artifacts(self) -> Path:
        """The folder of artifacts."""
        return self.data_dir / "artifacts"

    def make_scratch(self, name: str = "scratch") -> Path:
        """Return an empty folder for work in progress; what a killed process left there is gone."""
        scratch = self.data_dir / name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, mode=0o700)
        return scratch

    def advertised(self, port: int) -> str:
        """Return the address that artifacts are advertised under, as source-controller derives it."""
        if self.storage_adv_addr:
            return self.storage_adv_addr
        host, _, wanted = self.storage_addr.rpartition(":")
        if host in {"0.0.0.0", "[::]"}:  # noqa: S104 - compared, not bound
            host = socket.gethostname()
        return f"{host or 'localhost'}:{port or wanted}"
