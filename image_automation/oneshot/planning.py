"""A plan of a checkout: its marked files rewritten in memory, with the cause wherever nothing comes of a marker.

The work tree counts as it is, committed or not; what was taken back is read from the clone's history.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gotk.git.objects.clone import Clone
from gotk.runtime.reconciler import Reader
from image_automation import report, unresolved
from image_automation.oneshot import bumps, record
from image_automation.oneshot.covering import Cover, Covering, roots
from image_automation.report import Ignored
from image_automation.update import rewrite, values
from image_automation.update.place import Place
from image_automation.update.proposal import Hold, Proposal
from image_automation.update.result import FileResult, Problem
from image_automation.writing import folder, rollback_guard


@dataclass(slots=True)
class Drafted:
    """Files as they are and as they would be, by their path in the repository."""

    before: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, FileResult] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)

    @property
    def edits(self) -> dict[str, bytes]:
        """The new bytes of each file that changes."""
        return {path: result.content for path, result in self.results.items() if result.content is not None}


def draft(root: Path, covering: Covering, clone: Clone | None) -> Drafted:
    """Rewrite the marked files of a checkout in memory. Raises OSError and the errors of `gotk.git.errors`."""
    covers = covering.covers
    marked = dict(_marked(root, covering))

    def apply(held: rollback_guard.Places) -> Proposal:
        return Proposal(tuple(_rewritten(name, found, covers, held.get(name, ())) for name, found in marked.items()))

    if clone is None or clone.head is None:
        proposal = apply({})
    else:
        proposal = rollback_guard.respected(clone, clone.head, _owners(covers), apply)
    return Drafted(
        before={name: found for name, found in marked.items() if not isinstance(found, Problem)},
        results={file.path: file for file in proposal.files},
        holds=list(proposal.holds),
    )


def plan(drafted: Drafted, covering: Covering, objects: Reader, first_seen: bumps.FirstSeen) -> record.Plan:
    """Make the record of a draft; what it was made from besides the marked files is the caller's to add."""
    changes = [(path, change) for path, result in drafted.results.items() for change in result.changes]
    return record.Plan(
        choices=_choices(covering.covers),
        inputs={path: record.digest(content) for path, content in drafted.before.items()},
        outputs={path: record.digest(content) for path, content in drafted.edits.items()},
        bumps=bumps.steps(changes, first_seen),
        unresolved=tuple(_unresolved(drafted, covering.covers, unresolved.elsewhere(objects))),
        held=tuple(report.held(hold) for hold in drafted.holds),
        problems=tuple(_problems(drafted, lambda problem: problem.level == "notice")),
        notes=tuple(covering.notes),
        errors=(*covering.errors, *_failures(drafted, covering.covers)),
        current=sum(result.current for result in drafted.results.values()),
    )


def _marked(root: Path, covering: Covering) -> Iterator[tuple[str, bytes | Problem]]:
    """Yield the marked files that an automation keeps, each once, by their path in the repository."""
    for start in roots(covering.covers):
        top = root / start
        if not top.exists():
            covering.errors.append(f"there is no '{start}' in the repository, which an automation's update.path names")
            continue
        for path, found in folder.marked(top):
            name = path.relative_to(root).as_posix()
            if any(cover.covers(name) for cover in covering.covers):
                yield name, found


def _rewritten(name: str, found: bytes | Problem, covers: Sequence[Cover], held: Collection[Place]) -> FileResult:
    if isinstance(found, Problem):
        return FileResult(name, problems=(found,))
    setters: dict[str, str] = {}
    for cover in covers:
        if cover.covers(name):
            setters.update(cover.setters)
    return rewrite.rewrite(name, found, setters, held)


def _owners(covers: Sequence[Cover]) -> Iterator[rollback_guard.Owner]:
    """Yield on whose behalf values change: each change is judged as its automation would judge it."""
    for cover in covers:
        if cover.automation is not None and cover.automation.spec.git is not None:
            email = cover.automation.spec.git.commit.author.email
            yield rollback_guard.Owner(email, cover.automation.metadata.annotations, cover.owns)


def _choices(covers: Sequence[Cover]) -> Mapping[str, str]:
    return {
        f"{cover.namespace}/{name}": values.text(ref) for cover in covers for name, ref in cover.selected.images.items()
    }


def _unresolved(drafted: Drafted, covers: Sequence[Cover], elsewhere: unresolved.Elsewhere) -> Iterator[Ignored]:
    for path, result in drafted.results.items():
        scopes = [(cover.namespace, cover.selected) for cover in covers if cover.covers(path)]
        for each in result.unresolved:
            if cause := unresolved.why_all(each.setter, scopes, elsewhere):
                yield Ignored(path=path, line=each.line, setter=each.setter, cause=cause)


def _problems(drafted: Drafted, wanted: Callable[[Problem], bool]) -> Iterator[Ignored]:
    for path, result in drafted.results.items():
        for problem in filter(wanted, result.problems):
            yield Ignored(path=path, line=problem.line or 0, cause=str(problem))


def _failures(drafted: Drafted, covers: Sequence[Cover]) -> Iterator[str]:
    """Name what must be mended before a plan is whole: files that cannot be read, policies that failed to choose."""
    for each in _problems(drafted, lambda problem: problem.level == "error"):
        yield f"{each.path}:{each.line}: {each.cause}" if each.line else f"{each.path}: {each.cause}"
    followed = {setter for result in drafted.results.values() for setter in result.followed}
    policies = {":".join(setter.split(":")[:2]) for setter in followed}
    for cover in covers:
        for name, waiting in cover.selected.waiting.items():
            if f"{cover.namespace}:{name}" in policies and not waiting.suspended:
                yield f"ImagePolicy {cover.namespace}/{name} has not chosen an image: {waiting.cause}"
