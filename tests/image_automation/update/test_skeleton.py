"""Documents that are read line by line come to what the parser makes of them, in every word and byte.

Files as people write them, generated ones and those of both after harm to their lines; of the latter most are no YAML
any more, or another one than they look like. What the line reader takes for granted is what these are made to break.
"""

from hypothesis import given
from hypothesis import strategies as st

from image_automation.update import documents, events, place, rewrite, skeleton, spans
from tests.image_automation.update.test_byte_law import CORPUS, MARKER, PART, PARTS, TAGS, marked, yaml_texts
from tests.laws import thorough

MOST = events.NODE_LIMIT
DEPLOYMENT = f"""---
# what runs
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "web"  # its name
  namespace: 'apps'
  labels: {{app: web, tier: [front, "end"]}}
  annotations:
    note: it's a "word", {{not}} a flow:no
    script: |-
      #!/bin/sh
      echo "$1": text # no comment

spec:
  template:
    metadata:
      name: pods
    spec:
      initContainers:
      - - nested: x
          other:
        - y
      containers:
        - name: web
          image: web:1.0.0 {MARKER}
          args: [--a, --b=c]
          env:
            - name: A
              value: http://h:1/p#f
            # aside
            - name: B
              value:
            - name: C
              value: 'c c'
              plain: c:c
            - name: D
              value: "d"
            - value: e
              kind: E
            - name: F
              value: $(D)  # of D
              last: f
          ports:
            port: 1
            name: http
            node: 2
          command:
          - --flag
          {MARKER}
          - old
      volumes: []
  empty:
"""
#: Pieces that a line may be made of, some of which are only nearly what they look like.
PIECES = {
    "indent": ["", " ", "  ", "    ", "      ", "\t"],
    "dashes": ["", "", "", "- ", "- - ", "-   ", "-", "--- "],
    "key": ["", "k:", "kind:", "name:", "metadata:", "namespace:", "a b:", "k :", "'k':", "? k", "k:x", "<<:", "-k:"],
    "value": [
        *("", " v", " 1.0", " 'q'", ' "q"', " 'it''s'", ' "\\n"', " 'open", ' "open', " -x", " - x", " a: b", " a:b"),
        *(
            " a#b",
            " #b",
            " *a",
            " &a v",
            " !t v",
            " !!str v",
            " {a: 1}",
            " []",
            " [a",
            " {}x",
            " |",
            " >-",
            " |2",
            " %v",
        ),
        *(
            " v ",
            " @v",
            " `v`",
            " ?",
            " ? v",
            " :",
            " :v",
            " ~",
            " 'q'x",
            " é",
            " \u2028v",
            " \0",
            " \x7fv",
            " v\ufffe",
            " \xa0v",
            " \ud7ff",
            " \U0001f600",
            " ---",
            " ...",
        ),
    ],
    "comment": ["", "", "", " # note", "# note", " #", f" {MARKER}", f"   {MARKER}", " # {$imagepolicy: ns:p}"],
}


@st.composite
def harmed(draw: st.DrawFn) -> bytes:
    """A marked file, some lines of which were moved in or out, dropped, doubled, or replaced."""
    source = marked(st.sampled_from([DEPLOYMENT, *(path.read_text() for path in CORPUS)]))
    lines = draw(source | marked(yaml_texts())).decode().split("\n")
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        match draw(st.integers(0, 5)):
            case 0:
                lines[number] = " " * draw(st.integers(1, 3)) + line
            case 1:
                lines[number] = line.removeprefix(" " * draw(st.integers(1, 3)))
            case 2:
                del lines[number : number + 1 if len(lines) > 1 else number]
            case 3:
                lines.insert(number, line)
            case 4:
                lines.insert(number, draw(made_lines()))
            case _:
                lines[number] = draw(made_lines())
    return "\n".join(lines).encode()


KEYS = st.sampled_from(["k", "kind", "apiVersion", "metadata", "name", "namespace", "a/b.c", "2", "k-"])
VALUES = st.sampled_from(
    [
        "v",
        "a:b",
        "x y",
        "a#b",
        "-v",
        "'q''s'",
        '"s"',
        '""',
        "~",
        "{{ x }}",
        "é",
        "{a: b, c: [d]}",
        "[]",
        "|",
        ">-",
        "*a",
    ]
)
ENDS = st.sampled_from(["", "", "", "", " # note", " ", f" {MARKER}", f" {MARKER}"])


@st.composite
def simple_texts(draw: st.DrawFn) -> bytes:
    """What is read line by line, but for an indentation now and then."""
    lines: list[str] = [*draw(st.sampled_from([[], [], ["---"], ["# note"]]))]

    def put(lead: str, indent: str, depth: int, sequence: bool) -> None:
        for _ in range(draw(st.integers(1, 3))):
            lines.extend(draw(st.sampled_from([[], [], [], [], ["  "], ["# aside"], [indent + MARKER]])))
            lead += draw(st.sampled_from([*[""] * 15, " "])) + ("- " if sequence else f"{draw(KEYS)}:")
            kind = draw(st.sampled_from(["value", "value", "value", "collection" if depth < 4 else "value", "null"]))
            if kind == "value":
                value = draw(VALUES)
                lines.append(f"{lead.rstrip()} {value}{draw(ENDS)}")
                more: list[str] = draw(st.sampled_from([[], ["  x: y", "", "  # z"], ["   - x"]]))
                lines.extend(indent + line for line in more if value[0] in "|>")
            elif kind == "collection" and sequence:
                put(lead, indent + "  ", depth + 1, draw(st.booleans()))
            elif kind == "collection":
                lines.append(lead + draw(ENDS))
                inner = draw(st.booleans())
                below = indent + draw(st.sampled_from(["  ", "    ", "" if inner else " "]))
                put(below, below, depth + 1, inner)
            else:
                lines.append(lead + draw(ENDS))
            lead = indent

    put("", "", 0, draw(st.integers(0, 4)) == 0)
    return "\n".join([*lines, *draw(st.sampled_from([[], [""], [f"k: v {MARKER}"]]))]).encode()


@st.composite
def made_lines(draw: st.DrawFn) -> str:
    """A line of pieces."""
    return "".join(draw(st.sampled_from(each)) for each in PIECES.values())


def check(data: bytes, tag: str) -> None:
    """Hold the line reader to the parser: the same result, the same places, the same scalars beside markers."""
    for setters in ({"ns:p:tag": tag}, {"ns:p:tag": "1.0.0"}, {}):
        assert rewrite.rewrite("f.yaml", data, setters) == rewrite.parsed("f.yaml", data, setters)
    for span in documents.marked(data):
        text = data[span.start : span.end].decode()
        if (found := skeleton.read(text, MOST)) is not None and events.count(text) == found.nodes:
            document = events.read(text)
            assert found.nodes == document.nodes
            places = [place.Counting() for _ in range(2)]
            for mine, theirs in zip(spans.find(found), spans.find(document), strict=True):
                if isinstance(theirs, spans.Inert) or isinstance(mine, spans.Inert):
                    assert mine == theirs
                else:
                    assert places[0].name(mine) == places[1].name(theirs)
                    assert (mine.scalar[1:8], mine.position) == (theirs.scalar[1:8], theirs.position)


@PART
@thorough(1_000 // len(PARTS))
@given(marked(st.sampled_from([DEPLOYMENT, *(path.read_text() for path in CORPUS)])), TAGS)
def test_files_as_people_write_them(part: str, data: bytes, tag: str):
    check(data, tag)


@PART
@thorough(1_000 // len(PARTS))
@given(marked(yaml_texts()), TAGS)
def test_generated_yaml(part: str, data: bytes, tag: str):
    check(data, tag)


@PART
@thorough(2_000 // len(PARTS))
@given(harmed(), TAGS)
def test_harmed_files(part: str, data: bytes, tag: str):
    check(data, tag)


@PART
@thorough(2_000 // len(PARTS))
@given(st.lists(made_lines(), max_size=8), TAGS)
def test_lines_of_pieces(part: str, lines: list[str], tag: str):
    check("\n".join([*lines, f"k: v {MARKER}"]).encode(), tag)
    check("\n".join([f"k: v {MARKER}", *lines]).encode(), tag)


@PART
@thorough(2_000 // len(PARTS))
@given(simple_texts(), TAGS)
def test_simple_texts(part: str, data: bytes, tag: str):
    check(data, tag)


def test_a_deployment_of_many_shapes_is_read_line_by_line():
    found = skeleton.read(DEPLOYMENT, MOST)
    assert found is not None
    assert found.nodes == events.read(DEPLOYMENT).nodes == events.count(DEPLOYMENT)
    assert [each.scalar.value for each in spans.find(found) if isinstance(each, spans.Marked)] == ["web:1.0.0", "old"]
    check(DEPLOYMENT.encode(), "2.0.0")


def test_a_collection_on_one_line_that_may_be_deeper_than_the_limit_is_parsed():
    deep, shallow = (f"x: {'[' * n}{']' * n}\nimage: web:1.0.0 {MARKER}\n" for n in (events.DEPTH_LIMIT + 1, 20))
    assert skeleton.read(deep, MOST) is None
    assert skeleton.read(shallow, MOST) is not None
