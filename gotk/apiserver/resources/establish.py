"""The status of a CustomResourceDefinition: whether its names are free, and whether it is served.

Answers to the naming and establishing controllers of apiextensions-apiserver. Pure: the writer stores the result.
"""

from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]
_NAMES: Final = ("plural", "singular", "shortNames", "kind", "listKind", "categories")


def initial(crd: Json) -> Json:
    """Return the status that a new definition is answered with."""
    return {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": _stored(crd)}


def established(crd: Json, others: Iterable[Json], now: str) -> Json:
    """Return the status after looking at every other definition of the group; times move with the conditions."""
    status = crd.get("status") or {}
    accepted, reason, message = _accept(crd, others)
    names_free = reason is None
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    names = _condition("NamesAccepted", names_free, reason or "NoConflicts", message or "no conflicts found")
    served = {
        True: ("InitialNamesAccepted", "the initial names have been accepted"),
        False: ("NotAccepted", "not all names are accepted"),
    }
    was = (conditions.get("Established") or {}).get("status") == "True"
    conditions["NamesAccepted"] = _kept(conditions.get("NamesAccepted"), names, now)
    if not was:
        new = _condition("Established", names_free, *served[names_free])
        conditions["Established"] = _kept(conditions.get("Established"), new, now)
    stored = [*(status.get("storedVersions") or ()), *_stored(crd)]
    return {
        **status,
        "conditions": list(conditions.values()),
        "acceptedNames": accepted,
        "storedVersions": list(dict.fromkeys(stored)),
    }


def terminating(crd: Json, now: str) -> Json:
    """Return the status of a definition whose objects are being deleted."""
    status = crd.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    new = _condition("Terminating", True, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
    conditions["Terminating"] = _kept(conditions.get("Terminating"), new, now)
    return {**status, "conditions": list(conditions.values())}


def is_established(crd: Json) -> bool:
    """Whether objects of the definition are served."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)


def _stored(crd: Json) -> list[str]:
    return [v["name"] for v in crd["spec"].get("versions") or () if v.get("storage")]


def _accept(crd: Json, others: Iterable[Json]) -> tuple[Json, str | None, str]:
    """Take each requested name that nobody else of the group has; say which one is taken, and how upstream calls it."""
    spec, mine = crd["spec"], crd["metadata"]["name"]
    rest = [o for o in others if o["spec"]["group"] == spec["group"] and o["metadata"]["name"] != mine]
    theirs = [(o.get("status") or {}).get("acceptedNames") or {} for o in rest]
    plurals = {n for names in theirs for n in _resource_names(names)}
    kinds = {names.get(key) for names in theirs for key in ("kind", "listKind")} - {None, ""}
    wanted, accepted = spec["names"], dict((crd.get("status") or {}).get("acceptedNames") or {})
    problems: list[tuple[str, str]] = []
    for key in _NAMES:
        value = wanted.get(key)
        taken = kinds if key in {"kind", "listKind"} else set() if key == "categories" else plurals
        used = [name for name in (value if isinstance(value, list) else [value]) if name in taken]
        if used:
            reason = {"shortNames": "ShortNamesConflict"}.get(key, f"{key[0].upper()}{key[1:]}Conflict")
            problems += [(reason, f'"{name}" is already in use') for name in used]
        elif value:
            accepted[key] = value
        else:
            accepted.pop(key, None)
    if not problems:
        return accepted, None, ""
    return accepted, problems[0][0], "; ".join(text for _, text in problems)


def _resource_names(names: Json) -> set[str]:
    return {names.get("plural", ""), names.get("singular", ""), *(names.get("shortNames") or ())} - {""}


def _condition(kind: str, holds: bool, reason: str, message: str) -> Json:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


def _kept(old: Json | None, new: Json, now: str) -> Json:
    """Keep the time of a condition whose status stays."""
    time = old.get("lastTransitionTime", now) if old and old.get("status") == new["status"] else now
    return {
        "type": new["type"],
        "status": new["status"],
        "lastTransitionTime": time,
        "reason": new["reason"],
        "message": new["message"],
    }
