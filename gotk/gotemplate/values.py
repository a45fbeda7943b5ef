"""The data of a template: text, numbers, lists, maps, and structs as Go has them.

Unlike a map a struct has fixed fields: asking for another one is an error that names it, as in Go. Values travel to the
rendering process as JSON in which maps keep keys that are structs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

Value: TypeAlias = Union[str, int, "Struct", Sequence["Value"], Mapping["str | Struct", "Value"], None]


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct: its type's name, its fields in order, how it prints where that is special, what methods answer."""

    type: str
    fields: tuple[tuple[str, Value], ...]
    text: str | None = None
    methods: tuple[tuple[str, Value], ...] = ()


def encode(value: Value) -> Any:
    """Turn a value into JSON values."""
    if isinstance(value, Struct):
        fields = [[name, encode(field)] for name, field in value.fields]
        methods = [[name, encode(each)] for name, each in value.methods]
        return {"struct": value.type, "fields": fields, "text": value.text, "methods": methods}
    if isinstance(value, Mapping):
        return {"map": [[encode(key), encode(each)] for key, each in value.items()]}
    if isinstance(value, str | int | None):
        return value
    return [encode(each) for each in value]
