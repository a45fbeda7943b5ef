"""Which of our edits a person means who asks for a rollback, and what the places held before. Pure.

Only what we wrote, and what nobody has changed since, is rolled back: a person's edit is a person's to undo.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from image_automation.recovering.past_edits import At, Edit, History
from image_automation.recovering.request import Request
from image_automation.writing import releases
from image_automation.writing.releases import Taken

#: What a place held as of a commit; None where there was none.
Held = Callable[[str, At], str | None]
_SHORT = 12


class NothingToRollBackError(ValueError):
    """Nothing fits what was asked for; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What each place is to hold, and the commits whose edits that takes back."""

    values: Mapping[At, str]
    commits: tuple[str, ...]


def chosen(history: History, request: Request, held: Held) -> Chosen:
    """Choose. Raises NothingToRollBackError."""
    edits = _meant(history, request)
    if not edits:
        raise NothingToRollBackError(_why_none(history, request))
    if not request.to:
        return Chosen({each.at: each.old for each in edits}, tuple(dict.fromkeys(each.commit for each in edits)))
    return _back_to(history, edits, request.to, held)


def refuse_frozen(chosen: Chosen, frozen: Mapping[str, str]) -> None:
    """Refuse what may not be written now; `frozen` says by policy why, the policy without a name being all of them.

    Raises NothingToRollBackError.
    """
    for policy in ("", *sorted({at.place.names.policy for at in chosen.values})):
        if policy in frozen:
            what = f"policy {policy}" if policy else "the automation"
            raise NothingToRollBackError(f"{what} is {frozen[policy]}; add --during-freeze to roll back all the same")


def _meant(history: History, request: Request) -> list[Edit]:
    edits = [each for each in history.edits if request.policy in {"", each.policy}]
    if request.place:
        taken = releases.named([Taken(each.path, each.commit) for each in edits], [request.place]).taken
        return [each for each in edits if Taken(each.path, each.commit) in taken]
    if not request.policy:
        return [each for each in edits if each.commit == edits[0].commit]
    return edits


def _back_to(history: History, edits: list[Edit], to: str, held: Held) -> Chosen:
    oldest = history.index(to)
    if oldest is None:
        raise NothingToRollBackError(
            f"commit '{to[:64]}' is none of the last {len(history.commits)} of the branch; name one by seven letters "
            "or more, or edit the file"
        )
    commit = history.commits[oldest].id
    before = {each: held(commit, each.at) for each in edits}
    values = {each.at: value for each, value in before.items() if value is not None and value != each.new}
    if not values:
        raise NothingToRollBackError(f"what is meant was in commit {commit[:_SHORT]} as it is now, or not at all")
    passed = [each for each in history.commits[:oldest] if each.ours and each.takes_back is None]
    paths = {at.path for at in values}
    return Chosen(
        values,
        tuple(each.id for each in passed if each.paths & paths),
    )


def _why_none(history: History, request: Request) -> str:
    place = releases.named([Taken(at.path, "") for at in history.strangers], [request.place]).taken
    paths = {each.path for each in place} if request.place else {at.path for at in history.strangers}
    for at, commit in history.strangers.items():
        if at.path in paths and request.policy in {"", at.place.names.policy}:
            changed = f"commit {commit.id[:_SHORT]} by {commit.by} has changed {at.path} since our last edit there"
            return f"{changed}: revert that, or edit the file"
    what = " ".join(filter(None, (request.place, request.policy and f"policy {request.policy}")))
    return f"no edit of ours stands{f' for {what}' if what else ''} in the last {len(history.commits)} commits"
