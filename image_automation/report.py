"""What a run of an ImageUpdateAutomation came to, as a record: the last push, what is held back, what had no effect.

`once`, `unhold`, `explain` and pages read it as it is; conditions and events are worded from it, and nobody reads them
back. In a cluster it stands in an annotation, bounded: what does not fit is counted, and of the commits that hold
something back some hundreds are named all the same: once those are released, the next run names others.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git import errors as git
from gotk.runtime.clock import parse_rfc3339, rfc3339
from image_automation.gating.voices import Voice
from image_automation.update import setter as setters
from image_automation.update.proposal import GIVEN_UP, TAKEN_BACK, Grant, Hold, Proposal
from image_automation.update.result import Change, FileResult
from image_automation.update.setter import Setter

#: The most bytes of the annotation; a cluster takes 256 KiB for all of an object's.
LIMIT: Final = 64 << 10
#: How many commits that hold something back are named where their holds have no room.
COMMITS: Final = 300
#: Fewer bytes than any place takes.
_SMALLEST: Final = 32


class Changed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that was written."""

    path: str
    line: int
    setter: str
    old: str
    new: str

    @property
    def names(self) -> Setter:
        """The policy that the value follows, and the part of its choice."""
        return setters.parse(self.setter)


class Granted(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A person's word that let an image's version through: `approve`, or `allow`; `at` is RFC 3339."""

    policy: str
    tag: str
    verdict: str
    by: str
    image: str = ""
    at: str = ""
    reason: str = ""


class Push(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A commit for a branch, as recorded before its push: as which refspec besides, and what it changes.

    `grants` are those whose word let it through. `left_out` counts the changes that the annotation has no room for.
    `follows` is the commit that the status named as the last one pushed; as long as it still does, this one has not
    been told of. `checked_out` is the commit that it was made on, `rebuilt` whether it replaced others. One that the
    forge makes is known by its `tree` and `parent` until its name is.
    """

    commit: str
    branch: str
    refspec: str = ""
    changes: tuple[Changed, ...] = ()
    left_out: int = 0
    grants: tuple[Granted, ...] = ()
    follows: str | None = None
    checked_out: str = ""
    rebuilt: bool = False
    tree: str = ""
    parent: str = ""

    def named(self, commit: str) -> "Push":
        """Return the same of a commit with the name that it has on its branch."""
        return msgspec.structs.replace(self, commit=commit)

    def is_untold(self, last_push_commit: str) -> bool:
        """Tell whether a status with this last push does not know of it, be it that it never arrived."""
        return self.follows == last_push_commit != self.commit


class Held(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An update that is not made, or not yet: taken back by a commit, or kept waiting by another gate.

    `kind` names the gate's reason, `message` says it to people, `until` (RFC 3339) how long it holds if known.
    `since` is when the value was held first.
    """

    path: str
    line: int
    old: str
    new: str
    commit: str = ""
    by: str = ""
    flips: int = 0
    setter: str = ""
    kind: str = TAKEN_BACK
    message: str = ""
    until: str = ""
    since: str = ""

    @property
    def names(self) -> Setter:
        """The policy that the value follows, and the part of its choice."""
        return setters.parse(self.setter)

    @property
    def waits(self) -> bool:
        """Whether it is made once its gate opens, rather than given up for a newer version."""
        return self.kind not in GIVEN_UP

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same hold in a later run, whatever lines moved."""
        return (self.path, self.setter, self.old, self.new, self.kind, self.commit)


class Ignored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A marker without a value, or a file left alone."""

    path: str
    line: int
    cause: str
    setter: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same in a later run, whatever lines moved."""
        return (self.path, self.setter, self.cause)


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of a rollback that somebody asked for by this name: a commit, or why there is none."""

    request: str
    message: str
    commit: str = ""


class Recovery(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What fails with an update of ours, whether that is taken back, and what speaks against it."""

    verdict: str
    failing: str
    message: str
    cause: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same in a later run, however the failure is worded."""
        return (self.verdict, self.failing, self.cause)


class PullRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pull request that is kept, for one scope of policies; without a number it is about to be opened.

    `takes_back` is the request, or the object that fails, because of which it takes back what we wrote, be it
    `during_freeze`, in places of `policies`. `head` is its branch's commit, `scheduled` the one that the forge has been
    told to merge, `note` says why not more is done.
    Where reviews count, `choices` stands for what it proposes `since` then, and `voices` are what people said.
    """

    branch: str
    scope: str
    number: int = 0
    url: str = ""
    title: str = ""
    draft: bool = False
    head: str = ""
    scheduled: str = ""
    takes_back: str = ""
    during_freeze: bool = False
    policies: tuple[str, ...] = ()
    note: str = ""
    choices: tuple[str, ...] = ()
    since: str = ""
    voices: tuple[Voice, ...] = ()

    @property
    def recovers(self) -> bool:
        """Whether it takes back because something fails: kind and name with a blank, which no request's name has."""
        return " " in self.takes_back


class Stop(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A freeze because of which nothing at all is written: of the automation, a Namespace, or the installation."""

    scope: str
    name: str
    message: str
    until: str = ""
    by: str = ""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How much of a report its annotation has no room for; `commits` are the first of those that hold that back."""

    held: int = 0
    ignored: int = 0
    commits: tuple[str, ...] = ()


class Recovered(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An update that was taken back because of what failed, and when (RFC 3339), by which commit."""

    failing: str
    commit: str
    at: str


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a run came to; `push` is the last one that there was, or was to be.

    `text_files` are the patterns of the files that it looked into besides YAML, `recovered` is what was taken back
    within the last day, and `source` is what was checked out, where commits hold something back there. `frozen` is a
    freeze of all that it writes.
    """

    push: Push | None = None
    held: tuple[Held, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    left_out: LeftOut | None = None
    answer: Answer | None = None
    recovery: Recovery | None = None
    pull_requests: tuple[PullRequest, ...] = ()
    text_files: tuple[str, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    source: str = ""
    frozen: Stop | None = None

    @property
    def commits(self) -> tuple[str, ...]:
        """The commits that hold something back."""
        listed = {held.commit: None for held in self.held if held.commit}
        return tuple(listed | dict.fromkeys(self.left_out.commits if self.left_out else ()))

    def of(self, automation: ImageUpdateAutomation) -> "Report":
        """Return the report with what its commits are of, which outlive the history that is read (`remembered`)."""
        return msgspec.structs.replace(self, source=source(automation) if self.commits else "")

    def after(self, before: "Report") -> "Report":
        """Return the report with what an earlier part of the run found out about taking back, and about freezes."""
        return msgspec.structs.replace(
            self,
            answer=before.answer,
            recovery=before.recovery,
            recovered=before.recovered,
            frozen=before.frozen,
        )


R = TypeVar("R", Changed, Held, Ignored)


def of(
    proposal: Proposal, why: Callable[[str], str | None], push: Push | None, before: Report, now: datetime
) -> Report:
    """Make the report of a proposal; `why` says why a setter has no value, or that it is as it should be.

    What the report `before` had waits since it did there, anything else since now.
    """
    known, new = waiting_since(before), rfc3339(now)
    holds = sorted(map(held, proposal.holds), key=_place)
    since = [known.get((each.names.key, each.new)) for each in holds]
    return Report(
        push=push,
        held=tuple(
            msgspec.structs.replace(each, since=rfc3339(when) if when else new)
            for each, when in zip(holds, since, strict=True)
        ),
        ignored=tuple(sorted(set(_ignored(proposal.files, why)), key=_place)),
    )


def _ignored(files: Iterable[FileResult], why: Callable[[str], str | None]) -> Iterator[Ignored]:
    for file in files:
        for problem in file.problems:
            yield Ignored(path=git.printable(file.path), line=problem.line or 0, cause=str(problem))
        for each in file.unresolved:
            if (cause := why(each.setter)) is not None:
                yield Ignored(path=git.printable(file.path), line=each.line, cause=cause, setter=each.setter)


def waiting_since(found: Report) -> dict[tuple[str, str], datetime]:
    """Return since when each new value of a policy, as `namespace:policy`, is not written."""
    times: dict[tuple[str, str], datetime] = {}
    for each in found.held:
        with contextlib.suppress(ValueError):  # somebody else wrote there, or an older version without it
            key, when = (each.names.key, each.new), parse_rfc3339(each.since)
            times[key] = min(when, times.get(key, when))
    return times


def _place(record: Held | Ignored) -> tuple[str, int, str]:
    return (record.path, record.line, record.setter)


def held(hold: Hold) -> Held:
    """Make the record of a hold."""
    change = hold.change
    return Held(
        path=hold.path,
        line=change.line,
        setter=change.setter,
        old=change.old,
        new=change.new,
        commit=hold.commit,
        by=git.printable(hold.by),
        flips=hold.flips,
        kind=hold.kind,
        message=git.printable(hold.message),
        until=rfc3339(hold.until) if hold.until else "",
    )


def granted(grant: Grant) -> Granted:
    """Make the record of a person's word."""
    return Granted(
        policy=grant.policy,
        image=grant.image,
        tag=grant.tag,
        verdict=grant.verdict,
        by=grant.by,
        at=grant.at,
        reason=grant.reason,
    )


def source(automation: ImageUpdateAutomation) -> str:
    """Name what an automation checks out: its GitRepository, and the reference where it names one itself."""
    reference, git_spec = automation.spec.source_ref, automation.spec.git
    named = f"{reference.namespace or automation.metadata.namespace}/{reference.name}"
    ref = git_spec.checkout.ref if git_spec is not None and git_spec.checkout is not None else None
    wanted = filter(None, (ref.branch, ref.tag, ref.semver, ref.name, ref.commit)) if ref is not None else ()
    return "@".join([named, *wanted])


def changed(path: str, change: Change) -> Changed:
    """Make the record of a change."""
    return Changed(path=path, line=change.line, setter=change.setter, old=change.old, new=change.new)


def read(annotations: Mapping[str, str]) -> Report:
    """Return the report in an object's annotations; an empty one where there is none, or somebody else wrote there."""
    try:
        return msgspec.json.decode(annotations.get(extensions.REPORT, "{}"), type=Report)
    except (msgspec.DecodeError, UnicodeError):
        return Report()


def write(report: Report) -> str | None:
    """Return the text of the annotation, at most `LIMIT` bytes; None for a report that says nothing."""
    if report == Report():
        return None
    return msgspec.json.encode(bounded(report)).decode()


def bounded(report: Report) -> Report:
    """Return as much of a report as the annotation has room for: holds first, then what is ignored, then changes.

    Of each value that is held one hold comes before all others: since when it waits must not be forgotten. What commits
    hold comes next: they may be older than the history that is read.
    """
    if len(msgspec.json.encode(report)) <= LIMIT:
        return report
    room = LIMIT - len(msgspec.json.encode(_without_places(report)))
    fitting, room = _fitting(_one_of_each_first(report.held), room)
    kept_held = tuple(filter(frozenset(fitting).__contains__, report.held))
    kept_ignored, room = _fitting(report.ignored, room)
    push = report.push
    if push is not None:
        kept_changes, _ = _fitting(push.changes, room)
        push = msgspec.structs.replace(push, changes=kept_changes, left_out=len(push.changes) - len(kept_changes))
    named = {each.commit for each in kept_held}
    left_out = LeftOut(
        held=len(report.held) - len(kept_held),
        ignored=len(report.ignored) - len(kept_ignored),
        commits=tuple(each for each in report.commits if each not in named)[:COMMITS],
    )
    return msgspec.structs.replace(
        report,
        push=push,
        held=kept_held,
        ignored=kept_ignored,
        left_out=left_out,
        pull_requests=_without_places(report).pull_requests,
    )


def _one_of_each_first(held: Sequence[Held]) -> Sequence[Held]:
    """Return holds with the one that waits for longest of each policy's new value in front, then what commits hold."""
    first: dict[tuple[str, str], Held] = {}
    for each in sorted(held, key=lambda hold: hold.since):
        first.setdefault((each.names.key, each.new), each)
    leading = set(first.values())
    return sorted(held, key=lambda hold: (hold not in leading, not hold.commit))


def _without_places(report: Report) -> Report:
    """Return what the annotation must have room for whatever else is in it."""
    push = msgspec.structs.replace(report.push, changes=(), left_out=len(report.push.changes)) if report.push else None
    left_out = LeftOut(held=len(report.held), ignored=len(report.ignored), commits=report.commits[:COMMITS])
    kept = tuple(msgspec.structs.replace(each, title="", note="") for each in map(_without_words, report.pull_requests))
    return msgspec.structs.replace(report, push=push, held=(), ignored=(), left_out=left_out, pull_requests=kept)


def _without_words(pull: PullRequest) -> PullRequest:
    heard = (msgspec.structs.replace(each, reason="") for each in pull.voices if not each.stranger)
    return msgspec.structs.replace(pull, voices=tuple(heard))


def _fitting(places: Sequence[R], room: int) -> tuple[tuple[R, ...], int]:
    """Return the first of the places, as many as there is room for, and the room that is left.

    One that is too large by itself, such as by a value of many kilobytes, keeps those behind it from nothing.
    """
    room -= len(',"ignored":[]')
    kept: list[R] = []
    for place in places:
        size = len(msgspec.json.encode(place)) + 1
        if room < _SMALLEST:
            break
        if size > room:
            continue
        kept.append(place)
        room -= size
    return tuple(kept), room


def news(before: Iterable[Held | Ignored], now: Iterable[Held | Ignored]) -> bool:
    """Tell whether something is there now that was not there before."""
    return not {each.identity for each in now} <= {each.identity for each in before}
