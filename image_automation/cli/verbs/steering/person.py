"""Who is at work, and when, as the API server says: this machine's user and clock are evidence of nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.kube.client import Client

_NOBODY = "system:anonymous"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the cluster, and the time by the API server's clock, in whole seconds."""

    name: str
    groups: frozenset[str]
    now: datetime


async def ask(client: "Client") -> Person:
    """Ask the API server who this is. Fails where it does not say."""
    from gotk.kube import errors  # noqa: PLC0415 - heavy imports wait

    question = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await client.create_object(question)
    except errors.NotFound:
        output.fail("the cluster does not say who you are: that takes Kubernetes 1.28 or newer")
    info, at = answer["status"]["userInfo"], answer.get("metadata", {}).get("creationTimestamp")
    name = str(info.get("username", ""))
    if name in {"", _NOBODY}:
        output.fail("the cluster does not know who you are: log in with credentials of your own")
    if not at:
        output.fail("the cluster does not say what time it is: that takes Kubernetes 1.28 or newer")
    now = datetime.fromisoformat(str(at)).astimezone(UTC)
    return Person(name, frozenset(map(str, info.get("groups") or ())), now)
