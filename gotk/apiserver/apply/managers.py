"""`metadata.managedFields`: who owns what, read into sets and written back in upstream's order.

Answers to `apimachinery/pkg/util/managedfields/internal`: decoding, sorting, the cap on updaters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from gotk.apiserver.apply import fieldpath
from gotk.apiserver.apply.fieldpath import FieldSet

APPLY: Final = "Apply"
UPDATE: Final = "Update"
#: How many updaters an object keeps apart; the oldest ones beyond become one.
MOST_UPDATERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """What tells the entries of `managedFields` apart."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def shown(self) -> str:
        """Print as conflicts do."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


@dataclass(slots=True)
class Managed:
    """Every manager's fields, and when they last changed."""

    fields: dict[Manager, FieldSet]
    times: dict[Manager, str]

    def copy(self) -> "Managed":
        """Return an independent copy."""
        return Managed(dict(self.fields), dict(self.times))

    def everything(self) -> FieldSet:
        """Return what anybody owns."""
        return frozenset().union(*self.fields.values())

    def adopt(self, applier: Manager) -> None:
        """Let an applier keep its entry when it comes back with another version of the API."""
        for who in [w for w in self.fields if w != applier and replace(w, api_version=applier.api_version) == applier]:
            self.fields[applier] = self.fields.pop(who)
            if who in self.times:
                self.times[applier] = self.times.pop(who)


def read(obj: dict[str, Any]) -> Managed:
    """Read the entries of an object. Raises ValueError when one of them makes no sense."""
    managed = Managed({}, {})
    for entry in (obj.get("metadata") or {}).get("managedFields") or ():
        if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE):
            raise ValueError(f"operation is {entry.get('operation') if isinstance(entry, dict) else entry!r}")
        who = Manager(
            name=entry.get("manager") or "",
            operation=entry["operation"],
            api_version=entry.get("apiVersion") or "",
            subresource=entry.get("subresource") or "",
        )
        managed.fields[who] = fieldpath.parse(entry.get("fieldsV1") or {})
        if entry.get("time"):
            managed.times[who] = entry["time"]
    return managed


def read_leniently(obj: dict[str, Any]) -> Managed:
    """Read the entries of an object; when they make no sense, there are none."""
    try:
        return read(obj)
    except ValueError:
        return Managed({}, {})


def write(obj: dict[str, Any], managed: Managed) -> None:
    """Replace the entries of an object, whose metadata is its own."""
    metadata = obj["metadata"]
    entries = [_entry(who, managed) for who in sorted(managed.fields, key=lambda who: _order(who, managed))]
    if entries:
        metadata["managedFields"] = entries
    else:
        metadata.pop("managedFields", None)


def _entry(who: Manager, managed: Managed) -> dict[str, Any]:
    entry: dict[str, Any] = {"manager": who.name, "operation": who.operation, "apiVersion": who.api_version}
    if time := managed.times.get(who):
        entry["time"] = time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": fieldpath.dump(managed.fields[who])}
    if who.subresource:
        entry["subresource"] = who.subresource
    return entry


def _order(who: Manager, managed: Managed) -> tuple[str, str, str, str, str]:
    return (who.operation, managed.times.get(who, ""), who.name, who.api_version, who.subresource)


def cap(managed: Managed) -> None:
    """Merge the oldest updaters into one while there are too many."""
    updaters = sorted((w for w in managed.fields if w.operation == UPDATE), key=lambda w: _order(w, managed))
    excess = len(updaters) - MOST_UPDATERS
    if excess <= 0:
        return
    _gather(managed, updaters[: excess + 1])


def _gather(managed: Managed, oldest: Iterable[Manager]) -> None:
    for who in oldest:
        bucket = Manager(name="ancient-changes", operation=UPDATE, api_version=who.api_version)
        if who == bucket:
            continue
        paths, time = managed.fields.pop(who), managed.times.pop(who, "")
        managed.fields[bucket] = managed.fields.get(bucket, frozenset()) | paths
        managed.times[bucket] = max(time, managed.times.get(bucket, ""))
