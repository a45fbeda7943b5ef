"""The proposal that gives marked values back what they had: exactly these places, whatever else their files hold.

It goes through the rewriter, whose edits are proven: no byte outside of the places changes, and what others changed in
the same files since stays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from image_automation import ports
from image_automation.recovering.past_edits import At
from image_automation.update import texts
from image_automation.update.place import Place
from image_automation.update.proposal import Proposal, place_of
from image_automation.update.result import FileResult


class LeftAloneError(ValueError):
    """A value cannot be given back: the message names the file and why."""


def proposal(tree: ports.Versions, tip: str, values: Mapping[At, str]) -> Proposal:
    """Make the proposal over a commit. Raises LeftAloneError, and the errors of `gotk.git.errors`."""
    files: dict[str, dict[Place, str]] = {}
    for at, value in values.items():
        files.setdefault(at.path, {})[at.place] = value
    return Proposal(tuple(_restored(path, tree.read(tree.node(tip, path).id), files[path]) for path in sorted(files)))


def _restored(path: str, data: bytes, values: Mapping[Place, str]) -> FileResult:
    """Write values into places, in one pass for each value of a setter: the rewriter knows one value for a setter."""
    result = FileResult(path)
    kind = texts.named(path)
    for setter, value, mine in _passes(values):
        others = frozenset(texts.values(data, kind.key if kind else "")) - mine
        done = texts.rewritten(path, data, {setter: value}, others, kind=kind)
        data = data if done.content is None else done.content
        result = replace(result, content=data, changes=result.changes + done.changes, problems=done.problems)
    wrong = next((each for each in result.problems if each.level == "error"), None)
    if wrong is not None or {place_of(change) for change in result.changes} != set(values):
        raise LeftAloneError(f"{path}: {wrong or 'a marked value is not there any more'}")
    return replace(result, problems=())


def _passes(values: Mapping[Place, str]) -> Iterator[tuple[str, str, frozenset[Place]]]:
    groups: dict[tuple[str, str], set[Place]] = {}
    for where, value in values.items():
        groups.setdefault((where.setter, value), set()).add(where)
    for (setter, value), mine in groups.items():
        yield setter, value, frozenset(mine)
