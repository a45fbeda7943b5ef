"""What had no effect in a run, said once: markers without a policy, markers in the wrong place, files left alone.

Flux is silent about all of them. An event names what is wrong in this automation's own namespace, and comes again only
when something new turns up. Markers of other namespaces, and of policies that exist but are not selected or have not
chosen yet, may be right: they are counted in the log.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gotk.git import errors as git
from gotk.runtime.reconciler import Key, Run
from image_automation.selection import Selection
from image_automation.update import marker
from image_automation.update.result import FileResult, Unresolved

REASON = "MarkersIgnored"
_MOST = 10


class Remarks:
    """Remembers, while the process lives, what was said about each automation."""

    def __init__(self) -> None:
        self._said: dict[Key, frozenset[str]] = {}

    def say(self, key: Key, run: Run[Any], files: Iterable[FileResult], selected: Selection) -> None:
        """Emit an event and log lines for what is new."""
        files = list(files)
        found = sorted(set(_wrong(key.namespace, files, selected)))
        elsewhere = sum(not _is_wrong(each, key.namespace, selected) for file in files for each in file.unresolved)
        news = frozenset(found) - self._said.get(key, frozenset())
        self._said[key] = frozenset(found)
        if not news:
            return
        for text in found[:_MOST]:
            run.log.warning("marker or file without effect", what=text)
        if elsewhere:
            run.log.info("markers of other policies", count=elsewhere)
        more = f"\nand {len(found) - _MOST} more" if len(found) > _MOST else ""
        run.event("Warning", REASON, "no effect:\n" + "\n".join(found[:_MOST]) + more)

    def forget(self, key: Key) -> None:
        """Forget an automation that is gone."""
        self._said.pop(key, None)


def _wrong(namespace: str, files: Iterable[FileResult], selected: Selection) -> Iterator[str]:
    for file in files:
        for problem in file.problems:
            where = f"{file.path}:{problem.line}" if problem.line else file.path
            yield git.printable(f"{where}: {problem}")
        for each in file.unresolved:
            if _is_wrong(each, namespace, selected):
                yield git.printable(f"{file.path}:{each.line}: marker '{each.setter}': {each.reason}")


def _is_wrong(each: Unresolved, namespace: str, selected: Selection) -> bool:
    if not marker.well_formed(each.setter):
        return True
    where, policy, *_ = each.setter.split(":")
    return where == namespace and policy not in selected.known
