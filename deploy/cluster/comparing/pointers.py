"""JSON pointers (RFC 6901) into objects: look a value up, take it out, put it in. What is not there is no error."""

from typing import Any

_NOTHING: Any = object()


def segments(pointer: str) -> tuple[str, ...] | None:
    """Return the parts of a pointer; None for one that points at nothing, such as one without a leading slash."""
    if not pointer.startswith("/"):
        return None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def find(value: Any, parts: tuple[str, ...]) -> tuple[bool, Any]:
    """Return whether there is a value, and the value."""
    for part in parts:
        value = _inner(value, part)
        if value is _NOTHING:
            return False, None
    return True, value


def remove(value: Any, parts: tuple[str, ...]) -> None:
    """Take a value out, in place."""
    there, parent = find(value, parts[:-1])
    if not there or not parts or _inner(parent, parts[-1]) is _NOTHING:
        return
    if isinstance(parent, dict):
        del parent[parts[-1]]
    else:
        del parent[int(parts[-1])]


def put(value: Any, parts: tuple[str, ...], new: Any) -> None:
    """Put a value in, in place, where what it is in is there."""
    there, parent = find(value, parts[:-1])
    if not there or not parts:
        return
    if isinstance(parent, dict):
        parent[parts[-1]] = new
    elif _inner(parent, parts[-1]) is not _NOTHING:
        parent[int(parts[-1])] = new


def _inner(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, _NOTHING)
    if isinstance(value, list) and part.isascii() and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return _NOTHING
