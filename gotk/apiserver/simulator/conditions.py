"""Conditions of workloads, which keep the time of their last change."""

from typing import Any

Json = dict[str, Any]


def find(obj: Json, kind: str) -> Json | None:
    """Return a condition of an object's status."""
    found: list[Json] = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), None)


def holds(obj: Json, kind: str) -> bool:
    """Whether a condition is True."""
    return (find(obj, kind) or {}).get("status") == "True"


def make(before: Json, kind: str, status: str, now: str, why: tuple[str, str] = ("", "")) -> Json:
    """Return a condition with reason and message; its transition time is the former one's while the status stays."""
    old = find(before, kind)
    since = old.get("lastTransitionTime", now) if old and old.get("status") == status else now
    made = {"type": kind, "status": status, "lastTransitionTime": since}
    reason, message = why
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


def touched(before: Json, made: Json, now: str) -> Json:
    """Add the time of the last update: the former one while nothing but times would differ."""
    old = find(before, made["type"])
    keys = ("status", "reason", "message")
    unchanged = old is not None and all(old.get(key) == made.get(key) for key in keys)
    made["lastUpdateTime"] = old.get("lastUpdateTime", now) if old is not None and unchanged else now
    return made
