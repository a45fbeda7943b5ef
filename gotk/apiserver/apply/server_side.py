"""Server-side apply, and the bookkeeping of every other write.

Answers to `apimachinery/pkg/util/managedfields` over structured-merge-diff's `merge/update.go`. A container whose last
field is taken out goes too; one that somebody still owns becomes null in a custom resource, as upstream has it.
"""

from dataclasses import dataclass
from typing import Any, Final

from gotk.apiserver.apply import fieldpath, fieldset, managers, typed
from gotk.apiserver.apply import merge as merging
from gotk.apiserver.apply.fieldpath import FieldSet, Path
from gotk.apiserver.apply.managers import APPLY, UPDATE, Managed, Manager
from gotk.apiserver.cause import Cause
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema.node import ANYTHING, Node

Json = dict[str, Any]
_HEAD: Final = {"apiVersion", "kind", "metadata"}
#: Which part of an object each subresource may write.
_PARTS: Final = {"status": "status"}


class ApplyConflict(Exception):
    """Fields belong to other managers (409). `causes` name them one by one."""

    def __init__(self, message: str, causes: list[Cause]) -> None:
        super().__init__(message)
        self.message = message
        self.causes = causes


class NotTyped(Exception):
    """An applied object that the schema cannot make sense of (500)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ManagedFieldsGiven(Exception):
    """An applied object that carries managedFields (400)."""

    message: Final = "metadata.managedFields must be nil"


@dataclass(frozen=True, slots=True)
class _Conflict:
    manager: Manager
    path: Path


def apply(
    live: Json | None,
    config: Json,
    *,
    manager: str,
    force: bool,
    resource: Resource,
    subresource: str,
    now: str,
) -> Json:
    """Merge what a manager wants into the live object and return the result, managedFields included.

    Nothing is changed in place. When nothing is to be changed the live object itself is returned. Raises
    ApplyConflict, NotTyped and ManagedFieldsGiven.
    """
    node = _node(resource)
    if (config.get("metadata") or {}).get("managedFields"):
        raise ManagedFieldsGiven
    config = _part(config, resource, subresource)
    _check_typed(config, node, resource)
    me = Manager(name=manager, operation=APPLY, api_version=resource.api_version, subresource=subresource)
    stored = before = Managed({}, {}) if live is None else managers.read_leniently(live)
    if live is not None and not stored.fields:
        before = _before_first_apply(live, node, resource, now)
    after = before.copy()
    after.adopt(me)
    last = after.fields.get(me, frozenset())
    mine = after.fields[me] = fieldpath.owned(fieldset.leaves(config, node))
    base = _bare({} if live is None else live)
    new = merging.merge(base, _bare(config), node)
    new = _without_dropped(new, node, last, after, nulls=resource.custom)
    comparison = fieldset.compare(base, new, node)
    _take(after, comparison, me, force=force)
    _drop_empty(after)
    if live is not None and comparison.same and after.fields == stored.fields:
        return live
    if mine:
        same = comparison.same and before.fields.get(me) == mine and me in before.times
        after.times[me] = before.times[me] if same else now
    return _with_managed(live or {}, new, after)


def track_update(
    old: Json | None,
    new: Json,
    *,
    manager: str,
    operation: str = UPDATE,
    resource: Resource,
    subresource: str,
    now: str,
) -> Json:
    """Return the new object with managedFields brought up to date after a write that was not an apply.

    Entries that the client sent are honoured: `[{}]` resets them, none or unreadable ones keep the stored.
    """
    node = _node(resource)
    given = (new.get("metadata") or {}).get("managedFields")
    stored = Managed({}, {}) if not old else managers.read_leniently(old)
    managed = _chosen(given, new, stored, subresource)
    if old and not managed.fields:
        return _with_managed(old, _bare(new), managed)
    before = _bare(old or {})
    comparison = fieldset.compare(_part(before, resource, subresource), _part(_bare(new), resource, subresource), node)
    me = Manager(name=manager, operation=operation, api_version=resource.api_version, subresource=subresource)
    changed = fieldpath.owned(comparison.modified | comparison.added)
    gone = changed | comparison.removed
    for who, paths in managed.fields.items():
        managed.fields[who] = paths - gone
    if changed:
        managed.fields[me] = managed.fields.get(me, frozenset()) | changed
        if subresource != "scale":
            managed.times[me] = now
    _drop_empty(managed)
    managers.cap(managed)
    return _with_managed(old or {}, _bare(new), managed)


def _chosen(given: Any, new: Json, stored: Managed, subresource: str) -> Managed:
    if subresource or not given:
        return stored.copy()
    if given == [{}]:
        return Managed({}, {})
    try:
        read = managers.read(new)
    except ValueError:
        return stored.copy()
    return read if read.fields else stored.copy()


def _node(resource: Resource) -> Node:
    return resource.schema.node if resource.schema is not None else ANYTHING


def _part(obj: Json, resource: Resource, subresource: str) -> Json:
    """Keep what a request to this path may write: all but status, or nothing but status."""
    if subresource in _PARTS:
        kept = {key: value for key, value in obj.items() if key in {*_HEAD, _PARTS[subresource]}}
        return {
            **kept,
            "metadata": {k: v for k, v in (obj.get("metadata") or {}).items() if k in {"name", "namespace"}},
        }
    if "status" in resource.subresources:
        return {key: value for key, value in obj.items() if key != "status"}
    return obj


def _bare(obj: Json) -> Json:
    """Leave out managedFields."""
    if "managedFields" not in (obj.get("metadata") or {}):
        return obj
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


def _check_typed(config: Json, node: Node, resource: Resource) -> None:
    found = list(typed.problems(config, node))
    if not found:
        return
    metadata = config.get("metadata") or {}
    kind = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    name = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    text = found[0] if len(found) == 1 else "errors:\n" + "\n".join(f"  {problem}" for problem in found)
    raise NotTyped(f"failed to create typed patch object ({name}; {kind}): {text}")


def _before_first_apply(live: Json, node: Node, resource: Resource, now: str) -> Managed:
    """Say that somebody owned everything before the first apply."""
    who = Manager(name="before-first-apply", operation=UPDATE, api_version=resource.api_version)
    part = _part(_bare(live), resource, "")
    paths = fieldpath.owned(fieldset.compare({}, part, node).added)
    return Managed({who: paths}, {who: now}) if paths else Managed({}, {})


def _without_dropped(obj: Json, node: Node, last: FieldSet, after: Managed, *, nulls: bool) -> Json:
    """Take out what the manager wanted before, no longer wants, and nobody else owns."""
    if not last:
        return obj
    everybody = after.everything()
    needed = {path[:depth] for path in everybody for depth in range(1, len(path) + 1)}
    dropped = fieldset.with_structs(last, node) - needed
    if not dropped:
        return obj
    result: Json = fieldset.remove(obj, node, fieldpath.owned(dropped), everybody, nulls=nulls)
    return result


def _take(after: Managed, comparison: fieldset.Comparison, me: Manager, *, force: bool) -> None:
    """Take changed fields away from other managers; without force, refuse to."""
    changed = comparison.modified | comparison.added
    found = [
        _Conflict(who, path) for who, paths in after.fields.items() if who != me for path in paths if path in changed
    ]
    if found and not force:
        raise _refusal(found)
    lost = changed | comparison.removed
    for who, paths in after.fields.items():
        if who != me:
            after.fields[who] = paths - lost


def _refusal(found: list[_Conflict]) -> ApplyConflict:
    found.sort(key=lambda c: (c.manager.name, c.manager.operation, c.manager.subresource, fieldpath.order(c.path)))
    shown = {c.manager: c.manager.shown for c in found}
    causes = [
        Cause(
            reason="FieldManagerConflict",
            message=f"conflict with {shown[conflict.manager]}",
            field=fieldpath.text(conflict.path),
        )
        for conflict in found
    ]
    if len(found) == 1:
        return ApplyConflict(f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}", causes)
    lines: list[str] = []
    for who, text in shown.items():
        lines.append(f"conflicts with {text}:")
        lines += [f"- {fieldpath.text(conflict.path)}" for conflict in found if conflict.manager == who]
    return ApplyConflict(f"Apply failed with {len(found)} conflicts: " + "\n".join(lines), causes)


def _drop_empty(managed: Managed) -> None:
    for who in [who for who, paths in managed.fields.items() if not paths]:
        del managed.fields[who]
        managed.times.pop(who, None)


def _with_managed(live: Json, new: Json, managed: Managed) -> Json:
    result = {**new, "metadata": dict(new.get("metadata") or {})}
    managers.write(result, managed)
    was = (live.get("metadata") or {}).get("managedFields")
    if was is not None and result["metadata"].get("managedFields") == was:
        result["metadata"]["managedFields"] = was
    return result
