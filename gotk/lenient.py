"""JSON that strangers wrote, read as Go's `encoding/json` reads it into a struct.

Registries, token servers, clouds and the tools that write docker configurations are made for readers in Go: `null`
leaves a field as it was, a field is found in any case of letters, unknown ones are passed over, bytes that are no UTF-8
are replaced. Beyond Go, a number may come as its own text (`"3600"`), and a byte order mark is dropped. What is unknown
in a long document costs no memory, and depth is bounded below the interpreter's limit, so that no answer ends in a
RecursionError.
"""

import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Raw

T = TypeVar("T")

#: Deeper documents are refused.
LEVELS = 500
_NULL = b"null"
_ABSENT = Raw(_NULL)
# What is longer is not looked at field by field: that costs time and memory.
_LONG = 1 << 20
_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(rb'[\[\]{}"]|\\.', re.DOTALL)
# A half of a surrogate pair without the other; an escaped backslash before it takes its meaning away.
_LONE = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Unreadable(ValueError):
    """The document is no JSON. The message quotes nothing of it."""


class Misfit(Unreadable):
    """A field holds something else, or is missing, or the document nests too deep. The message names which."""


def decode(body: bytes, shape: type[T]) -> T:
    """Read a document as a Struct or a container of them. Raises Unreadable.

    In a list a `null` becomes the empty text or zero, as in Go; in a list of anything else it is dropped. A field whose
    default is UNSET tells `null` (None) from what is absent.
    """
    if len(body) <= _LONG:
        check_depth(body)  # of a long one the decoder's own bound has to do, which is the interpreter's
    try:
        try:
            return cast("T", _read(body, shape, ""))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if isinstance(error, msgspec.ValidationError):
                raise
            return cast("T", _read(_repaired(body), shape, ""))
    except RecursionError:
        raise Misfit(f"nested deeper than {LEVELS} levels") from None
    except msgspec.DecodeError as error:
        raise Unreadable(str(error)) from None


def check_depth(body: bytes, *, levels: int = LEVELS) -> None:
    """Count the levels of a document. Raises Unreadable."""
    if body.count(b"[") + body.count(b"{") <= levels:
        return
    depth, in_text = 0, False
    for token in _TOKEN.finditer(body):
        kind = token[0]
        if kind == b'"':
            in_text = not in_text
        elif in_text or len(kind) > 1:
            continue
        elif kind in b"[{":
            depth += 1
            if depth > levels:
                raise Misfit(f"nested deeper than {levels} levels")
        else:
            depth -= 1


def _repaired(body: bytes) -> bytes:
    """Make what Go would read readable: no byte order mark, no broken UTF-8, no half of a surrogate pair."""
    text = body.removeprefix(_BOM).decode("utf-8", "replace").encode()
    return _LONE.sub(lambda found: b"\\ufffd" if len(found[0]) == 6 else found[0], text)


def _read(raw: bytes | Raw, shape: Any, path: str) -> Any:
    origin, arguments = get_origin(shape), get_args(shape)
    if origin in {Union, UnionType}:
        return _read(raw, next(each for each in arguments if each not in {NoneType, msgspec.UnsetType}), path)
    if origin is list:
        return _list(raw, arguments[0], path)
    if origin is dict:
        entries = _entries(raw, path)
        return {key: _read(each, arguments[1], _below(path, key)) for key, each in entries if not _is_null(each)}
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return _struct(raw, shape, path)
    found = _checked(lambda: msgspec.json.decode(raw, type=shape, strict=False), path)
    if isinstance(found, float) and not math.isfinite(found):
        raise Misfit(f"Expected a number - at `${path}`")
    return found


def _struct(raw: bytes | Raw, shape: type[msgspec.Struct], path: str) -> msgspec.Struct:
    known = {field.encode_name.lower(): field for field in msgspec.structs.fields(shape)}
    given: dict[str, Any] = {}
    for key, value in _named(raw, shape, path):
        field = known.get(key.lower())
        if field is None:
            continue
        if not _is_null(value):
            given[field.name] = _read(value, field.type, _below(path, field.encode_name))
        elif field.default is msgspec.UNSET:
            given[field.name] = None
    missing = [field.encode_name for field in known.values() if field.required and field.name not in given]
    if missing:
        raise Misfit(f"there is no `${_below(path, missing[0])}`")
    return shape(**given)


def _named(raw: bytes | Raw, shape: type[msgspec.Struct], path: str) -> Iterable[tuple[str, Raw]]:
    """Return the fields of an object; of a long one only those whose names are exact, for the others cost memory."""
    if memoryview(raw).nbytes <= _LONG:
        return _entries(raw, path)
    found = _checked(lambda: msgspec.json.decode(raw, type=_exact(shape) | None), path)
    fields = msgspec.structs.asdict(found).items() if found is not None else ()
    return [(name, value) for name, value in fields if value is not _ABSENT]


def _entries(raw: bytes | Raw, path: str) -> Iterable[tuple[str, Raw]]:
    return (_checked(lambda: msgspec.json.decode(raw, type=dict[str, Raw] | None), path) or {}).items()


@lru_cache(maxsize=64)
def _exact(shape: type[msgspec.Struct]) -> Any:
    """Return the shape with fields that are not looked at."""
    names = [field.encode_name for field in msgspec.structs.fields(shape)]
    return msgspec.defstruct(shape.__name__, [(name, Raw, _ABSENT) for name in names])


def _list(raw: bytes | Raw, shape: Any, path: str) -> list[Any]:
    if shape in {str, float, int}:
        found = _checked(lambda: msgspec.json.decode(raw, type=list[shape | None] | None, strict=False), path)
        return [shape() if each is None else each for each in found or ()]
    entries = _checked(lambda: msgspec.json.decode(raw, type=list[Raw] | None), path) or []
    return [_read(each, shape, f"{path}[{n}]") for n, each in enumerate(entries) if not _is_null(each)]


def _checked(read: Callable[[], Any], path: str) -> Any:
    try:
        return read()
    except msgspec.ValidationError as error:
        # Its own path begins where this part of the document does.
        said, _, inner = str(error).partition(" - at `$")
        where = path + inner.rstrip("`")
        said = said.replace(" | null", "")
        raise Misfit(f"{said} - at `${where}`" if where else said) from None


def _is_null(raw: Raw) -> bool:
    view = memoryview(raw)
    return view.nbytes == len(_NULL) and view == _NULL


def _below(path: str, key: str) -> str:
    return f"{path}.{key}"
