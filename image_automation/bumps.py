"""Changed values as steps between versions, which is how people think of them: `web: 1.4.2 -> 1.4.3 (patch)`."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from gotk.runtime.clock import rfc3339
from gotk.semver import Version
from image_automation.update.result import Change, ObjectIdentifier


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A value that would change."""

    path: str
    line: int
    setter: str
    old: str
    new: str
    object: str = ""


class Bump(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A policy's step from one version to another, and the values it changes.

    `level` is major, minor, patch, prerelease, older or digest; empty where versions cannot be compared. `first_seen`
    (RFC 3339) is when the tag was seen first, where that is known.
    """

    policy: str
    old: str
    new: str
    level: str = ""
    first_seen: str = ""
    places: tuple[Place, ...] = ()


#: When a policy's tag was first seen, where that is known.
FirstSeen = Callable[[str, str], datetime | None]

_IMAGE = re.compile(r"(?P<name>.*?)(?::(?P<tag>[^/:@]+))?(?:@(?P<digest>[^@]+))?", re.DOTALL)
_SHORT = 12
_LEVELS = ("major", "minor", "patch")


def steps(changes: Iterable[tuple[str, Change]], first_seen: FirstSeen) -> tuple[Bump, ...]:
    """Group changes, given with their paths, by policy and step."""
    found: dict[tuple[str, str, str], list[Place]] = {}
    parts: list[tuple[str, Place]] = []
    for path, change in changes:
        name, place = f"{change.names.namespace}/{change.names.policy}", _place(path, change)
        if (step := _step(change)) is None:
            parts.append((name, place))
        else:
            found.setdefault((name, *step), []).append(place)
    for name, place in parts:
        at_home = [key for key in found if key[0] == name]
        key = at_home[0] if len(at_home) == 1 else (name, _short(place.old), _short(place.new))
        found.setdefault(key, []).append(place)
    return tuple(_bump(*key, places, first_seen) for key, places in sorted(found.items()))


def level(old: str, new: str) -> str:
    """Say how far one version is from another; empty where they cannot be compared."""
    if old.partition("@")[0] == new.partition("@")[0] and "@" in old + new:
        return "digest"
    try:
        before, after = Version.parse(old), Version.parse(new)
    except ValueError:
        return "digest" if "sha256:" in new else ""
    if after.key == before.key:
        return ""
    if after.key < before.key:
        return "older"
    numbers = zip(
        _LEVELS, (before.major, before.minor, before.patch), (after.major, after.minor, after.patch), strict=True
    )
    return next((name for name, old_number, new_number in numbers if old_number != new_number), "prerelease")


def described(identifier: ObjectIdentifier) -> str:
    """Name an object as `kind/namespace/name`; empty where there is none."""
    return "/".join(filter(None, (identifier.kind, identifier.namespace, identifier.name)))


def _bump(policy: str, old: str, new: str, places: Iterable[Place], first_seen: FirstSeen) -> Bump:
    seen = first_seen(policy, new)
    return Bump(
        policy=policy,
        old=old,
        new=new,
        level=level(old, new),
        first_seen=rfc3339(seen) if seen else "",
        places=tuple(places),
    )


def _step(change: Change) -> tuple[str, str] | None:
    """Return the versions that a change is between; None where it changes only a name or a digest."""
    part = change.names.part
    if part == "tag":
        return change.old, change.new
    if part:
        return None
    old, new = _IMAGE.fullmatch(change.old), _IMAGE.fullmatch(change.new)
    assert old is not None
    assert new is not None
    if old["tag"] != new["tag"]:
        return old["tag"] or change.old, new["tag"] or change.new
    if old["name"] == new["name"]:
        return _with_digest(old["tag"], old["digest"]), _with_digest(new["tag"], new["digest"])
    return change.old, change.new


def _with_digest(tag: str | None, digest: str | None) -> str:
    return f"{tag or ''}@{_short(digest)}" if digest else tag or ""


def _short(value: str) -> str:
    algorithm, colon, digest = value.partition(":")
    return f"{algorithm}:{digest[:_SHORT]}" if colon and len(digest) >= 32 else value


def _place(path: str, change: Change) -> Place:
    return Place(
        path=path,
        line=change.line,
        setter=change.setter,
        old=change.old,
        new=change.new,
        object=described(change.object),
    )
