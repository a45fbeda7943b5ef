"""A plan of a checkout: its marked files rewritten in memory, with the cause wherever nothing comes of a marker.

The work tree counts as it is, committed or not; what was taken back is read from the clone's history.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from gotk.git.objects.clone import Clone
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Reader
from image_automation import bumps, gatekeeping, report, unresolved
from image_automation.gating import chain
from image_automation.gating.chain import Gate
from image_automation.oneshot import record
from image_automation.oneshot.covering import Cover, Covering, name_of, roots
from image_automation.report import Ignored
from image_automation.update import setter as setters
from image_automation.update import texts, values
from image_automation.update.lines.kinds import Kind
from image_automation.update.place import Place
from image_automation.update.proposal import Grant, Hold, Proposal
from image_automation.update.result import FileResult, Problem
from image_automation.writing import folder, rollback_guard


@dataclass(slots=True)
class _Marked:
    """A marked file with its bytes, or why it cannot be looked into, and the parts of the checkout that it is in.

    A link may bring it into parts that its own path is not in. `kind` is what kind of text it is, None for YAML.
    """

    path: str
    content: bytes | Problem
    kind: Kind | None
    covers: list[Cover] = field(default_factory=list)


@dataclass(slots=True)
class Drafted:
    """Files as they are and as they would be, by their path in the repository."""

    before: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, FileResult] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    covers: dict[str, list[Cover]] = field(default_factory=dict)

    @property
    def edits(self) -> dict[str, bytes]:
        """The new bytes of each file that changes."""
        return {path: result.content for path, result in self.results.items() if result.content is not None}


def draft(root: Path, covering: Covering, clone: Clone | None, now: datetime) -> Drafted:
    """Rewrite the marked files of a checkout in memory. Raises OSError and the errors of `gotk.git.errors`.

    An automation whose own annotations are wrong is an error of the covering; its changes are shown all the same.
    """
    covers = covering.covers
    marked = _marked(root, covering)

    def apply(held: chain.Places) -> Proposal:
        return Proposal(tuple(_rewritten(found, held.get(name, ())) for name, found in marked.items()))

    gates = list(_gates(covering, marked, now))
    if clone is not None and clone.head is not None:
        gates.insert(0, rollback_guard.gate(clone, clone.head, _owners(covers, marked)))
    proposal = chain.respected(apply, gates)
    return Drafted(
        before={name: file.content for name, file in marked.items() if not isinstance(file.content, Problem)},
        results={file.path: file for file in proposal.files},
        holds=list(proposal.holds),
        grants=list(_grants(covers, proposal, now)),
        covers={name: file.covers for name, file in marked.items()},
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


def _marked(root: Path, covering: Covering) -> dict[str, _Marked]:
    """Return the marked files that an automation keeps, by their path in the repository."""
    marked: dict[str, _Marked] = {}
    for start in roots(covering.covers):
        top = root / start
        if not top.exists():
            covering.errors.append(f"there is no '{start}' in the repository, which an automation's update.path names")
            continue
        # What is YAML, be it by a link, is no text file.
        for found in sorted(folder.marked(top, root, kind=partial(_kind, root, covering)), key=_is_text):
            name = found.name.relative_to(root).as_posix()
            path = found.path.relative_to(root).as_posix() if found.path.is_relative_to(root) else name
            covers = [
                cover for cover in covering.covers if cover.covers(name) and (found.kind is None or cover.kind(name))
            ]
            known = marked[path] if path in marked else _Marked(path, found.content, found.kind)
            if not covers or known.kind != found.kind:
                continue
            marked[path] = known
            known.covers += [cover for cover in covers if cover not in known.covers]
    return marked


def _kind(root: Path, covering: Covering, path: Path) -> Kind | None:
    """Return what kind of text a file is, where an automation looks into it as such."""
    name = path.relative_to(root).as_posix()
    return next((kind for cover in covering.covers if cover.covers(name) and (kind := cover.kind(name))), None)


def _is_text(found: folder.Found) -> bool:
    return found.kind is not None


def _rewritten(found: _Marked, held: Collection[Place]) -> FileResult:
    if isinstance(found.content, Problem):
        return FileResult(found.path, problems=(found.content,))
    setters: dict[str, str] = {}
    for cover in found.covers:
        setters.update(cover.setters)
    return texts.rewritten(found.path, found.content, setters, held, kind=found.kind)


def _owners(covers: Sequence[Cover], marked: Mapping[str, _Marked]) -> Iterator[rollback_guard.Owner]:
    """Yield on whose behalf values change: each change is judged as its automation would judge it."""
    for cover in covers:
        if cover.automation is not None and cover.automation.spec.git is not None:
            yield rollback_guard.Owner(cover.automation, partial(_owns, cover, marked))


def _gates(covering: Covering, marked: Mapping[str, _Marked], now: datetime) -> Iterator[Gate]:
    """Yield the gates of every part, each for what is its automation's."""
    for cover in covering.covers:
        try:
            gates = gatekeeping.of(cover.automation, cover.namespace, cover.selected, now)
        except Stalled as error:
            name = name_of(cover.automation) if cover.automation else cover.namespace
            covering.errors.append(f"ImageUpdateAutomation {name}: {error.message}")
            continue
        yield from (chain.only(gate, partial(_owns, cover, marked)) for gate in gates)


def _grants(covers: Sequence[Cover], proposal: Proposal, now: datetime) -> Iterator[Grant]:
    for cover in covers:
        yield from gatekeeping.granted(cover.automation, cover.namespace, cover.selected, proposal, now).grants


def _owns(cover: Cover, marked: Mapping[str, _Marked], path: str, setter: str) -> bool:
    """Tell whether a change of a file is made for a policy of a part's automation."""
    return cover in marked[path].covers and setter.partition(":")[0] == cover.namespace


def _choices(covers: Sequence[Cover]) -> Mapping[str, str]:
    return {
        f"{cover.namespace}/{name}": values.text(ref) for cover in covers for name, ref in cover.selected.images.items()
    }


def _unresolved(drafted: Drafted, covers: Sequence[Cover], elsewhere: unresolved.Elsewhere) -> Iterator[Ignored]:
    for path, result in drafted.results.items():
        scopes = [(cover.namespace, cover.selected) for cover in drafted.covers.get(path, covers)]
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
    policies = {setters.parse(each).key for each in followed}
    for cover in covers:
        for name, waiting in cover.selected.waiting.items():
            if f"{cover.namespace}:{name}" in policies and not waiting.suspended:
                yield f"ImagePolicy {cover.namespace}/{name} has not chosen an image: {waiting.cause}"
