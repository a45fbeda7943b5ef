"""Why a process is not ready, in words for whoever asks `/readyz`: an empty list is readiness.

Ready means that decisions are made from what the cluster holds now. A server that restarts is no reason yet: what the
caches hold stays true for a while, and whoever is not ready gets no webhooks.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from gotk.api import scheme
from gotk.api.meta import Object
from gotk.kube import errors
from gotk.kube.list_watch import Trouble
from gotk.runtime.logging import redact

#: For how many seconds a kind may be out of sight.
PATIENCE = 60.0


class Flag(Protocol):
    """What is set once."""

    def is_set(self) -> bool:
        """Tell whether it was."""
        ...


class Followed(Protocol):
    """A cache, as readiness sees it."""

    @property
    def kind(self) -> type[Object]:
        """What it holds."""
        ...

    @property
    def synced(self) -> Flag:
        """Whether everything was listed once."""
        ...

    @property
    def trouble(self) -> Trouble | None:
        """Why it does not keep up."""
        ...


def of_caches(caches: Iterable[Followed], now: float) -> Sequence[str]:
    """Return why the caches are not to be relied on; what is true for many of them is said once."""
    found: list[str] = []
    away: list[Trouble] = []
    for cache in caches:
        trouble = cache.trouble
        if trouble is not None and isinstance(trouble.error, errors.Unreachable):
            if not cache.synced.is_set() or now - trouble.since >= PATIENCE:
                away.append(trouble)
        elif not cache.synced.is_set() or (trouble is not None and now - trouble.since >= PATIENCE):
            found.append(_reason(cache.kind, trouble))
    if away:
        longest = min(away, key=lambda each: each.since)
        found.insert(0, unreached(now - longest.since, longest.error.message))
    return found


def unreached(seconds: float, message: str) -> str:
    """Say for how long the API has been away."""
    return f"the Kubernetes API has been out of reach for {seconds:.0f} s: {redact(message)}"


def _reason(kind: type[Object], trouble: Trouble | None) -> str:
    resource = scheme.resource_of(kind)
    name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    if trouble is None:
        return f"{name} were not listed yet"
    if isinstance(trouble.error, errors.NotFound):
        version = resource.api_version.rpartition("/")[2]
        return f"the cluster does not serve {name} in {version}: install the definition of {resource.kind}"
    return f"{name} cannot be followed: {redact(trouble.error.message)}"
