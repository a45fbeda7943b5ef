"""The marked files of an automation's checkout: each marked value with its line, its policy, and who wrote it last.

Values are found as the rewriter finds them, by asking it what it would change. Who wrote one is told by the history of
its place on the branch, as far as that was fetched for the guard against overruling people: no clone is made, and no
commit that is not here is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gotk.api.image import ImageUpdateAutomation
from gotk.bounded import Bounded
from gotk.git import errors as git
from gotk.git.objects.history import Past
from gotk.runtime.blocking import Limiter
from image_automation import planner, ports, selection
from image_automation.planner import CannotPlanError, Drawn, Planner
from image_automation.report import Held, Ignored
from image_automation.update import texts
from image_automation.update.lines.kinds import Kind
from image_automation.update.place import Place
from image_automation.update.proposal import place_of
from image_automation.update.result import Change, FileResult
from image_automation.writing import authorship

#: How many bytes of files are kept that were read.
_KEPT: Final = 16 << 20
#: What would be written to find a marked value, by the part of an image that is marked.
_TRIES: Final[Mapping[str, str]] = {
    "tag": "0.0.0-tried", "name": "tried.example.com/none", "digest": f"sha256:{'0' * 64}",
    "": "tried.example.com/none:0.0.0-tried",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a value: the commit, its author, and when in seconds since the epoch."""

    commit: str
    name: str
    when: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked value: where, for which setter, what it holds, and who wrote it; None before the history begins."""

    line: int
    setter: str
    value: str
    writer: Writer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file with markers: how many values are marked, and how many would change, are held, or have no effect."""

    path: str
    marks: int
    changes: int = 0
    held: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The marked files of a checkout."""

    revision: str
    commit: str
    files: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One of them: its text, its marked values, and what of it is held or has no effect."""

    revision: str
    commit: str
    content: bytes
    marks: tuple[Mark, ...]
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    ignored: tuple[Ignored, ...]


class MarkedFiles:
    """Reads the marked files of automations from their mirrors."""

    def __init__(self, *, planner: Planner, limiter: Limiter) -> None:
        self._planner = planner
        self._kept: Bounded[tuple[str, ...], tuple[bytes, tuple[Mark, ...]]] = Bounded(
            _KEPT, weigh=lambda kept: len(kept[0])
        )
        self._limiter = limiter

    async def checkout(self, automation: ImageUpdateAutomation) -> Checkout:
        """Return the files of an automation. Raises CannotPlanError, and APIError."""
        drawn = await self._planner.drawn(automation)
        found = {file.path: file for file in drawn.draft.proposal.files}
        listed = tuple(_listed(drawn, file) for _, file in sorted(found.items()))
        return Checkout(revision=drawn.plan.revision, commit=drawn.draft.commit, files=listed)

    async def open(self, automation: ImageUpdateAutomation, path: str) -> Opened | None:
        """Return one of the files, or None where it is none of them. Raises CannotPlanError, and APIError."""
        drawn = await self._planner.drawn(automation)
        file = next((each for each in drawn.draft.proposal.files if each.path == path), None)
        if file is None:
            return None
        content, marks = await self._read(drawn, path)
        found = drawn.plan.report
        return Opened(
            revision=drawn.plan.revision,
            commit=drawn.draft.commit,
            content=content,
            marks=marks,
            changes=file.changes,
            held=tuple(each for each in found.held if each.path == path),
            ignored=tuple(each for each in found.ignored if each.path == git.printable(path)),
        )

    async def _read(self, drawn: Drawn, path: str) -> tuple[bytes, tuple[Mark, ...]]:
        """Return a file and its values, which stay as they are for a commit. Raises CannotPlanError."""
        meta = drawn.manager.automation.metadata
        key = (meta.namespace, meta.name, str(meta.generation), drawn.draft.commit, path)
        kept = self._kept.get(key)
        if kept is None:
            try:
                kept = await self._limiter.run(_read, drawn, path)
            except git.Error as error:
                raise CannotPlanError(error.message) from error
            self._kept.put(key, kept)
        return kept


def _listed(drawn: Drawn, file: FileResult) -> Listed:
    found = drawn.plan.report
    held = sum(each.path == file.path for each in found.held)
    return Listed(
        path=file.path,
        marks=len(file.changes) + file.current + held + len(file.unresolved),
        changes=len(file.changes),
        held=held,
        ignored=sum(each.path == git.printable(file.path) for each in found.ignored),
    )


def _read(drawn: Drawn, path: str) -> tuple[bytes, tuple[Mark, ...]]:
    """Read a file and find out about its values. Blocks."""
    content = planner.read(drawn.manager, drawn.draft.commit, path)
    kind = _kind(drawn.manager.automation, path)
    values = marked(path, content, kind)
    written = writers(drawn.manager.repository, drawn.draft.commit, path, kind)
    marks = (Mark(each.line, each.setter, each.old, written.get(place_of(each))) for each in values)
    return content, tuple(sorted(marks, key=lambda mark: mark.line))


def _kind(automation: ImageUpdateAutomation, path: str) -> Kind | None:
    return texts.named(path) if selection.text_files(automation).patterns else None


def marked(path: str, content: bytes, kind: Kind | None) -> tuple[Change, ...]:
    """Return every marked value of a file, as the change that the rewriter would make of it."""
    followed = texts.rewritten(path, content, {}, kind=kind).followed
    tries = {setter: _TRIES[setter.split(":")[2] if setter.count(":") > 1 else ""] for setter in followed}
    return texts.rewritten(path, content, tries, kind=kind).changes


def writers(tree: ports.Versions, commit: str, path: str, kind: Kind | None) -> Mapping[Place, Writer]:
    """Return who wrote each marked value of a file last, as far as the history is here. Blocks."""
    key = kind.key if kind is not None else ""
    past = tree.history(commit, authorship.DEPTH)
    versions = [(each, _blob(tree, each.id, path)) for each in past]
    if not versions:
        return {}
    values: dict[str, Mapping[Place, str]] = {"": {}}

    def held(blob: str) -> Mapping[Place, str]:
        if blob not in values:
            values[blob] = texts.values(tree.read(blob), key)
        return values[blob]

    open_, found = dict(held(versions[0][1])), dict[Place, Writer]()
    for (after, blob), (_, older) in pairwise(versions):
        if blob == older:
            continue
        for place in [place for place, value in open_.items() if held(older).get(place) != value]:
            found[place] = _writer(after)
            del open_[place]
    if not versions[-1][0].parents:
        found |= dict.fromkeys(open_, _writer(versions[-1][0]))
    return found


def _blob(tree: ports.Versions, commit: str, path: str) -> str:
    try:
        return tree.node(commit, path).id
    except git.PathNotFound:
        return ""


def _writer(past: Past) -> Writer:
    return Writer(past.id, git.printable(authorship.name(past)), past.when)
