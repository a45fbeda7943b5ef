"""What the operator decides: folders, addresses, limits. Only this and the command line read the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The controllers by the name of the kind they reconcile, as `--controllers` takes them.
CONTROLLERS = ("imagerepository", "imagepolicy", "imageupdateautomation", "gitrepository", "kustomization")


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where state is kept unless said otherwise."""
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "/")) / ".local" / "share")
    return Path(base) / "image-automation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the service is told. Times are in seconds; an address is `host:port`, `:0` any free port, `0` none."""

    data_dir: Path
    controllers: frozenset[str] = frozenset(CONTROLLERS)
    concurrent: int = 4
    storage_addr: str = ":9090"
    storage_adv_addr: str = ""
    metrics_addr: str = ":8080"
    health_addr: str = ":9440"
    events_addr: str = ""
    requeue_dependency: float = 30.0
    min_retry_delay: float = 0.75
    max_retry_delay: float = 900.0
    no_cross_namespace_refs: bool = False
    grace: float = 10.0

    @property
    def tags(self) -> Path:
        """The tag store's file."""
        return self.data_dir / "tags.db"

    @property
    def mirrors(self) -> Path:
        """The folder of Git mirrors."""
        return self.data_dir / "mirrors"

    @property
    def artifacts(self) -> Path:
        """The folder of artifacts."""
        return self.data_dir / "artifacts"
