"""Strangers' JSON: read as a permissive reader reads it, refused with the field's name and never with its content."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gotk import lenient
from tests.damage import damaged


class Inner(msgspec.Struct):
    name: str = ""
    count: float = 1.5


class Outer(msgspec.Struct, rename="camel"):
    token: str = ""
    expires_in: float = 60
    names: list[str] = []
    inners: list[Inner] = []
    by_host: dict[str, Inner] = {}
    one: Inner | None = None
    told: list[str] | msgspec.UnsetType | None = msgspec.UNSET


class Needed(msgspec.Struct):
    token: str
    inner: Inner


WHOLE = Outer(
    token="t",
    expires_in=3600,
    names=["a", ""],
    inners=[Inner(name="x")],
    by_host={"q.io": Inner(count=2)},
    one=Inner(),
    told=["1"],
)
SPELLINGS: dict[str, bytes] = {
    "plainly": b'{"token":"t","expiresIn":3600,"names":["a",""],"inners":[{"name":"x"}],'
    b'"byHost":{"q.io":{"count":2}},"one":{},"told":["1"]}',
    "in other letters": b'{"Token":"t","EXPIRESIN":3600,"Names":["a",""],"inners":[{"NAME":"x"}],'
    b'"byhost":{"q.io":{"Count":2}},"one":{},"told":["1"]}',
    "with nulls": b'{"token":"t","expiresIn":3600,"names":["a",null],"inners":[null,{"name":"x","count":null}],'
    b'"byHost":{"r.io":null,"q.io":{"name":null,"count":2}},"one":{"name":null},"told":["1"],"more":null}',
    "with numbers as texts": b'{"token":"t","expiresIn":"3600","names":["a",""],"inners":[{"name":"x","count":"1.5"}],'
    b'"byHost":{"q.io":{"count":"2"}},"one":{},"told":["1"]}',
    "behind a byte order mark": b'\xef\xbb\xbf{"token":"t","expiresIn":3600,"names":["a",""],"inners":[{"name":"x"}],'
    b'"byHost":{"q.io":{"count":2}},"one":{},"told":["1"]}',
    "with unknown and broken things": b'{"\xff":"\xff\xfe","x":[[{"y":[1e999,"\\ud800"]}]],"token":"t",'
    b'"expiresIn":3600,"names":["a",""],"inners":[{"name":"x","z":{}}],"byHost":{"q.io":{"count":2}},"one":{},"told":["1"]}',
    "twice": b'{"token":"s","token":"t","expiresIn":1,"expiresIn":3600,"names":["a",""],"inners":[{"name":"x"}],'
    b'"byHost":{"q.io":{"count":9},"q.io":{"count":2}},"one":{},"told":["1"]}',
}


@pytest.mark.parametrize("body", SPELLINGS.values(), ids=SPELLINGS)
def test_a_document_may_be_spelt(body: bytes):
    assert lenient.decode(body, Outer) == WHOLE


@pytest.mark.parametrize("body", [b"null", b" null\n", b"{}", b'{"token":null,"names":null,"inners":null,"one":null}'])
def test_null_is_absent(body: bytes):
    assert lenient.decode(body, Outer) == Outer()


def test_where_it_matters_null_and_absent_are_told_apart():
    assert lenient.decode(b'{"told":null}', Outer).told is None
    assert lenient.decode(b"{}", Outer).told is msgspec.UNSET


def test_broken_text_is_replaced_as_go_replaces_it():
    body = b'{"names":["\xff","\\ud800","\\udc00 ","\\ud83d\\ude00","\\\\ud800","\xed\xa0\x80"]}'
    assert lenient.decode(body, Outer).names == ["�", "�", "� ", "😀", "\\ud800", "���"]


REFUSED: dict[str, tuple[type, bytes, str]] = {
    "a number for a text": (Outer, b'{"token":7}', "Expected `str`, got `int` - at `$.token`"),
    "a text for a number": (Outer, b'{"expiresIn":"hunter2"}', "Expected `float`, got `str` - at `$.expiresIn`"),
    "no number": (Outer, b'{"expiresIn":"nan"}', "Expected a number - at `$.expiresIn`"),
    "no end": (Outer, b'{"expiresIn":"inf"}', "Expected a number - at `$.expiresIn`"),
    "too large a number": (Outer, b'{"expiresIn":1e999}', "Number out of range - at `$.expiresIn`"),
    "a number in a list": (Outer, b'{"names":["hunter2",null,2]}', "Expected `str`, got `int` - at `$.names[2]`"),
    "a text in a list of objects": (Outer, b'{"inners":[{},""]}', "Expected `object`, got `str` - at `$.inners[1]`"),
    "a list for an object": (Outer, b'{"one":[]}', "Expected `object`, got `array` - at `$.one`"),
    "an object for a list": (Outer, b'{"names":{}}', "Expected `array`, got `object` - at `$.names`"),
    "something deep": (Outer, b'{"byHost":{"q":{"name":true}}}', "Expected `str`, got `bool` - at `$.byHost.q.name`"),
    "another document": (Outer, b"[]", "Expected `object`, got `array`"),
    "nothing where something is needed": (Needed, b'{"token":"t"}', "there is no `$.inner`"),
    "null where something is needed": (Needed, b'{"token":null,"inner":{}}', "there is no `$.token`"),
    "no JSON": (Outer, b"<html>hunter2", "JSON is malformed: invalid character (byte 0)"),
    "NaN": (Outer, b'{"expiresIn":NaN}', "JSON is malformed: invalid character (byte 13)"),
    "nothing": (Outer, b"", "Input data was truncated"),
    "more than one document": (Outer, b"{} {}", "JSON is malformed: trailing characters (byte 4)"),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_named_and_not_shown(shape: type, body: bytes, message: str):
    with pytest.raises(lenient.Unreadable) as raised:
        lenient.decode(body, shape)
    assert str(raised.value) == message


def nested(levels: int, *, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return b'{"x":' + opening * levels + b"1" + closing * levels + b',"token":"t"}'


@pytest.mark.parametrize(
    "body",
    [
        nested(lenient.LEVELS),
        nested(1_000_000),
        nested(lenient.LEVELS, opening=b'{"a":', closing=b"}"),
        nested(500_000, opening=b'[{"a":', closing=b"}]"),
        b"[" * 1_000_000,
        b'{"token":' * 100_000,
        b'{"x":"\\"' + b'","y":[' * 1000,
    ],
    ids=["one too many", "a million", "objects", "both", "without an end", "in a known field", "behind a quote"],
)
def test_a_deep_document_is_refused_with_its_bound(body: bytes):
    with pytest.raises(lenient.Misfit, match=r"^nested deeper than 500 levels$"):
        lenient.decode(body, Outer)


def test_brackets_that_do_not_nest_are_not_counted():
    assert lenient.decode(nested(lenient.LEVELS - 1), Outer).token == "t"
    wide = b'{"x":[' + b"[]," * 10_000 + b'[]],"y":"' + b"[" * 10_000 + b'\\"[[","token":"t"}'
    assert lenient.decode(wide, Outer).token == "t"


def test_a_long_document_is_read_too_and_its_unknown_fields_are_passed_over():
    junk = b",".join(b'"k%d":[null]' % number for number in range(100_000))
    found = lenient.decode(b'{"token":"t",' + junk + b',"names":["a",null]}', Outer)
    assert (found.token, found.names, found.told) == ("t", ["a", ""], msgspec.UNSET)
    assert lenient.decode(b'{"told":null,' + junk + b"}", Outer).told is None


KEYS = st.sampled_from(["token", "Token", "expiresIn", "names", "inners", "byHost", "one", "told", "name", "count"])
TEXTS = st.sampled_from(["", "t", "3600", "nan", "é", "\ud800"])
NUMBERS = st.integers(-10, 10_000) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
INNERS = st.dictionaries(st.sampled_from(["name", "Name", "x"]), st.none() | TEXTS, max_size=3) | st.fixed_dictionaries(
    {}, optional={"name": TEXTS, "count": NUMBERS | st.none(), "x": VALUES}
)
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "x": VALUES,
        "token": st.none() | TEXTS,
        "Token": st.none() | TEXTS,
        "expiresIn": st.none() | NUMBERS | st.just("3600"),
        "names": st.none() | st.lists(st.none() | TEXTS),
        "inners": st.none() | st.lists(st.none() | INNERS, max_size=3),
        "byHost": st.none() | st.dictionaries(TEXTS.filter(str.isascii), st.none() | INNERS, max_size=3),
        "ONE": st.none() | INNERS,
        "told": st.none() | st.lists(st.none() | TEXTS),
    },
)


class Unfit(Exception):
    """The reference finds something of another type."""


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number(value: Any) -> float:
    if value == "3600":
        return 3600.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit
    return float(value)


def items(value: Any, type_: type) -> Any:
    if not isinstance(value, type_):
        raise Unfit
    return value.items() if type_ is dict else value


def texts(value: Any) -> list[str]:
    return ["" if each is None else text(each) for each in items(value, list)]


def inner(value: Any) -> Inner:
    known = {"name": text, "count": number}
    found = [(key.lower(), each) for key, each in items(value, dict) if each is not None]
    return Inner(**{key: known[key](each) for key, each in found if key in known})


def reference(document: Any) -> Outer:
    """Read a document that `json` has read as the shape says, value by value. Raises Unfit."""
    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "token": ("token", text),
        "expiresin": ("expires_in", number),
        "names": ("names", texts),
        "inners": ("inners", lambda value: [inner(each) for each in items(value, list) if each is not None]),
        "byhost": ("by_host", lambda value: {k: inner(v) for k, v in items(value, dict) if v is not None}),
        "one": ("one", inner),
        "told": ("told", texts),
    }
    given: dict[str, Any] = {}
    for key, value in items(document, dict):
        name, reader = readers.get(key.lower(), ("", text))
        if name and value is not None:
            given[name] = reader(value)
        elif name == "told":
            given[name] = None
    return Outer(**given)


@given(FITTING | st.dictionaries(KEYS, VALUES, max_size=6), st.booleans())
def test_a_document_is_read_as_a_permissive_reader_reads_it(document: dict[str, Any], ascii_only: bool):
    body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        expected = reference(json.loads(body.decode("utf-8", "replace")))
    except Unfit:
        with pytest.raises(lenient.Misfit):
            lenient.decode(body, Outer)
        return
    assert lenient.decode(body, Outer) == expected


@given(damaged(st.sampled_from([body.decode("latin-1") for body in SPELLINGS.values()])))
@example("[" * 5000)
@example('{"x":"' + "\\" * 5001)
def test_a_damaged_document_is_read_or_refused_in_words(text: str):
    try:
        lenient.decode(text.encode("latin-1", "replace"), Outer)
    except lenient.Unreadable as error:
        assert str(error)  # noqa: PT017 - or no error
