"""Text that nests or unfolds without end is refused before it can hurt the process."""

import pytest
import yaml

from gotk import nesting

DEEP = {
    "flow sequences": "a: " + "[" * 100_000 + "]" * 100_000,
    "flow sequences that stay open": "a: " + "[" * 100_000,
    "flow mappings": "a: " + "{b: " * 100_000,
    "sequences on one line": "- " * 100_000 + "x",
    "blocks": "\n".join(" " * n + "a:" for n in range(1500)),
    "behind carriage returns": "a:\r" + "- " * 100_000 + "x",
    "in the second document": "a: 1\n---\n" + "- " * 100_000 + "x",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_text_is_refused(text: str):
    with pytest.raises(nesting.TooDeep, match="nested deeper than 1000 levels"):
        nesting.load(text)


def test_a_thousand_levels_are_read():
    (found,) = nesting.load("[" * 1000 + "]" * 1000)
    depth = 0
    while found:
        found, depth = found[0], depth + 1
    assert depth == 999


UNFOLDING = {
    "aliases of aliases": "a0: &a0 [lol]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
    "an alias to itself": "a: &a [*a]\n",
    "a mapping within itself": "a: &a {b: *a}\n",
}


@pytest.mark.parametrize("text", UNFOLDING.values(), ids=UNFOLDING)
def test_aliases_that_unfold_without_end_are_refused(text: str):
    with pytest.raises(nesting.TooDeep):
        nesting.load(text)


def test_merges_of_merges_do_not_multiply():
    text = "m0: &m0 {x: 1, y: 2}\n" + "".join(
        f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}], z{n}: {n}}}\n" for n in range(1, 40)
    )
    (found,) = nesting.load(text)
    assert found["m39"] == {"x": 1, "y": 2, **{f"z{n}": n for n in range(1, 40)}}


@pytest.mark.parametrize(
    "text",
    [
        "a: {<<: {x: 1}, x: 2}",
        "b: &b {x: 1}\nc: &c {x: 3, y: 2}\na: {<<: [*b, *c], z: 1}",
        "b: &b {x: 1}\na: {x: 0, <<: *b}",
        "b: &b {? [1] : 2}\nc: 1",
        "a: 1\n---\nb: 2\n",
        "",
        "\ufeffa: é",
    ],
)
def test_ordinary_text_reads_as_ever(text: str):
    if "?" in text:
        with pytest.raises(yaml.YAMLError):
            nesting.load(text)
        return
    assert nesting.load(text.encode()) == list(yaml.load_all(text, yaml.CSafeLoader))


def test_bytes_that_are_no_text_are_no_yaml():
    with pytest.raises(yaml.YAMLError, match="not UTF-8"):
        nesting.load(b"a: \xff")
