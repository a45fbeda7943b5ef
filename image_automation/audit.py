"""Who let which version through, or stopped it: entries made of what stands in the cluster and in Git.

The cluster says what counts now: decisions of each ImagePolicy, freezes, and whose word the last push had. Annotations
are written over in the end, and whoever may write one may write anything. What remains is in the commits, as trailers:
they are signed where commits are. Kubernetes' own audit log says who wrote an annotation; it is not read here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from gotk import decisions
from gotk.api import extensions
from gotk.api.core import Namespace
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.git.objects.history import Past
from gotk.runtime.clock import rfc3339
from image_automation import report
from image_automation.gating import freeze
from image_automation.gating.facts import Misread
from image_automation.writing import provenance, trailers
from policies import pin

_DONE: Final[Mapping[str, str]] = {"approve": "approved", "reject": "rejected", "allow": "allowed"}
_AUTOMATION: Final = re.compile(rf"^{provenance.TRAILER}: (\S+)$", re.MULTILINE)
_TRAILER: Final = re.compile(
    rf"(?P<key>{trailers.APPROVED}|{trailers.ALLOWED}): (?P<by>.+?) \((?P<policy>[a-z0-9.-]+) (?P<tag>[^\s:;()]+)"
    r"(?: of (?P<image>[^\s;()]+?))?(?:: (?P<reason>.*?))?(?:; (?P<at>[0-9TZ:+.-]+))?\)"
)


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One act: when (RFC 3339), what, by whom, on which object, version and image, why, and in which commit it is."""

    at: str = ""
    what: str
    by: str
    object: str
    version: str = ""
    image: str = ""
    reason: str = ""
    until: str = ""
    commit: str = ""


def of_policy(policy: ImagePolicy) -> Iterator[Entry]:
    """Yield what people decided about a policy's versions. Raises ValueError for an annotation that is misread."""
    name = f"ImagePolicy/{policy.metadata.namespace}/{policy.metadata.name}"
    for each in decisions.read(policy.metadata.annotations):
        yield Entry(
            at=each.at,
            what=_DONE[each.verdict],
            by=each.by,
            object=name,
            version=each.tag,
            image=each.image,
            reason=each.reason,
        )
    yield from _frozen(name, policy.metadata.annotations)
    yield from _pinned(name, policy.metadata.annotations)


def of_automation(automation: ImageUpdateAutomation) -> Iterator[Entry]:
    """Yield an automation's freeze, reviews that count, and whose word its last push had.

    Raises ValueError for what is misread.
    """
    namespace = automation.metadata.namespace
    name = f"ImageUpdateAutomation/{namespace}/{automation.metadata.name}"
    yield from _frozen(name, automation.metadata.annotations)
    found = report.read(automation.metadata.annotations)
    yield from _reviewed(name, found.pull_requests)
    push = found.push
    for each in push.grants if push is not None and not push.is_untold(automation.status.last_push_commit) else ():
        yield Entry(
            at=each.at,
            what=f"{_DONE.get(each.verdict, each.verdict)}, pushed",
            by=each.by,
            object=f"ImagePolicy/{namespace}/{each.policy}",
            version=each.tag,
            image=each.image,
            reason=each.reason,
            commit=push.commit if push is not None else "",
        )


def of_namespace(namespace: Namespace) -> Iterator[Entry]:
    """Yield the freeze of all in a Namespace, and of the installation in it. Raises ValueError for what is misread."""
    name, annotations = f"Namespace/{namespace.metadata.name}", namespace.metadata.annotations
    yield from _frozen(name, annotations)
    yield from _frozen(name, annotations, extensions.FREEZE_INSTALLATION, "installation frozen")


def of_commit(past: Past) -> Iterator[Entry]:
    """Yield whose word a commit had, or whose wish it was, as its trailers say.

    Where they do not say when, the commit's time counts.
    """
    yield from _taken_back(past)
    for line in past.message.splitlines():
        found = _TRAILER.fullmatch(line)
        if found is not None:
            yield Entry(
                at=found["at"] or rfc3339(datetime.fromtimestamp(past.when, UTC)),
                what=f"{'approved' if found['key'] == trailers.APPROVED else 'allowed'}, committed",
                by=found["by"],
                object=f"ImagePolicy/{found['policy']}",
                version=found["tag"],
                image=found["image"] or "",
                reason=found["reason"] or "",
                commit=past.id,
            )


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries by time, those without one first."""
    return sorted(entries, key=lambda entry: (entry.at, entry.object, entry.what, entry.by))


def _reviewed(name: str, pulls: Iterable[report.PullRequest]) -> Iterator[Entry]:
    """Yield what people said of pull requests whose reviews count; whose word merged one is in the merge."""
    for pull in pulls:
        for voice in pull.voices:
            yield Entry(
                at=voice.at,
                what=f"{'approved' if voice.approves else 'rejected'}, in review",
                by=voice.names[0],
                object=name,
                reason=voice.reason,
                commit=voice.sha,
            )


def _taken_back(past: Past) -> Iterator[Entry]:
    taking, of = provenance.taking_back(past.message), _AUTOMATION.search(past.message)
    if taking is not None:
        yield Entry(
            at=rfc3339(datetime.fromtimestamp(past.when, UTC)),
            what="recovered, committed" if taking.recovers else "rolled back, committed",
            by=taking.by,
            object=f"ImageUpdateAutomation/{of[1]}" if of else "",
            reason=_why(past.message),
            commit=past.id,
        )


def _why(message: str) -> str:
    """Return what was taken back to what, and the sentence below it that says why."""
    subject, _, below = message.partition("\n\n")
    why = " ".join(below.partition("\n\n")[0].split())
    return ": ".join(filter(None, (subject.partition("\n")[0], why)))


def _pinned(name: str, annotations: Mapping[str, str]) -> Iterator[Entry]:
    try:
        found = pin.stated(annotations)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if found is not None:
        until = rfc3339(found.until) if found.until else ""
        yield Entry(what="pinned", by=found.by, object=name, version=found.tag, reason=found.reason, until=until)


def _frozen(
    name: str, annotations: Mapping[str, str], key: str = extensions.FREEZE, what: str = "frozen"
) -> Iterator[Entry]:
    try:
        found = freeze.stated(annotations, key)
    except Misread as error:
        raise ValueError(f"{name}: {error}") from None
    if found is not None:
        yield Entry(at=found.at, what=what, by=found.by, object=name, reason=found.reason, until=found.until)
