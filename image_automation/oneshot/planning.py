"""A plan of a checkout: its marked files rewritten in memory, with the cause wherever nothing comes of a marker.

The work tree counts as it is, committed or not; what was taken back is read from the clone's history.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gotk.git.objects.clone import Clone
from gotk.runtime.reconciler import Reader
from image_automation import causes
from image_automation.oneshot import bumps, record
from image_automation.oneshot.choosing import SUSPENDED
from image_automation.oneshot.covering import Cover, Covering, roots
from image_automation.update import marker, rewrite, values
from image_automation.update.place import Place
from image_automation.update.proposal import Hold, Proposal
from image_automation.update.result import FileResult, Problem
from image_automation.writing import folder, rollback_guard

_NO_NAMESPACE = "no policy of namespace {namespace} is kept here"


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
    drafted = Drafted()
    for start in roots(covering.covers):
        top = root / start
        if not top.exists():
            covering.errors.append(f"there is no '{start}' in the repository, which an automation's update.path names")
            continue
        for path, before in folder.marked(top):
            name = path.relative_to(root).as_posix()
            if not any(cover.covers(name) for cover in covering.covers):
                continue
            if isinstance(before, Problem):
                drafted.results[name] = FileResult(name, problems=(before,))
                continue
            drafted.before[name] = before
            drafted.results[name] = _rewritten(name, before, covering.covers, ())
    if clone is not None and clone.head is not None:
        _hold(drafted, covering.covers, clone, clone.head)
    return drafted


def plan(drafted: Drafted, covering: Covering, objects: Reader, first_seen: bumps.FirstSeen) -> record.Plan:
    """Make the record of a draft; what it was made from besides the marked files is the caller's to add."""
    changes = [(path, change) for path, result in drafted.results.items() for change in result.changes]
    return record.Plan(
        choices=_choices(covering.covers),
        inputs={path: record.digest(content) for path, content in drafted.before.items()},
        outputs={path: record.digest(content) for path, content in drafted.edits.items()},
        bumps=bumps.steps(changes, first_seen),
        unresolved=tuple(_unresolved(drafted, covering.covers, causes.elsewhere(objects))),
        held=tuple(_held(hold) for hold in drafted.holds),
        problems=tuple(_problems(drafted, lambda problem: problem.level == "notice")),
        notes=tuple(covering.notes),
        errors=(*covering.errors, *_failures(drafted, covering.covers)),
        current=sum(result.current for result in drafted.results.values()),
    )


def _rewritten(name: str, before: bytes, covers: Sequence[Cover], held: Sequence[Place]) -> FileResult:
    setters: dict[str, str] = {}
    for cover in covers:
        if cover.covers(name):
            setters.update(cover.setters)
    return rewrite.rewrite(name, before, setters, held)


def _hold(drafted: Drafted, covers: Sequence[Cover], clone: Clone, head: str) -> None:
    """Take back what people took back: each change is judged as its automation would judge it."""
    for cover in covers:
        if cover.automation is None or cover.automation.spec.git is None:
            continue
        mine = [
            FileResult(
                path,
                content=result.content,
                changes=tuple(c for c in result.changes if c.setter.split(":")[0] == cover.namespace),
            )
            for path, result in drafted.results.items()
            if result.changes and cover.covers(path)
        ]
        author = cover.automation.spec.git.commit.author.email
        annotations = cover.automation.metadata.annotations
        found = rollback_guard.find(clone, head, Proposal(tuple(mine)), author, annotations)
        drafted.holds += [hold for hold in found if hold not in drafted.holds]
    for path, held in rollback_guard.places(drafted.holds).items():
        drafted.results[path] = _rewritten(path, drafted.before[path], covers, tuple(held))


def _choices(covers: Sequence[Cover]) -> Mapping[str, str]:
    return {
        f"{cover.namespace}/{name}": values.text(ref) for cover in covers for name, ref in cover.selected.images.items()
    }


def _unresolved(drafted: Drafted, covers: Sequence[Cover], elsewhere: causes.Elsewhere) -> Iterator[record.Loose]:
    for path, result in drafted.results.items():
        here = [cover for cover in covers if cover.covers(path)]
        for each in result.unresolved:
            if cause := _cause(each.setter, here, elsewhere):
                yield record.Loose(path=path, line=each.line, setter=each.setter, cause=cause)


def _cause(setter: str, covers: Sequence[Cover], elsewhere: causes.Elsewhere) -> str:
    if not marker.well_formed(setter):
        return causes.MALFORMED
    namespace, policy, *_ = setter.split(":")
    mine = [cover for cover in covers if cover.namespace == namespace]
    if not mine:
        return "" if elsewhere(namespace, policy) else _NO_NAMESPACE.format(namespace=namespace)
    found = [causes.why(setter, namespace, cover.selected, elsewhere) for cover in mine]
    return next((cause for cause in found if cause), "its ImagePolicy is left out by the automation's selector")


def _problems(drafted: Drafted, wanted: Callable[[Problem], bool]) -> Iterator[record.Loose]:
    for path, result in drafted.results.items():
        for problem in filter(wanted, result.problems):
            yield record.Loose(path=path, line=problem.line or 0, cause=str(problem))


def _failures(drafted: Drafted, covers: Sequence[Cover]) -> Iterator[str]:
    """Name what must be mended before a plan is whole: files that cannot be read, policies that failed to choose."""
    for each in _problems(drafted, lambda problem: problem.level == "error"):
        yield f"{each.path}:{each.line}: {each.cause}" if each.line else f"{each.path}: {each.cause}"
    followed = {setter for result in drafted.results.values() for setter in result.followed}
    policies = {":".join(setter.split(":")[:2]) for setter in followed}
    for cover in covers:
        for name, cause in cover.selected.waiting.items():
            if f"{cover.namespace}:{name}" in policies and cause != SUSPENDED:
                yield f"ImagePolicy {cover.namespace}/{name} has not chosen an image: {cause}"


def _held(hold: Hold) -> record.Held:
    change = hold.change
    return record.Held(
        path=hold.path,
        line=change.line,
        old=change.old,
        new=change.new,
        commit=hold.commit,
        by=hold.by,
        flips=hold.flips,
    )
