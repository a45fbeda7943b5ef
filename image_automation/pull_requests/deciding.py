"""What becomes of one scope's pull request: a function of its branch, of what the forge has, and of what is wished.

Nothing is asked of anybody here. The record names the actions in the order in which they are safe to be stopped at any
point and begun again: the branch is pushed before a pull request is opened from it, what takes the place of another one
is there before that one is closed, and a branch goes last.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gotk.forge.pull_request import PullRequest, State
from image_automation.pull_requests import section
from image_automation.pull_requests.settings import Merge

#: When a branch is looked at again whose pull request has just been merged, or whose checks are at work, in seconds.
SOON: Final = 5.0
CHECKING: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A scope's branch at the remote; `tip` is None where there is none.

    It is `ours` while nobody else has committed to it, and `current` while it differs from the base in exactly what is
    proposed.
    """

    name: str
    tip: str | None = None
    ours: bool = True
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A pull request is wished for: of this title and text, each by what stands for it.

    While it `lacks` something, such as an approval, it is not merged.
    """

    title: str
    text: str
    base: str
    merge: Merge = "never"
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """What was proposed waits for something; whatever is there stays as it is.

    Where it is `held`, nothing may be merged: what the forge has been told to merge by itself is called off.
    """

    why: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Nothing is to be proposed any more."""

    why: str


@dataclass(frozen=True, slots=True)
class Push:
    """Make the branch what is proposed."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a pull request from the branch."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write title and description anew, but for what people wrote."""

    pull_request: PullRequest


@dataclass(frozen=True, slots=True)
class Close:
    """Close a pull request, and say why."""

    pull_request: PullRequest
    why: str


@dataclass(frozen=True, slots=True)
class CallOff:
    """Have the forge not merge it by itself any more; where that cannot be had, close it, and say why."""

    pull_request: PullRequest
    why: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the branch, if it is still where it was."""

    tip: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Let the forge merge by itself."""


@dataclass(frozen=True, slots=True)
class MergeWhenGreen:
    """Look at the checks, and merge where all of them have passed."""

    pull_request: PullRequest


Action: TypeAlias = Push | Open | Write | Close | CallOff | Delete | Schedule | MergeWhenGreen


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done, in order; `note` says why it is not more, `pull_request` is the one that is open already.

    After `again` seconds, where they are given, it is worth to look again.
    """

    actions: tuple[Action, ...] = ()
    pull_request: PullRequest | None = None
    note: str = ""
    again: float | None = None


def decide(
    branch: Branch,
    pulls: Sequence[PullRequest],
    wish: Wish | Pause | Withdrawal,
    *,
    mark: str,
    known: Collection[int] = (),
    scheduled: str = "",
) -> Decision:
    """Decide for one scope. `pulls` are those of its branch, newest first; `mark` tells ours from others'.

    `known` are the numbers that were open when last looked at, `scheduled` the commit that the forge has been told to
    merge.
    """
    if isinstance(wish, Wish):
        pulls = [each for each in pulls if is_ours(each, mark) or each.base == wish.base]
    open_ = next((each for each in pulls if each.state is State.OPEN), None)
    match wish:
        case Pause(why, held):
            told = [each for each in pulls if each.state is State.OPEN and each.number in known]
            off = (CallOff(each, f"Not to be merged now: {why}.") for each in told if held and scheduled)
            return Decision(actions=tuple(off), pull_request=open_, note=why)
        case Withdrawal(why):
            return _withdrawn(branch, pulls, open_, why, mark)
        case Wish():
            merged = next((each for each in pulls if each.state is State.MERGED and each.number in known), None)
            if open_ is None and merged is not None:
                note = f"pull request #{merged.number} was merged, and '{wish.base}' is about to have it"
                return Decision(note=note, again=SOON)
            return _proposed(branch, pulls, open_, wish, mark=mark, scheduled=scheduled)


def is_ours(pull: PullRequest, mark: str) -> bool:
    """Tell whether a pull request is this automation's, by what its description says."""
    note = section.read(pull.body)
    return note is not None and note.automation == mark


def _proposed(
    branch: Branch, pulls: Sequence[PullRequest], open_: PullRequest | None, wish: Wish, *, mark: str, scheduled: str
) -> Decision:
    if branch.tip is not None and not branch.ours:
        return Decision(pull_request=open_, note=_theirs(branch, open_))
    actions: list[Action] = []
    if wish.lacks and scheduled and open_ is not None:
        actions.append(CallOff(open_, f"Not to be merged now: {wish.lacks}."))
    if not branch.current:
        actions.append(Push())
    if open_ is None:
        actions.append(Open())
    elif is_ours(open_, mark) and _differs(open_, wish):
        actions.append(Write(open_))
    if open_ is not None:
        doubles = (each for each in pulls if each.state is State.OPEN and each.number != open_.number)
        actions += [Close(each, f"The same as #{open_.number}.") for each in doubles if is_ours(each, mark)]
    actions += _merging(branch, open_, wish, scheduled)
    waits = wish.merge == "when-green" or bool(wish.lacks)
    theirs = open_ is not None and not is_ours(open_, mark)
    said = (wish.lacks, "its description is not ours: title and text stay as they are" if theirs else "")
    note = "; ".join(filter(None, said))
    return Decision(actions=tuple(actions), pull_request=open_, note=note, again=CHECKING if waits else None)


def _merging(branch: Branch, open_: PullRequest | None, wish: Wish, scheduled: str) -> Iterator[Action]:
    if open_ is not None and open_.base != wish.base:
        return  # somebody proposes it to another branch, which is not ours to write to
    if wish.lacks:
        return
    settled = branch.current and open_ is not None
    if wish.merge == "auto" and not (settled and scheduled == branch.tip):
        yield Schedule()
    elif wish.merge == "when-green" and settled and open_ is not None:
        yield MergeWhenGreen(open_)


def _withdrawn(
    branch: Branch, pulls: Sequence[PullRequest], open_: PullRequest | None, why: str, mark: str
) -> Decision:
    merged = branch.tip is not None and any(each.is_at(branch.tip) for each in pulls if each.state is State.MERGED)
    if branch.tip is not None and not (branch.ours or merged):
        return Decision(pull_request=open_, note=_theirs(branch, open_) if open_ else "")
    closed = [each for each in pulls if each.state is State.OPEN and is_ours(each, mark)]
    others = [each for each in pulls if each.state is State.OPEN and not is_ours(each, mark)]
    actions: list[Action] = [Close(each, why) for each in closed]
    if branch.tip is not None and not others:
        actions.append(Delete(branch.tip))
    note = "its description is not ours: it stays open" if others else ""
    return Decision(actions=tuple(actions), pull_request=others[0] if others else None, note=note)


def _differs(pull: PullRequest, wish: Wish) -> bool:
    """Tell whether what we wrote is not what is wished now, or was withdrawn; what people wrote does not count."""
    note = section.read(pull.body)
    return note is not None and (note.withdrawn or (note.title, note.text) != (wish.title, wish.text))


def _theirs(branch: Branch, open_: PullRequest | None) -> str:
    others = f"branch '{branch.name}' has commits of others"
    if open_ is None:
        return f"{others} and is left alone: delete it, or name another one in `branch`"
    return f"{others}: it is not refreshed any more, merge or close it"
