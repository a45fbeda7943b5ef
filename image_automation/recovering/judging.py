"""Whether a failure is a version's, and what to take back: the whole decision, from facts to a record. Pure.

An update is taken back only where it alone can be the cause: what deploys it was well before, failed with a revision
that brought it, nobody else changed anything there, and nothing fails that it did not touch. Whatever speaks against
that is said, and waited out. A person's commit is never taken back, and three recoveries within a day are enough.
"""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from image_automation.recovering import nearer
from image_automation.recovering.deployments import Deployment
from image_automation.recovering.past_edits import At, Commit, Edit, History

Verdict = Literal["well", "waits", "stopped", "take back"]

MOST: Final = 3
WITHIN: Final = 24 * 3600
#: What an API server that is away, overloaded or behind a broken webhook makes others say.
_AWAY: Final = re.compile(
    r"connection refused|connection reset|i/o timeout|no such host|tls handshake|service unavailable|too many requests"
    r"|etcdserver|failed calling webhook|client rate limiter|server is currently unable|cannot connect to host"
    r"|the server was unable to return a response|\bEOF\b",
    re.IGNORECASE,
)
#: How far the clocks of whoever commits and of the cluster may be apart, in seconds.
_SKEW: Final = 30
#: What began to fail so long before an edit may be of one cause with it, in seconds.
_BEFORE: Final = 3600
_SHORT = 12
_LONG = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known: the branch, what deploys, and the time in seconds.

    `stale` says why the source does not serve what is on the branch, `frozen` by policy why nothing may be written; the
    policy without a name is all of them. `recovered` are objects because of which something was taken back, with the
    commit that did it and when in seconds: the branch may have grown by more than is read of it since.
    """

    history: History
    deployments: Sequence[Deployment]
    now: int
    stale: str = ""
    frozen: Mapping[str, str] = field(default_factory=dict)
    recovered: Sequence[tuple[str, str, int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done and why. `failing` names what fails, `cause` says what speaks against taking back.

    `values` and `commits` are what to take back.
    """

    verdict: Verdict
    message: str = ""
    failing: str = ""
    cause: str = ""
    values: Mapping[At, str] = field(default_factory=dict)
    commits: tuple[str, ...] = ()


WELL: Final = Judgement(verdict="well")


@dataclass(frozen=True, slots=True)
class _Case:
    """A failure, the edits that may have caused it, and the commits that it came with."""

    facts: Facts
    failing: Deployment
    edits: tuple[Edit, ...]
    came_with: tuple[Commit, ...]
    #: Whether the edits lie where it cannot be told who deploys them.
    unclaimed: bool = False
    #: Those because of which alone a Kustomization fails, and the first of them that deploys edits of ours.
    nearer: tuple[Deployment, ...] = ()
    blamed: Deployment | None = None

    @property
    def name(self) -> str:
        """What fails, which is what is nearest to the edits."""
        return (self.blamed or self.failing).name


def judge(facts: Facts) -> Judgement:
    """Judge the first failure that an edit of ours may have caused; of several the releases come first."""
    failing = [each for each in facts.deployments if each.ours and each.standing == "failed"]
    cases = [_case(facts, each) for each in sorted(failing, key=lambda each: (each.kind, each.key))]
    judgements = [_judge(case) for case in cases if case.edits]
    order: dict[Verdict, int] = {"take back": 0, "stopped": 1, "waits": 2, "well": 3}
    return min(judgements, key=lambda each: order[each.verdict], default=WELL)


def may_judge(deployments: Sequence[Deployment]) -> bool:
    """Tell whether anything fails at all: without, nobody need read a history."""
    return any(each.ours and each.standing == "failed" for each in deployments)


def _judge(case: _Case) -> Judgement:
    for check in _CHECKS:
        if (said := check(case)) is not None:
            verdict, cause = said
            message = f"{_what(case)}; it is not taken back: {cause}"
            return Judgement(verdict=verdict, message=message, failing=case.name, cause=cause)
    edits = {each.at: each.old for each in case.edits}
    return Judgement(
        verdict="take back",
        message=_what(case) + ("; it cannot be told which of our edits it deploys" if case.unclaimed else ""),
        failing=case.name,
        values=edits,
        commits=tuple(dict.fromkeys(each.commit for each in case.edits)),
    )


def _what(case: _Case) -> str:
    failing, commit = case.failing, case.edits[0].commit[:_SHORT]
    return f"{case.name} fails with what commit {commit} brought: {failing.reason}: {failing.message[:_LONG]}"


# Which edits a failure may come from.


def _case(facts: Facts, failing: Deployment) -> _Case:
    history, tried = facts.history, facts.history.index(failing.tried)
    if tried is None:
        return _Case(facts, failing, (), ())
    if failing.kind == "HelmRelease":
        edits = tuple(each for each in _since(history, tried, len(history.commits)) if _is_of_release(each, failing))
        new = tuple(each for each in edits if each.when > failing.good_at - _SKEW)
        oldest = max((_age(history, each) for each in new), default=tried)
        return _Case(facts, failing, new, history.commits[tried : oldest + 1])
    good = history.index(failing.good)
    if good is None:
        return _Case(facts, failing, (), ())
    edits = tuple(_since(history, tried, good))
    below = tuple(each for each in edits if failing.deploys(each.path))
    unclaimed: tuple[Edit, ...] = ()
    if failing.reads is None:
        unclaimed = tuple(each for each in edits if not any(other.deploys(each.path) for other in facts.deployments))
    case = _Case(facts, failing, below or unclaimed, history.commits[tried:good], unclaimed=not below)
    return _narrowed(case, nearer.fails_for(failing, facts.deployments))


def _narrowed(case: _Case, near: tuple[Deployment, ...]) -> _Case:
    """Leave those edits that are of what a Kustomization fails for: those of others are well where they are."""
    of = {each.name: tuple(edit for edit in case.edits if _is_of(edit, each)) for each in near}
    blamed = next((each for each in near if of[each.name]), None)
    if blamed is None:
        return replace(case, nearer=near)
    kept = tuple(edit for edit in case.edits if any(edit in edits for edits in of.values()))
    return replace(case, edits=kept, nearer=near, blamed=blamed)


def _is_of(edit: Edit, deployment: Deployment) -> bool:
    return deployment.deploys(edit.path) or (deployment.kind == "HelmRelease" and _is_of_release(edit, deployment))


def _since(history: History, tried: int, good: int) -> Sequence[Edit]:
    return [each for each in history.edits if tried <= _age(history, each) < good]


def _age(history: History, edit: Edit) -> int:
    index = history.index(edit.commit)
    assert index is not None  # edits are read from these commits
    return index


def _is_of_release(edit: Edit, release: Deployment) -> bool:
    obj = edit.at.place.object
    return obj.kind == "HelmRelease" and obj.name == release.key.name and obj.namespace in {"", release.key.namespace}


# What speaks against taking back, in the order in which it is said.

Said = tuple[Verdict, str] | None


def _is_frozen(case: _Case) -> Said:
    for policy in ("", *sorted({each.policy for each in case.edits})):
        if policy in case.facts.frozen:
            return "waits", f"{f'policy {policy}' if policy else 'the automation'} is {case.facts.frozen[policy]}"
    return None


def _has_another_cause(case: _Case) -> Said:
    if not case.failing.blames:
        return "waits", f"'{case.failing.reason}' is no failure of what is deployed"
    if _AWAY.search(case.failing.message):
        return "waits", "the API server, or what it asks, is away; this is tried again by itself"
    return None


def _is_stale(case: _Case) -> Said:
    if case.facts.stale:
        return "waits", f"the source is stale: {case.facts.stale[:_LONG]}"
    tried = case.facts.history.index(case.failing.tried)
    newer = next((each for each in case.facts.history.commits[:tried] if _concerns(case, each)), None)
    if newer is not None:
        return "waits", f"commit {newer.id[:_SHORT]} by {newer.by} is newer, and has not been tried yet"
    return None


def _failed_before(case: _Case) -> Said:
    if case.failing.was_failing:
        return "waits", "it was failing before, and is somebody's to mend"
    if case.failing.kind == "HelmRelease" and not case.failing.good_at:
        return "waits", "no release before it went well, so there is nothing to go back to"
    return None


def _clocks_cannot_tell(case: _Case) -> Said:
    """A release knows no commit, only when it was made: by the cluster's clock, where a commit has ours."""
    if case.failing.kind != "HelmRelease":
        return None
    near = next((each for each in case.edits if abs(each.when - case.failing.good_at) <= _SKEW), None)
    if near is None:
        return None
    commit = near.commit[:_SHORT]
    return (
        "waits",
        f"commit {commit} and the last release that went well are of one time: it may have been well with it",
    )


def _others_changed_too(case: _Case) -> Said:
    for each in case.came_with:
        if not each.ours and _concerns(case, each):
            return "waits", f"commit {each.id[:_SHORT]} by {each.by} came with it, and it cannot be told which fails"
    return None


def _cluster_is_ill(case: _Case) -> Said:
    began = min(each.when for each in case.edits) - _BEFORE
    for other in case.facts.deployments:
        if other is case.failing or other.standing != "failed" or other.since < began or _is_touched(case, other):
            continue
        return "waits", f"{other.name} fails too, which it does not touch: the cluster may be ill ({other.reason})"
    return None


def _fails_for_another(case: _Case) -> Said:
    if not case.nearer or case.blamed is not None:
        return None
    names = ", ".join(each.name for each in case.nearer)
    return "waits", f"it fails for {names} alone, which our edits do not touch"


def _is_enough(case: _Case) -> Said:
    past = [(each.takes_back.recovers, each.id, each.when) for each in case.facts.history.commits if each.takes_back]
    known = {commit: (of, when) for of, commit, when in (*case.facts.recovered, *past)}
    since = case.facts.now - WITHIN
    count = len([of for of, when in known.values() if of == case.name and when >= since])
    if count < MOST:
        return None
    return "stopped", f"{count} updates of it were taken back within a day, and no more are: somebody has to look"


_CHECKS: Sequence[Callable[[_Case], Said]] = (
    _has_another_cause,
    _is_stale,
    _failed_before,
    _clocks_cannot_tell,
    _others_changed_too,
    _cluster_is_ill,
    _fails_for_another,
    _is_enough,
    _is_frozen,
)


def _concerns(case: _Case, commit: Commit) -> bool:
    """Tell whether a commit changed what the failing object deploys, or may have where that is not known."""
    failing = case.failing
    if failing.kind == "HelmRelease":  # its values may lie in files beside it
        folders = {posixpath.dirname(each.path) for each in case.edits}
        return any(posixpath.dirname(path) in folders for path in commit.paths)
    if failing.reads is not None:
        return any(failing.deploys(path) for path in commit.paths)
    others = [other for other in case.facts.deployments if other is not failing]
    return any(failing.deploys(path) or not any(other.deploys(path) for other in others) for path in commit.paths)


def _is_touched(case: _Case, other: Deployment) -> bool:
    """Tell whether another failure may come of a change: of these edits, or of anything else since it was well."""
    history = case.facts.history
    if not other.ours:
        return other.kind == "Kustomization" and bool(other.good) and other.good != other.tried
    tried, good = history.index(other.tried), history.index(other.good)
    if other.kind == "HelmRelease":
        return any(_is_of_release(each, other) for each in case.edits) or other.good_at == 0
    if tried is None or good is None:
        return True  # it has not been well for long
    commits = history.commits[tried:good]
    return bool(commits) and (case.unclaimed or any(other.deploys(path) for c in commits for path in c.paths))
