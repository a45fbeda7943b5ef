"""Letting updates through that an automation holds back because a person took them back.

Writes an annotation that names the commits which are forgiven, so that nothing but Git and the object has to remember.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import REQUESTED_AT
from gotk.runtime.clock import rfc3339
from image_automation import report
from image_automation.report import Report
from image_automation.steering import anew
from image_automation.steering.cluster import CannotBeDoneError, Cluster
from image_automation.update.proposal import PULL_REQUEST_CLOSED
from image_automation.writing import releases

_SHORT: Final = 12


@dataclass(frozen=True, slots=True)
class Released:
    """The entries of the annotation, the files and commits that they let through, and how many more may be meant.

    `proposed` are those of the commits whose pull request was closed.
    """

    entries: Sequence[str]
    taken: Sequence[tuple[str, str]]
    unlisted: int = 0
    proposed: Sequence[str] = ()

    def lines(self, name: str) -> list[str]:
        """Say what was let through of an automation, a line each."""
        if not self.entries:
            return [f"image update {name} holds nothing back"]
        more = [f"and {self.unlisted} more places, as far as they are named"] if self.unlisted else []
        return [
            *(f"{path}: what {self._what(commit)} may come again" for path, commit in self.taken),
            *more,
        ]

    def _what(self, commit: str) -> str:
        closed = "the closed pull request at commit {} proposed"
        return (closed if commit in self.proposed else "commit {} took back").format(commit[:_SHORT])


async def release(cluster: Cluster, namespace: str, name: str, paths: Sequence[str], now: datetime) -> Released:
    """Let through what an automation holds back, or of it what is in these places, and ask for a run.

    Raises CannotBeDoneError, where a path names nothing that is held, and APIError.
    """
    released = Released((), ())

    def forgiving(obj: ImageUpdateAutomation) -> dict[str, str]:
        nonlocal released
        released = named(report.read(obj.metadata.annotations), paths)
        if not released.entries:
            return {}
        try:
            text = releases.forgiving(obj.metadata.annotations.get(extensions.UNHOLD, ""), released.entries)
        except releases.TooManyError as error:
            raise CannotBeDoneError(f"{error}: name fewer, or no PATH at all, which lets everything through") from None
        return {extensions.UNHOLD: text, REQUESTED_AT: rfc3339(now)}

    await anew.annotate(cluster, ImageUpdateAutomation, namespace, name, forgiving)
    return released


def named(found: Report, paths: Sequence[str]) -> Released:
    """Return what to release. Raises CannotBeDoneError where a path names nothing that is held."""
    held = [releases.Taken(each.path, each.commit) for each in found.held if each.commit]
    unlisted = found.left_out.held if found.left_out else 0
    if paths:
        chosen = releases.named(held, paths, found.commits if unlisted else ())
    else:
        chosen = releases.everything(held, found.commits)
    if chosen.nothing:
        raise CannotBeDoneError(f"nothing is held in {', '.join(chosen.nothing)}")
    commits = {commit for _, commit in chosen.taken}
    closed = {each.commit for each in found.held if each.kind == PULL_REQUEST_CLOSED and each.commit in commits}
    return Released(chosen.entries, chosen.taken, unlisted, tuple(sorted(closed)))
