"""What strangers write, as plain values."""

import pytest

from deploy.source.charts import text


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("", None, id="nothing at all is no value"),
        pytest.param("a: 1.10\nb: '1.10'\nc: yes", {"a": 1.1, "b": "1.10", "c": True}, id="words as in Kubernetes"),
        pytest.param("1: one\ntrue: two", {"1": "one", "true": "two"}, id="every key is text"),
        pytest.param("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="an alias stands for what it names"),
        pytest.param("a: &x {b: 1}\nd: {<<: *x, c: 2}", {"a": {"b": 1}, "d": {"b": 1, "c": 2}}, id="merged"),
        pytest.param(
            "a: &x {p: 1, q: 1}\nb: &y {p: 2, q: 2, r: 2}\nc: {<<: [*x, *y], q: 3, <<: {r: 4, s: 4}}",
            {"a": {"p": 1, "q": 1}, "b": {"p": 2, "q": 2, "r": 2}, "c": {"p": 1, "q": 3, "r": 2, "s": 4}},
            id="what is said itself wins over what is merged, and what is merged first over the rest",
        ),
        pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="of JSON's repeated keys the last one counts, as in Go"),
        pytest.param("{a: 1}", {"a": 1}, id="what begins like JSON may be YAML"),
        pytest.param("2024-01-02: 2024-01-02", {"2024-01-02": "2024-01-02"}, id="a date stays text"),
    ],
)  # fmt: skip
def test_text_is_read(written: str, value: object) -> None:
    assert text.read(written.encode()) == value


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


WIDE = "a: &a {" + ", ".join(f"k{n}: 0" for n in range(400)) + "}\n"
LISTED = "l: &l [" + ", ".join(["*a"] * 600) + "]\n"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        pytest.param("a: 1\na: 2", 'line 2: key "a" already set', id="a repeated key"),
        pytest.param("a: [", "line 2: did not find expected node content", id="an open bracket"),
        pytest.param("[" * 200 + "]" * 200, "nested deeper than 100 levels", id="nesting without end"),
        pytest.param('{"a":' * 200 + "1" + "}" * 200, "nested deeper than 100 levels", id="the same in JSON"),
        pytest.param(BOMB, "aliases unfold to more than", id="aliases that unfold to billions"),
        pytest.param(WIDE + LISTED + "b: {<<: *l}", "line 3: merge keys unfold to more than 200000 nodes", id="merges"),
        pytest.param(
            f"e: &a {{}}\n{LISTED}b: {{{'<<: *l, ' * 400}}}",
            "line 3: merge keys unfold to more than 200000 nodes",
            id="merges of nothing",
        ),
        pytest.param("a: {<<: [1]}", "line 1: map merge requires map or sequence of maps", id="a merge of no map"),
        pytest.param("a: &x [*x]", "line 1: an alias of nothing", id="an alias of itself"),
        pytest.param("a: !!python/object:os.system x", "line 1: a tag that stands for no plain value", id="a tag"),
        pytest.param("a: 1\n---\nb: 2", "line 2: a second document", id="a second document"),
        pytest.param("? [a]\n: 1", "line 1: a key is neither text nor a number", id="a list for a key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(written: str, complaint: str) -> None:
    with pytest.raises(text.Unreadable) as raised:
        text.read(written.encode())
    assert complaint in str(raised.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(text.Unreadable, match="not UTF-8: invalid start byte at byte 3"):
        text.read(b"a: \xff")


@pytest.mark.parametrize(("value", "meant"), [(1, "1"), (1.5, "1.5"), (True, "true"), (None, ""), ("x", "x")], ids=repr)
def test_what_is_meant_as_text_may_be_spelt_otherwise(value: object, meant: str) -> None:
    assert text.text(value) == meant
