"""Configuration: what is read of YAML, within which bounds, and that every reader takes what is written alike."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.kustomize.building import canonical


def read(text: str | bytes) -> list[canonical.Value]:
    return canonical.read(text, canonical.Budget())


WRITTEN = {
    "text is quoted": ("a: b c", '{"a": "b c"}'),
    "what one reader takes for a boolean stays as it is": ("a: [yes, 'yes', y, on]", '{"a": [yes, "yes", y, on]}'),
    "numbers keep their spelling": ("[0x1F, 017, 1.20, 1e3, 1_000]", "[0x1F, 017, 1.20, 1e3, 1_000]"),
    "dates keep their spelling": (
        "[2001-01-01, 2001-12-14t21:59:43.10-05:00]",
        "[2001-01-01, 2001-12-14t21:59:43.10-05:00]",
    ),
    "nothing has one spelling": ("{a: , b: ~, c: Null, d: ''}", '{"a": null, "b": null, "c": null, "d": ""}'),
    "text that is tagged as text": ("[!!str 1, ! 2]", '["1", "2"]'),
    "aliases are written out": ("a: &x [1]\nb: *x", '{"a": [1], "b": [1]}'),
    "own fields win over merged ones": (
        "a: &x {k: v, z: w}\nb: {k: own, <<: *x}",
        '{"a": {"k": "v", "z": "w"}, "b": {"z": "w", "k": "own"}}',
    ),
    "the first of merged mappings wins": ("<<: [{a: x}, {a: y, b: z}]", '{"a": "x", "b": "z"}'),
    "a quoted merge key is a key": ("'<<': {a: x}", '{"<<": {"a": "x"}}'),
    "documents": ("a\n---\n---\n# nothing\n---\nb", '"a"\n---\n"b"'),
    "a byte order mark": (b"\xef\xbb\xbfa: b", '{"a": "b"}'),
    "line separators": ('"\\u2028\\u0085\\x7f"', '"\\u2028\\u0085\\u007f"'),
    "keys that are numbers": ("1: x", '{1: "x"}'),
    "empty collections": ("[{}, []]", "[{}, []]"),
}


@pytest.mark.parametrize(("text", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_it_is_written_in_one_form(text: str | bytes, expected: str) -> None:
    assert canonical.write_documents(read(text)) == expected


UNREADABLE = {
    "twin keys": ("a: 1\nb: 2\na: 3", 'line 1: key "a" already set'),
    "twin keys that are quoted": ("{a: 1, 'a': 3}", 'key "a" already set'),
    "tags of others": ("!!python/object:os.system x", "line 1: the tag"),
    "tags that change a type": ("a: !!binary aGk=", "line 1: the tag"),
    "tags of a collection": ("!!set {a}", "the tag"),
    "tags that lie": ("!!int x", "not what its tag says"),
    "an alias inside of its anchor": ("&a [*a]", "an alias of nothing that is complete"),
    "an alias of another document": ("&a x\n---\n*a", "alias"),
    "keys that are lists": ("? [a]\n: b", "a key that is no text"),
    "merging a list": ("<<: [[a]]", "merges mappings only"),
    "a bracket too many": ("a: [\n", "line 2: "),
    "another encoding": ("a: b".encode("utf-16"), "not UTF-8 text at byte 0"),
    "a control character": ("a: \x00", "a character that YAML does not allow"),
    "depth": ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
    "depth by aliases": (
        "\n".join(["- &a0 [x]", *(f"- &a{n} [*a{n - 1}]" for n in range(1, 120))]),
        "nested deeper than 100 levels",
    ),
    "a long key": ("k" * 1001 + ": v", "more than 1000 characters"),
}


@pytest.mark.parametrize(("text", "expected"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_it_is_refused(text: str | bytes, expected: str) -> None:
    with pytest.raises(canonical.Unreadable) as raised:
        read(text)
    assert expected in str(raised.value)


def test_aliases_count_for_what_they_stand_for() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 8)
    )
    budget = canonical.Budget(nodes=100_000)
    with pytest.raises(canonical.Unreadable, match="too many entries"):
        canonical.read(bomb, budget)
    assert len(read("\n".join(bomb.splitlines()[:2]))) == 1


def test_one_budget_serves_all_that_is_read() -> None:
    budget = canonical.Budget(nodes=20)
    canonical.read("[a, b, c, d, e, f, g, h, i]", budget)
    with pytest.raises(canonical.Unreadable, match="too many entries"):
        canonical.read("[a, b, c, d, e, f, g, h, i, j]", budget)
    with pytest.raises(canonical.Unreadable, match="too many entries"):
        canonical.read_json(b"[[],[],[],[],[],[],[],[],[],[]]", budget)
    with pytest.raises(canonical.Unreadable, match="too many bytes"):
        canonical.read("a: b", canonical.Budget(size=3))


def test_json_stays_json() -> None:
    text = b'{"a": [1, 2.5, true, null, "\\ud83d\\ude00/"]}'
    assert json.loads(canonical.write(canonical.read_json(text, canonical.Budget()))) == json.loads(text)
    with pytest.raises(canonical.Unreadable, match="not JSON"):
        canonical.read_json(b"{a: b}", canonical.Budget())


def test_aliases_of_a_manifest_are_counted() -> None:
    text = b"a: &a [x, x, x]\nb: &b [*a, *a]\nc: *b\n"
    nodes = 1 + 3 + 4 + 9 + 9
    canonical.check_aliases(text, most=nodes)
    canonical.check_aliases(b"\n---\n".join([text] * 5), most=nodes)
    with pytest.raises(canonical.Unreadable, match="line 3: more than 25 entries"):
        canonical.check_aliases(text, most=nodes - 1)


def test_an_alias_inside_of_what_it_stands_for_is_refused() -> None:
    with pytest.raises(canonical.Unreadable, match="line 2: an alias inside of what it stands for"):
        canonical.check_aliases(b"a: 1\ndata: &a {<<: *a}\n")


PASSED = {
    "what is not YAML": b"a: [&x, *x",
    "another encoding": "a: &a [b, *c]".encode("utf-16"),
    "names that come again": b"a: &a [x]\nb: &a [y]\nc: *a",
    "an alias of nothing": b"& *a",
    "tags of others": b"a: &a !Ref x\nb: !Sub [*a, '*']",
}


@pytest.mark.parametrize("data", PASSED.values(), ids=PASSED.keys())
def test_the_rest_of_a_manifest_is_not_looked_at(data: bytes) -> None:
    canonical.check_aliases(data)


TEXTS = {
    "a": "a",
    "'1'": "1",
    "1": None,
    "1.2.3": "1.2.3",
    "2024-01-01": "2024-01-01",
    "yes": None,
    "~": None,
    "[]": None,
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_a_name_is_text_for_every_reader(text: str, expected: str | None) -> None:
    assert canonical.as_text(read(f"- {text}")[0][0]) == expected  # type: ignore[index]


TREES = st.recursive(
    st.text(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
)


@given(TREES)
def test_what_is_written_reads_as_it_was(tree: canonical.Value) -> None:
    written = canonical.write(tree)
    assert "\n" not in written
    assert yaml.load(written, Loader=yaml.CSafeLoader) == tree
    assert json.loads(written) == tree
    assert read(written) == [tree]


@given(st.text(alphabet="-+.0123456789eExXoObB_~yYnNtTfF<>{}[]:,#&*!|'\"%@ \n\tainlrsuo"))
def test_writing_again_changes_nothing(text: str) -> None:
    try:
        values = read(text)
    except canonical.Unreadable:
        return
    written = canonical.write_documents(values)
    assert canonical.write_documents(read(written)) == written
