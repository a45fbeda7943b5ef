"""The law: whatever the file, only the marked scalars change, and they read back as exactly the new value.

Judged by a parser that the rewriter does not use, PyYAML's in Python: the text between scalars must be the same byte by
byte, every scalar must be written as before, and those that are not must have been marked and now mean the new value.
"""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from image_automation.update import documents, events, rewrite
from tests.laws import thorough

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
MARKER = '# {"$imagepolicy": "ns:p:tag"}'
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True) | st.sampled_from(
    ["1.20", "no", "1e5", "0x1F", "2024-01-02", "null", "", "~", "1:2", "a@sha256:0", "- x", "é", "#", "'", '"', "a\\n"]
)
BREAKS = st.sampled_from(["\n", "\r\n"])
#: Thousands of cases in parts of their own, which run beside each other.
PARTS = ("first", "second", "third", "fourth")
PART = pytest.mark.parametrize("part", PARTS)


class Scalars:
    """The scalars of a text, and what stands between them."""

    def __init__(self, text: str) -> None:
        found = [each for each in yaml.parse(text, Loader=yaml.SafeLoader) if isinstance(each, yaml.ScalarEvent)]
        self.spans = spans = [(each.start_mark.index, each.end_mark.index) for each in found]
        self.styles = [each.style for each in found]
        self.values = [each.value for each in found]
        self.sources = [text[start:end] for start, end in spans]
        edges = [0, *(edge for span in spans for edge in span), len(text)]
        self.between = [text[edges[n] : edges[n + 1]] for n in range(0, len(edges), 2)]


def check(before: bytes, tag: str) -> int:
    """Rewrite, hold the law against the result, and return how many scalars changed."""
    result = rewrite.rewrite("f.yaml", before, {"ns:p:tag": tag})
    assert not any("would have changed more" in problem.cause for problem in result.problems)
    if result.content is None:
        assert not result.changes
        return 0
    assert not result.failed
    bom = b"\xef\xbb\xbf"
    assert before.startswith(bom) == result.content.startswith(bom)
    old_text, new_text = (data.removeprefix(bom).decode() for data in (before, result.content))
    try:
        old = Scalars(old_text)
    except yaml.YAMLError:  # the other parser knows less; a broken document beside a marked one is no obstacle either
        return len(result.changes)
    new = Scalars(new_text)
    changed = [n for n, (a, b) in enumerate(zip(old.sources, new.sources, strict=True)) if a != b]
    for n, (a, b) in enumerate(zip(old.between, new.between, strict=True)):
        # A block scalar's span begins before the comment of its header; in quotes it ends there. The comment stays.
        left_over = b.removesuffix(a) if n - 1 in changed and old.styles[n - 1] in {"|", ">"} else ""
        assert left_over + a == b
        assert left_over.strip() in {"", MARKER}
    for n in changed:
        assert new.values[n] == tag
        start, end = old.spans[n]
        above = old_text.rfind("\n", 0, max(old_text.rfind("\n", 0, start), 0)) + 1
        assert MARKER in re.split("\r\n|\n", old_text[end:])[0] or MARKER in old_text[above:end]
    assert len(changed) <= len(result.changes)
    assert rewrite.rewrite("f.yaml", result.content, {"ns:p:tag": tag}).content is None
    return len(changed)


@st.composite
def marked(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """A text with markers at the ends of any lines, or on lines of their own."""
    lines = draw(texts).split("\n")
    for number in draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=4)):
        line = lines[number]
        above = draw(st.integers(0, 5)) == 0
        lead = line[: len(line) - len(line.lstrip(" "))]
        lines[number] = (
            f"{lead}{MARKER}\n{line}" if above else f"{line}{draw(st.sampled_from([' ', '   ', chr(9)]))}{MARKER}"
        )
    text = "\n".join(lines).replace("\n", draw(BREAKS))
    return (draw(st.sampled_from(["", "", "\ufeff"])) + text).encode()


@PART
@thorough(2_000 // len(PARTS))
@given(marked(st.sampled_from([path.read_text() for path in CORPUS])), TAGS)
def test_the_law_holds_for_files_as_people_write_them(part: str, data: bytes, tag: str):
    check(data, tag)


WORDS = st.sampled_from(
    ["a", "web:1.0", "x/y:2", "no", "1.20", "-x", "a b", "ü", "http://h/p#f", "{{ .x }}", "*", "&", ""]
)
PLAIN = st.sampled_from(["a", "web:1.0", "x/y:2", "no", "1.20", "-x", "a b", "ü", "http://h/p", "a#b", "~", "0x1F"])
SCALARS = st.one_of(
    PLAIN,
    WORDS.map(lambda word: "'" + word.replace("'", "''") + "'"),
    WORDS.map(lambda word: '"' + word + '"'),
    PLAIN.map(lambda word: f"!!str {word}"),
    st.tuples(st.integers(0, 9), PLAIN).map(lambda pair: f"&a{pair[0]} {pair[1]}"),
    st.lists(st.sampled_from(["a", "'b'", '"c:d"', "x/y:1"]), max_size=3).map(lambda each: f"[{', '.join(each)}]"),
    st.lists(st.sampled_from(["a", "'b'", '"c:d"']), max_size=3).map(
        lambda each: "{" + ", ".join(f"k{n}: {value}" for n, value in enumerate(each)) + "}"
    ),
)
BLOCKS = st.sampled_from(["|", ">", "|-", ">-", "|+", ">+", "|2", ">2-"])


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    """YAML in many styles: blocks, flows, scalars of every kind, comments and blank lines."""
    lines: list[str] = [draw(st.sampled_from(["", "---", "# a comment", "%YAML 1.1\n---"]))]

    def put(indent: int, depth: int) -> None:
        sequence = draw(st.booleans())
        step = draw(st.sampled_from([2, 2, 4]))
        for number in range(draw(st.integers(1, 3))):
            lead = " " * indent + ("-" + draw(st.sampled_from([" ", "   "])) if sequence else f"k{number}:" + " ")
            kind = draw(st.sampled_from(["scalar", "scalar", "block", "nested" if depth < 3 else "scalar", "flow"]))
            if kind == "scalar":
                lines.append(lead + draw(SCALARS) + draw(st.sampled_from(["", "", " # note", "  "])))
            elif kind == "block":
                text = draw(
                    st.lists(st.sampled_from(["text: x", "", "# no comment", "  more"]), min_size=1, max_size=3)
                )
                lines.append(lead + draw(BLOCKS))
                lines.extend(f"{' ' * (indent + 2)}{line}" if line else "" for line in ["first", *text])
            elif kind == "flow":
                lines.append(lead + draw(st.sampled_from(["[", "{"])))
                closing = {"[": "]", "{": "}"}[lines[-1][-1]]
                for entry in range(draw(st.integers(1, 3))):
                    value = draw(st.sampled_from(["a", "'b'", "x/y"]))
                    lines.append(" " * (indent + step) + (value if closing == "]" else f"f{entry}: {value}") + ",")
                lines.append(" " * (indent + 1) + closing)
            else:
                lines.append(lead.rstrip())
                put(indent + step, depth + 1)
            if draw(st.integers(0, 7)) == 0:
                lines.append(draw(st.sampled_from(["", "  # aside", "#"])))

    for number in range(draw(st.integers(1, 2))):
        lines += ["---"] if number else []
        put(0, 0)
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n", "\n...\n"]))


@PART
@thorough(2_000 // len(PARTS))
@given(marked(yaml_texts()), TAGS)
def test_the_law_holds_for_generated_yaml(part: str, data: bytes, tag: str):
    check(data, tag)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_every_line_of_the_corpus_can_be_marked_without_harm(path: Path):
    lines = path.read_text().split("\n")
    changed = 0
    for number in range(len(lines)):
        text = "\n".join([*lines[:number], f"{lines[number]} {MARKER}", *lines[number + 1 :]])
        changed += check(text.encode(), "9.9")
    assert changed > 0


@pytest.mark.parametrize("breaks", ["more bytes", "another value", "unreadable"])
def test_an_edit_that_would_break_the_law_leaves_the_file_alone_and_is_reported(
    breaks: str, monkeypatch: pytest.MonkeyPatch
):
    wrong = {"more bytes": "new\nother: 1", "another value": "old2", "unreadable": "[new"}[breaks]
    monkeypatch.setattr(rewrite.quoting, "write", lambda value, **_: wrong)
    data = f"a: 1\ntag: old {MARKER}\n---\nother: old {MARKER}\n".encode()
    result = rewrite.rewrite("f.yaml", data, {"ns:p:tag": "new"})
    assert (result.content, result.changes, result.failed) == (None, (), True)
    assert "more than the marked values" in result.problems[0].cause


def test_the_proof_is_another_parser_s():
    text = "a: [b, {c: 'd'}]\n"
    assert events.outline(text) == events.read(text).outline
    assert next(iter(documents.split(text.encode()))) == (0, len(text))
