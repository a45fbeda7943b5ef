"""Go's structs and how Go's fmt prints them, alone and inside lists and maps, for every verb.

gotpl formats numbers and text; a verb on a list, a map or a struct goes to their parts, as in Go's fmt.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import gotpl
from gotpl.runtime import gofmt

#: The verbs that gotpl answers for lists and maps by itself.
_WHOLE = "Tp"


class _Format(Protocol):
    verb: str
    flags: str
    width: int | None
    precision: int | None


class UnknownField(gotpl.TemplateExecutionError):
    """A struct was asked for a field that it does not have."""

    def __init__(self, type_: str, field: str) -> None:
        super().__init__(f"can't evaluate field {field} in type {type_}")
        self.field = field


class Struct:
    """A Go struct as gotpl sees it: fields by its lookup hook, text by its format hook, sorted by its repr."""

    __slots__ = ("_methods", "_text", "_type", "fields", "key")

    def __init__(self, type_: str, fields: dict[str, Any], text: str | None, methods: dict[str, Any]) -> None:
        self._type = type_
        self._text = text
        self._methods = methods
        self.fields = fields
        self.key = "\0".join(str(value) for value in fields.values())

    def __gotemplate_lookup__(self, field: str) -> Any:
        if field in self.fields:
            return self.fields[field]
        if field not in self._methods:
            raise UnknownField(self._type, field)
        return self._methods[field]

    def __go_format__(self, spec: _Format) -> str:
        if spec.verb == "T":
            return self._type
        directive = _directive(spec)
        if self._text is not None:
            return gofmt.sprintf(directive.replace("v", "s"), self._text)
        if "#" in spec.flags:
            parts = (f"{name}:{shown(value, directive)}" for name, value in self.fields.items())
            return f"{self._type}{{{', '.join(parts)}}}"
        names = "+" in spec.flags and spec.verb == "v"
        parts = ((f"{name}:" if names else "") + shown(value, directive) for name, value in self.fields.items())
        return "{" + " ".join(parts) + "}"

    def __str__(self) -> str:
        return shown(self, "%v")

    def __repr__(self) -> str:
        return self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Struct) and (self._type, self.key) == (other._type, other.key)

    def __hash__(self) -> int:
        return hash((self._type, self.key))


class Parts:
    """A list or a map on its way into printf."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __go_format__(self, spec: _Format) -> str:
        directive = _directive(spec)
        if spec.verb in _WHOLE or "#" in spec.flags:
            return gofmt.sprintf(directive, self._value)
        return shown(self._value, directive)


def shown(value: Any, directive: str) -> str:
    """Format a value as Go's fmt does: the directive applies to each part of a list or map."""
    if isinstance(value, list | tuple):
        return "[" + " ".join(shown(each, directive) for each in value) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{shown(key, directive)}:{shown(each, directive)}" for key, each in ordered(value))
        return "map[" + " ".join(pairs) + "]"
    return gofmt.sprintf(directive, value) if value is not None else "<nil>"


def ordered(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Sort a map as Go does for printing."""
    return sorted(value.items(), key=lambda pair: pair[0] if isinstance(pair[0], str) else repr(pair[0]))


def _directive(spec: _Format) -> str:
    width = "" if spec.width is None else str(spec.width)
    precision = "" if spec.precision is None else f".{spec.precision}"
    return f"%{spec.flags}{width}{precision}{spec.verb}"
