"""What is nearly a marker, what was one before, and what is too much to look into: each is said, or rightly silent."""

import pytest

from image_automation.update import events, rewrite
from image_automation.update.result import FileResult

MARKER = '# {"$imagepolicy": "ns:web"}'
LONG = '# {"$ref": "#/definitions/io.k8s.cli.setters.ns:web"}'
RIGHT = f"write {MARKER} and nothing else in the comment"


def rewritten(text: str) -> FileResult:
    return rewrite.rewrite("f.yaml", text.encode(), {"ns:web": "a:2", "ns:web:tag": "2"})


@pytest.mark.parametrize(
    "comment",
    [
        "# {'$imagepolicy': 'ns:web'}",
        "# {$imagepolicy: ns:web}",
        '# {"$imagePolicy": "ns:web"}',
        '# {"imagepolicy": "ns:web"}',
        '# {"$imagepolicy": ns:web}',
        '# {"$imagepolicy": "ns:web"',
    ],
)
@pytest.mark.parametrize("beside", ["", f"b: a:1 {MARKER}\n"], ids=["alone", "beside a marker"])
def test_a_near_miss_is_told_with_the_right_spelling(comment: str, beside: str):
    found = rewritten(f"# a comment\na: a:1 {comment}\n{beside}")
    assert [(problem.line, problem.level, problem.next_step) for problem in found.problems] == [(2, "notice", RIGHT)]
    assert len(found.changes) == bool(beside)


def test_a_near_miss_above_an_item_is_told():
    (problem,) = rewritten("a:\n# {'$imagepolicy': 'ns:web'}\n- a:1\n").problems
    assert (problem.line, problem.next_step) == (2, RIGHT)


@pytest.mark.parametrize(
    "text",
    [
        f"a:\n# image: x {MARKER}\n- y\n",
        f"#image: x {MARKER}\na: y\n",
        f"a:\n  ## - x   {MARKER}\n  b: y\n",
        "a: y\n# - image: x # {'$imagepolicy': 'ns:web'}\n",
        f"# containers:\n# - image: x {LONG}\n- b\n",
        "# image: x # {$imagepolicy: ns:web}\n",
    ],
)
@pytest.mark.parametrize("beside", ["", f"---\nb: a:1 {MARKER}\n"], ids=["alone", "beside a marker"])
def test_a_line_that_was_commented_out_is_silent(text: str, beside: str):
    found = rewritten(text + beside)
    assert found.problems == ()
    assert len(found.changes) == bool(beside)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: |\n  b: x # {$imagepolicy: ns:web}\n", id="inside a text"),
        pytest.param("a: '# {$imagepolicy: ns:web}'\n", id="inside quotes"),
        pytest.param("a: x # the $imagepolicy is set elsewhere\n", id="a word about it"),
        pytest.param("a: [\nb: x # {$imagepolicy: ns:web}\n", id="in a document that is no YAML"),
        pytest.param("{{- if .x }}\na: x # {$imagepolicy: ns:web}\n{{ end }}\n", id="in a template"),
        pytest.param("a: x # {$imagepolicy: NAMESPACE}\n", id="without a policy"),
        pytest.param("a: x # imagepolicy: see the guide\n", id="prose"),
        pytest.param('a: 3 # {"$ref": "#/definitions/io.k8s.cli.setters.replicas"}\n', id="another tool's setter"),
    ],
)
def test_what_only_looks_like_one_is_silent(text: str):
    assert rewritten(text) == FileResult("f.yaml")


def test_the_long_form_marks_where_the_file_holds_the_short_one():
    tag = LONG.replace("web", "web:tag")
    found = rewritten(f"a: a:1 {LONG}\n---\nb: a:1 {MARKER}\n---\nc: 1 {tag}\n")
    assert found.content == f'a: a:2 {LONG}\n---\nb: a:2 {MARKER}\n---\nc: "2" {tag}\n'.encode()
    assert [change.setter for change in found.changes] == ["ns:web", "ns:web", "ns:web:tag"]
    assert [change.line for change in found.changes] == [1, 3, 5]


def test_the_long_form_alone_is_told():
    found = rewritten(f"a: a:1 {LONG}\n")
    assert found.content is None
    assert [(problem.line, problem.next_step) for problem in found.problems] == [(1, f"write {MARKER}")]


FEW = events.NODE_LIMIT - 100
SHAPES = {
    "a flow list": lambda count: "x: [" + ",".join(["1"] * count) + "]\n",
    "a block list": lambda count: "x:\n" + "- 1\n" * count,
    "a mapping": lambda count: "".join(f"k{number}: 1\n" for number in range(count // 2)),
    "flow maps": lambda count: "x: [" + ",".join(["{a: 1}"] * (count // 4)) + "]\n",
    "anchors": lambda count: "x:\n" + "".join(f"- &a{number} 1\n" for number in range(count)),
    "aliases": lambda count: "b: &b 1\nx:\n" + "- *b\n" * count,
    "documents": lambda count: (
        f"---\na: a:1 {MARKER}\n" * (count // (4 + events.MARKER_COST + events.DOCUMENT_COST + 1))
    ),
    "markers": lambda count: "x:\n" + f"- a:1 {MARKER}\n" * (count // (1 + events.MARKER_COST)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_of_too_many_nodes_is_left_alone_and_one_of_fewer_is_not(shape: str):
    made = SHAPES[shape]
    assert rewritten(f"image: a:1 {MARKER}\n" + made(FEW)).changes
    found = rewritten(f"image: a:1 {MARKER}\n" + made(events.NODE_LIMIT + 100))
    assert (found.content, found.changes) == (None, ())
    (problem,) = found.problems
    assert (problem.level, problem.line) == ("notice", None)
    assert problem.cause.startswith(f"the marked documents have more than {events.NODE_LIMIT} keys, values and items")


@pytest.mark.parametrize(
    "much",
    [
        pytest.param("x: " + "y" * (2 << 20) + "\n", id="one line of 2 MB"),
        pytest.param("x: |\n" + "  y, z: [1]\n" * 200_000, id="a block scalar of 2 MB"),
        pytest.param("# x, y\n" * 300_000, id="comments of 2 MB"),
        pytest.param("---\nx: [" + ",".join(["1"] * 300_000) + "]\n", id="another document of many items"),
        pytest.param("#" * (2 << 20) + "\n", id="a comment of 2 million hashes"),
        pytest.param("# " + "#{" * (1 << 20) + "$imagepolicy: a:b\n", id="a comment of a million openings"),
    ],
)
def test_much_text_in_few_nodes_is_no_hindrance(much: str):
    found = rewritten(f"image: a:1 {MARKER}\n{much}")
    assert len(found.changes) == 1
