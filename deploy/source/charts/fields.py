"""Structs out of what strangers wrote: every field read by its type, with the field's name where it is not of it. Pure.

Answers to how Go decodes what `sigs.k8s.io/yaml` made of a text: unknown fields are passed over, null is no value, and
a number or a word may stand for text.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from deploy.source.charts import text

T = TypeVar("T", bound=msgspec.Struct)
Reader = Callable[[Any], Any]


class Malformed(ValueError):
    """A field that is not of its type. The message names it."""


def struct(kind: type[T], value: Any, **always: Any) -> T:
    """Make a struct of a mapping; `always` are fields that have a value even where the mapping has none.

    The struct's `readers` read the fields, by their name on the wire, that their type alone does not say how to read.
    Raises Malformed, and what the readers raise.
    """
    found = dict(always)
    given = mapping(value)
    for name, key, reader in _plan(kind):
        raw = given.get(key)
        if raw is None:
            continue
        try:
            found[name] = reader(raw)
        except (Malformed, text.Unreadable) as error:
            raise Malformed(f"{key}: {error}") from None
    return kind(**found)


@functools.cache
def _plan(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Reader], ...]:
    """Return each field of a struct, its name on the wire and what reads it."""
    readers: Mapping[str, Reader] = getattr(kind, "readers", {})
    return tuple(
        (info.name, info.encode_name, readers.get(info.encode_name) or _BY_TYPE[info.type])
        for info in msgspec.structs.fields(kind)
    )


def clean(value: Any) -> str:
    """Return printable text: every blank is a space, and what cannot be seen is gone. Raises Unreadable."""
    found = text.text(value)
    if found.isprintable():
        return found
    return "".join(" " if sign.isspace() else sign for sign in found if sign.isspace() or sign.isprintable())


def mapping(value: Any) -> dict[str, Any]:
    """Return a map. Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed("is not a map")
    return value


def sequence(value: Any) -> list[Any]:
    """Return a list. Raises Malformed."""
    if not isinstance(value, list):
        raise Malformed("is not a list")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts as they stand. Raises Malformed and Unreadable."""
    return tuple(text.text(each) for each in sequence(value))


def cleaned(value: Any) -> tuple[str, ...]:
    """Return a list of printable texts. Raises Malformed and Unreadable."""
    return tuple(clean(each) for each in sequence(value))


def text_map(value: Any) -> dict[str, str]:
    """Return a map of texts. Raises Malformed and Unreadable."""
    return {key: text.text(each) for key, each in mapping(value).items()}


def flag(value: Any) -> bool:
    """Return yes or no. Raises Malformed."""
    if not isinstance(value, bool):
        raise Malformed("is neither true nor false")
    return value


_BY_TYPE: dict[Any, Reader] = {str: clean, bool: flag, tuple[str, ...]: cleaned}
