"""Laws of the rewriter over generated files, and hostile inputs."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from image_automation.update import rewrite

MARKER = '# {"$imagepolicy": "ns:p:tag"}'
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True) | st.sampled_from(
    ["1.20", "no", "1e5", "", "~"]
)
STYLES = st.sampled_from(["{}", "'{}'", '"{}"', "&a{n} {}", "!!str '{}'", "&b{n} !!str {}x"])
NOISE = st.sampled_from(
    [
        "plain: text",
        "# a comment",
        "",
        "other: [a, b]",
        "text: |\n  tag: x " + MARKER,
        "é: ü # ö",
        "empty:",
        "q: 'it''s'",
    ]
)
BREAKS = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int]:
    """A file of entries, some marked, and how many are."""
    lines, marked = [], 0
    for n in range(draw(st.integers(1, 8))):
        if draw(st.booleans()):
            noise = draw(NOISE)
            lines.append(f"n{n}-{noise}" if ":" in noise else noise)
            continue
        value = draw(st.from_regex(r"[a-z][a-z0-9.]{0,8}", fullmatch=True))
        written = draw(STYLES).replace("{n}", str(n)).replace("{}", value)
        lines.append(
            f"k{n}:{draw(st.sampled_from([' ', '   ']))}{written}{draw(st.sampled_from([' ', chr(9), '    ']))}{MARKER}"
        )
        marked += 1
    text = draw(st.sampled_from(["", "\ufeff", "---\n"])) + "\n".join(lines).replace("\n", draw(BREAKS))
    return (text + draw(st.sampled_from(["", "\n", "\n\n\n"]))).encode(), marked


@given(files(), TAGS)
def test_every_marked_scalar_reads_back_as_the_value_and_nothing_else_changes(file: tuple[bytes, int], tag: str):
    data, marked = file
    result = rewrite.rewrite("f.yaml", data, {"ns:p:tag": tag})
    content = data if result.content is None else result.content
    assert not result.failed
    before, after = yaml.load(data, yaml.CSafeLoader), yaml.load(content, yaml.CSafeLoader)
    assert sum(1 for key in after or {} if key.startswith("k")) == marked
    assert (after or {}) == {key: tag if key.startswith("k") else value for key, value in (before or {}).items()}


@given(files(), TAGS)
def test_no_byte_outside_a_marked_scalar_changes(file: tuple[bytes, int], tag: str):
    data, _ = file
    content = rewrite.rewrite("f.yaml", data, {"ns:p:tag": tag}).content or data
    needle = MARKER.encode()

    def without_values(raw: bytes) -> list[bytes]:
        return [
            line[: line.index(b":")] + line[len(line[: line.index(needle)].rstrip()) :]
            if line.startswith(b"k") and needle in line
            else line
            for line in raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        ]

    assert without_values(content) == without_values(data)
    assert content.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")


@given(files(), TAGS)
def test_rewriting_twice_is_rewriting_once(file: tuple[bytes, int], tag: str):
    data, _ = file
    once = rewrite.rewrite("f.yaml", data, {"ns:p:tag": tag}).content or data
    assert rewrite.rewrite("f.yaml", once, {"ns:p:tag": tag}).content is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_make_it_raise(noise: bytes, position: int):
    data = noise[:position] + b'x: y # {"$imagepolicy": "ns:p:tag"}\n' + noise[position:]
    result = rewrite.rewrite("f.yaml", data, {"ns:p:tag": "1.20"})
    assert result.content is None or result.changes


@example("! ", 2)
@example("a: ! ", 5)
@given(st.text(alphabet="ab:-#{}[],&*!|>'\"%@ \n\t?.", max_size=60), st.integers(0, 60))
def test_no_yaml_like_text_makes_it_raise_or_change_more_than_meant(noise: str, position: int):
    text = noise[:position] + MARKER + noise[position:]
    result = rewrite.rewrite("f.yaml", text.encode(), {"ns:p:tag": "1.20"})
    assert not any("would have changed more" in problem.cause for problem in result.problems)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param("[" * 100_000 + MARKER, "nested deeper than 256 levels", id="deep flow nesting"),
        pytest.param(
            "\n".join(" " * n + "a:" for n in range(3000)) + f" b {MARKER}", "nested deeper", id="deep blocks"
        ),
        pytest.param("".join(f"%TAG !a{n}! x\n" for n in range(9999)) + f"---\na: b {MARKER}", "%TAG", id="directives"),
        pytest.param(f"a: \x00 {MARKER}", "control characters are not allowed", id="a NUL"),
        pytest.param(f"a: !<!> 1 {MARKER}\nb: [", "the YAML cannot be read", id="broken"),
    ],
)
def test_absurd_files_are_refused(body: str, cause: str):
    result = rewrite.rewrite("f.yaml", body.encode(), {"ns:p:tag": "1"})
    assert result.failed
    assert result.content is None
    assert cause in result.problems[0].cause


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("%x\n" + "\n" * 5000 + "a: b\n---\n", id="blank lines after a directive"),
        pytest.param("a: &x " + "\n" * 200_000 + "  b\n", id="blank lines after an anchor"),
        pytest.param("a: |\n" + " \n" * 200_000 + "  b\n", id="blank lines in a block"),
        pytest.param("---\n" * 100_000, id="empty documents"),
        pytest.param("a: b\r" * 50_000, id="bare carriage returns"),
    ],
)
def test_monotonous_files_are_read(before: str):
    result = rewrite.rewrite("f.yaml", f"{before}tag: old {MARKER}\n".encode(), {"ns:p:tag": "new"})
    assert len(result.changes) == 1


def test_a_document_of_aliases_to_aliases_costs_no_more_than_its_text():
    laughs = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))
    result = rewrite.rewrite("f.yaml", f"{laughs}tag: old {MARKER}\n".encode(), {"ns:p:tag": "new"})
    assert result.content == f"{laughs}tag: new {MARKER}\n".encode()


def test_duplicate_keys_and_foreign_tags_are_no_obstacle():
    text = f"a: 1\na: !!python/object:os.system {{}}\ntag: old {MARKER}\n"
    assert rewrite.rewrite("f.yaml", text.encode(), {"ns:p:tag": "new"}).content == text.replace("old", "new").encode()


def test_a_file_that_was_joined_of_others_may_begin_with_several_byte_order_marks():
    for mark in ("\ufeff", "\ufeff" * 2, "\ufeff" * 3):
        data = f"{mark}a: > {MARKER}\n  old\nb: old {MARKER}\n".encode()
        result = rewrite.rewrite("f.yaml", data, {"ns:p:tag": "new"})
        assert result.content == data.replace(b"old", b"new").replace(b">", b">-")


def test_many_markers_in_one_document_are_all_written():
    data = "".join(f"k{n}: old {MARKER}\n" for n in range(20_000)).encode()
    result = rewrite.rewrite("f.yaml", data, {"ns:p:tag": "new"})
    assert len(result.changes) == 20_000


def test_a_broken_neighbour_document_does_no_harm():
    text = f"a: [\n---\ntag: old {MARKER}\n---\n{{{{ template }}}}: }}\n"
    assert rewrite.rewrite("f.yaml", text.encode(), {"ns:p:tag": "new"}).content == text.replace("old", "new").encode()


def test_one_unreadable_marked_document_leaves_the_whole_file_alone():
    text = f"tag: old {MARKER}\n---\na: [\ntag: old {MARKER}\n"
    result = rewrite.rewrite("f.yaml", text.encode(), {"ns:p:tag": "new"})
    assert result.content is None
    assert result.changes == ()
    assert [problem.line for problem in result.problems] == [5]
