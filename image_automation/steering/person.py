"""Who is at work, and when, as the API server says: this machine's user and clock are evidence of nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gotk.kube import errors
from image_automation.steering.cluster import CannotBeDoneError, Cluster

_NOBODY: Final = "system:anonymous"
_QUESTION: Final = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the cluster, and the time by the API server's clock, in whole seconds."""

    name: str
    groups: frozenset[str]
    now: datetime


async def ask(cluster: Cluster) -> Person:
    """Ask the API server who this is. Raises CannotBeDoneError where it does not say."""
    try:
        answer = await cluster.create_object(_QUESTION)
    except errors.NotFound:
        raise CannotBeDoneError("the cluster does not say who you are: that takes Kubernetes 1.28 or newer") from None
    info, at = answer["status"]["userInfo"], answer.get("metadata", {}).get("creationTimestamp")
    name = str(info.get("username", ""))
    if name in {"", _NOBODY}:
        raise CannotBeDoneError("the cluster does not know who you are: log in with credentials of your own")
    if not at:
        raise CannotBeDoneError("the cluster does not say what time it is: that takes Kubernetes 1.28 or newer")
    now = datetime.fromisoformat(str(at)).astimezone(UTC)
    return Person(name, frozenset(map(str, info.get("groups") or ())), now)
