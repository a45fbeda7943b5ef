"""Helm's `--set` language; the expected answers are those of Helm's own parser."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.helm.values import set_syntax
from deploy.helm.values.set_syntax import SetError

ANSWERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a=b", {}, {"a": "b"}),
    ("a=null,f=false,t=TRUE", {}, {"a": None, "f": False, "t": True}),
    ("a=1,b=2,", {}, {"a": 1, "b": 2}),
    ("a=,b=x", {}, {"a": "", "b": "x"}),
    ("a=", {}, {"a": ""}),
    ("a=1\\", {}, {"a": 1}),
    ("a=00009,b=0,c=-5,d=+7,e=1.5", {}, {"a": "00009", "b": 0, "c": -5, "d": 7, "e": "1.5"}),
    ("a=9223372036854775807,b=9223372036854775808", {}, {"a": 9223372036854775807, "b": "9223372036854775808"}),
    (r"a=one\,two,b=three\=four", {}, {"a": "one,two", "b": "three=four"}),
    ("a=b=c", {}, {"a": "b=c"}),
    (r"some\.dotted\.key=x", {}, {"some.dotted.key": "x"}),
    ("a.b.c=x,a.d=y", {}, {"a": {"b": {"c": "x"}, "d": "y"}}),
    ("a.b=", {}, {"a": {"b": ""}}),
    ("a.", {}, {}),
    ("a={x,y},b={1,true,null,}", {}, {"a": ["x", "y"], "b": [1, True, None, ""]}),
    ("a={}", {}, {"a": [""]}),
    ("a[0]=x", {}, {"a": ["x"]}),
    ("a[0]=", {}, {"a": [""]}),
    ("a[0]", {}, {"a": []}),
    ("a[2]=x", {"a": [1]}, {"a": [1, None, "x"]}),
    ("a[0].b=x,a[0].c=y", {}, {"a": [{"b": "x", "c": "y"}]}),
    ("a[1].b=x", {}, {"a": [None, {"b": "x"}]}),
    ("a[0].b=x", {"a": [7]}, {"a": [{"b": "x"}]}),
    ("a[1][1]=x", {}, {"a": [None, [None, "x"]]}),
    ("a[0][1][0].b=x", {"a": [[[{"c": 1}]]]}, {"a": [[[{"c": 1}], [{"b": "x"}]]]}),
    ("a.b=new", {"a": {"b": "old", "c": 1}}, {"a": {"b": "new", "c": 1}}),
    ("=x", {}, {}),
    ("", {}, {}),
]  # fmt: skip
REFUSED = [
    ("a", {}),
    ("a,b=1", {}),
    ("a=1,,,,b=2", {}),
    ("a=1,b", {}),
    ("a.=b", {}),
    ("a={1,2", {}),
    ("a[-1]=x", {}),
    ("a[x]=1", {}),
    ("a[0", {}),
    ("a[0]b=x", {}),
    ("a[65537]=x", {}),
    ("a.b=x", {"a": "text"}),
    ("a.b=x", {"a": None}),
    ("a[0]=x", {"a": {}}),
    ("a[0][0]=x", {"a": ["text"]}),
    (".".join(["a"] * 40) + "=x", {}),
    ("]={}].", {}),
]


@pytest.mark.parametrize(("line", "values", "expected"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_a_line_changes_values_as_with_helm(line: str, values: dict[str, Any], expected: dict[str, Any]) -> None:
    values = copy.deepcopy(values)
    set_syntax.put(values, line, as_text=False)
    assert json.dumps(values, sort_keys=True) == json.dumps(expected, sort_keys=True)  # 1 is not true


@pytest.mark.parametrize("text", ["1234567890", "true", "null", "0", "1.0"])
def test_text_stays_text_where_it_is_meant_to(text: str) -> None:
    values: dict[str, Any] = {}
    set_syntax.put(values, f"a={text},b={{{text}}}", as_text=True)
    assert values == {"a": text, "b": [text]}


@pytest.mark.parametrize(("line", "values"), REFUSED)
def test_what_helm_refuses_is_refused(line: str, values: dict[str, Any]) -> None:
    with pytest.raises(SetError):
        set_syntax.put(copy.deepcopy(values), line, as_text=False)


def test_no_message_holds_any_of_the_text() -> None:
    for line in (
        "password=hunter,hunter",
        "a\\=hunter",
        "a=x,hunter[y]=1",
        "a=x,hunter[0]z=1",
        "a=x,b[0]=1,b.hunter=2",
    ):
        with pytest.raises(SetError) as raised:
            set_syntax.put({}, line, as_text=False)
        assert "hunter" not in str(raised.value)


@pytest.mark.parametrize(
    "line", [",".join(f"a{n}[65536]=x" for n in range(100)), "a" + "[0]" * 5000 + "=x", "a" + "[0].b" * 5000 + "=x"]
)
def test_a_line_cannot_fill_the_memory_or_the_stack(line: str) -> None:
    with pytest.raises(SetError, match=r"lists (would grow|are nested)"):
        set_syntax.put({}, line, as_text=False)


@given(st.text(alphabet="ab01.,=[]{}\\ -+é"), st.booleans())
def test_any_text_is_taken_or_refused(line: str, as_text: bool) -> None:
    with contextlib.suppress(SetError):
        set_syntax.put({"a": {"b": [1]}}, line, as_text=as_text)
