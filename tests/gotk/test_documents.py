"""YAML as Kubernetes reads it."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk import documents

SCALARS: dict[str, Any] = {
    "yes": True,
    "Off": False,
    "y": True,
    '"yes"': "yes",
    "22:22": "22:22",
    "2001-01-01": "2001-01-01",
    "0o17": 15,
    "017": 15,
    "08": 8,
    "0x1F": 31,
    "0b11": 3,
    "1_000": 1000,
    "1e3": 1000,
    "1.50": 1.5,
    ".5": 0.5,
    "-7": -7,
    "+7": 7,
    "1e400": "1e400",
    "9" * 400: "9" * 400,
    "9" * 5000: "9" * 5000,
    "0o" + "7" * 5000: "0o" + "7" * 5000,
    "0" + "7" * 21: (1 << 63) - 1,
    "0" + "7" * 23: 7.777777777777778e22,
    "0" + "7" * 5000: "0" + "7" * 5000,
    "1.2.3": "1.2.3",
    "18446744073709551615": 18446744073709551615,
    "~": None,
    "Null": None,
    "=": "=",
    "0abc": "0abc",
    "!!str 5": "5",
    "!!binary aGk=": "hi",
}


@pytest.mark.parametrize(("text", "expected"), SCALARS.items(), ids=[text[:20] for text in SCALARS])
def test_scalar(text: str, expected: Any) -> None:
    (document,) = documents.load(f"a: {text}\n")
    assert document["a"] == expected
    assert type(document["a"]) is type(expected)


def test_keys_are_text() -> None:
    assert documents.load("{1: a, true: b, null: c, 1.5: d}") == [{"1": "a", "true": "b", "null": "c", "1.5": "d"}]


def test_a_merge_may_be_overridden() -> None:
    assert documents.load("a: &a {x: 1, z: 2}\nb: {<<: *a, x: 3}")[0]["b"] == {"x": 3, "z": 2}


def test_empty_documents_are_left_out() -> None:
    assert documents.load("---\n# nothing\n---\na: 1\n---\n") == [{"a": 1}]


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
REFUSED = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", 'line 3: key "a" already set'),
    "infinity": ("a: 1\nb: .inf\n", "line 2: not a finite number"),
    "deep flow": ("[" * 200_000, "line 1: nested deeper than 1000 levels"),
    "deep sequences": ("- " * 200_000 + "a", "line 1: nested deeper than 1000 levels"),
    "aliases without end": (BOMB, "aliases unfold to more than 2000000 nodes"),
    "an alias to itself": ("a: &a [*a]", "aliases unfold to more than 2000000 nodes"),
    "tab": ("a:\n\tb: 1", "line 2: found character that cannot start any token"),
    "list as a key": ("{[1]: 2}", "a key is neither text nor a number"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: str, expected: str) -> None:
    with pytest.raises(documents.DocumentError) as raised:
        documents.load(text)
    assert str(raised.value) == expected


def test_objects_are_never_made() -> None:
    assert documents.load("a: !!python/object/apply:os.getcwd []") == [{"a": []}]


@given(st.text(max_size=200))
def test_any_text_gives_documents_or_an_error(text: str) -> None:
    with contextlib.suppress(documents.DocumentError):
        documents.load(text)


def test_a_text_has_no_more_nodes_than_an_object_can_have() -> None:
    one = "[" + "a," * 9 + "a]"
    documents.check_size(one, document=11)
    with pytest.raises(documents.DocumentError, match="line 1: one object has more than 10 entries"):
        documents.check_size(one, document=10)
    many = "\n---\n".join([one] * 3)
    documents.check_size(many, document=11, most=33)
    with pytest.raises(documents.DocumentError, match="line 5: the objects have more than 32 entries"):
        documents.check_size(many, document=11, most=32)


def test_a_manifest_of_millions_of_nodes_is_refused_before_it_is_read() -> None:
    with pytest.raises(documents.DocumentError, match="one object has more than 300000 entries"):
        documents.load("a: [" + "x," * 300_000 + "]")


def test_a_key_may_come_twice_where_that_is_said() -> None:
    assert documents.load("a: 1\nb: {c: 1, c: 2}\na: 3\n", later_wins=True) == [{"a": 3, "b": {"c": 2}}]
