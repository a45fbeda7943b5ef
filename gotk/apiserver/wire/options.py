"""Options of a request: from the query, and for deletes from the body too.

Answers to `CreateOptions`, `UpdateOptions`, `PatchOptions` and `DeleteOptions` of meta.k8s.io/v1 and their validation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gotk.apiserver import cause, status
from gotk.apiserver.resources.resource import Resource

_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan")
_MANAGER_LIMIT = 128
#: Looks at a new state, and the one before, right before it is stored; raises Refusal.
Guard = Callable[[Resource, dict[str, Any], dict[str, Any] | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """How to carry out a create, update or patch."""

    dry_run: bool = False
    manager: str = "unknown"
    validation: str = "Warn"
    force: bool = False
    guard: "Guard | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """How to carry out a delete. Empty strings: not asked for."""

    dry_run: bool = False
    propagation: str = ""
    uid: str = ""
    revision: str = ""


def write(query: Mapping[str, str], agent: str, kind: str, guard: Guard | None = None) -> Write:
    """Read the options of a write; `kind` names them in messages, `agent` stands in for a missing field manager."""
    validation = query.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        raise status.unsupported_value(kind, "fieldValidation", f'"{validation}"', _VALIDATIONS)
    manager = query.get("fieldManager", "")
    if len(manager) > _MANAGER_LIMIT:
        raise status.invalid("meta.k8s.io", kind, "", [cause.too_long("fieldManager", _MANAGER_LIMIT)])
    return Write(
        dry_run=_dry_run(query.get("dryRun"), kind),
        manager=manager or agent.split("/", 1)[0][:_MANAGER_LIMIT] or "unknown",
        validation=validation or "Warn",
        force=query.get("force", "") in {"true", "1"},
        guard=guard,
    )


def apply(query: Mapping[str, str], agent: str, guard: Guard | None = None) -> Write:
    """Read the options of a server-side apply, which wants to know the manager."""
    if not query.get("fieldManager"):
        found = cause.required("fieldManager", "is required for apply patch")
        raise status.invalid("meta.k8s.io", "PatchOptions", "", [found])
    return write(query, agent, "PatchOptions", guard)


def delete(query: Mapping[str, str], body: Mapping[str, Any]) -> Delete:
    """Read the options of a delete: the body's, else the query's."""
    preconditions, dry_run = body.get("preconditions") or {}, body.get("dryRun") or ()
    if not isinstance(preconditions, dict) or not isinstance(dry_run, list | tuple):
        raise status.bad_request("DeleteOptions: preconditions is an object and dryRun a list")
    propagation = str(body.get("propagationPolicy") or query.get("propagationPolicy") or "")
    if propagation and propagation not in _POLICIES:
        raise status.unsupported_value("DeleteOptions", "propagationPolicy", f'"{propagation}"', (*_POLICIES, "nil"))
    orphan = body.get("orphanDependents")
    if orphan is not None and not propagation:
        propagation = "Orphan" if orphan else "Background"
    return Delete(
        dry_run=_dry_run(str(dry_run[0]) if dry_run else query.get("dryRun"), "DeleteOptions"),
        propagation=propagation,
        uid=str(preconditions.get("uid") or ""),
        revision=str(preconditions.get("resourceVersion") or ""),
    )


def _dry_run(value: str | None, kind: str) -> bool:
    if value not in {None, "", "All"}:
        raise status.unsupported_value(kind, "dryRun", f'["{value}"]', ("All",))
    return value == "All"
