"""Markers in text files: which word of which line is replaced in each kind of file, and what is said where none is."""

from typing import Any

import pytest

from image_automation.update import texts
from image_automation.update.lines import kinds
from image_automation.update.result import FileResult

DIGEST, FFF = "sha256:" + "0a" * 32, "sha256:" + "f" * 64
SETTERS = {
    "ns:app": "ghcr.io/o/app:2.0",
    "ns:app:tag": "2.0",
    "ns:app:name": "ghcr.io/o/app",
    "ns:app:digest": DIGEST,
    "ns:pinned": f"ghcr.io/o/app:2.0@{DIGEST}",
    "ns:chart:tag": "2.0.0+build.7",
    "ns:app2": "ghcr.io/o/app",
    "ns:bare:digest": "",
}


def mark(setter: str) -> str:
    return f'{{"$imagepolicy": "{setter}"}}'


IMAGE, TAG, NAME, DIG = mark("ns:app"), mark("ns:app:tag"), mark("ns:app:name"), mark("ns:app:digest")


def rewritten(path: str, text: str) -> FileResult:
    return texts.rewritten(path, text.encode("latin-1"), SETTERS, kind=kinds.of(path))


UPDATED = [
    # what it is, file, text, old value, new value
    ("a stage", "Dockerfile", f"# {IMAGE}\nFROM a/app:1 AS b\n", "a/app:1", "ghcr.io/o/app:2.0"),
    (
        "its digest, too",
        "Dockerfile",
        f"# {IMAGE}\nFROM --p=l/amd64 aa:1@{DIGEST}",
        f"aa:1@{DIGEST}",
        "ghcr.io/o/app:2.0",
    ),
    ("a build argument", "Dockerfile", f"# {TAG}\nARG V=1.0\n", "1.0", "2.0"),
    (
        "an image to copy from",
        "Dockerfile",
        f"  # {IMAGE}\n  COPY --from=a/app:1 /x /y",
        "a/app:1",
        "ghcr.io/o/app:2.0",
    ),
    ("HCL behind a hash", "main.tf", f'image = "a/app:1" # {IMAGE}', "a/app:1", "ghcr.io/o/app:2.0"),
    ("HCL behind slashes", "main.tf", f'tag = "1" // {TAG}', "1", "2.0"),
    ("HCL in a comment with an end", "main.tf", f'tag = "1" /* {TAG} */\n', "1", "2.0"),
    ("HCL on the line above", "main.tf", f'# {TAG}\ndefault = "1"\n', "1", "2.0"),
    ("CUE", "app.cue", f'image: *"a/app:1" | string // {IMAGE}', "a/app:1", "ghcr.io/o/app:2.0"),
    ("CUE with its keys on one line", "app.cue", f'web: image: tag: "1" // {TAG}', "1", "2.0"),
    ("KCL", "main.k", f"tag: str = '1' # {TAG}", "1", "2.0"),
    ("an environment", ".env", f"IMAGE=a/app:1 # {IMAGE}\r\n", "a/app:1", "ghcr.io/o/app:2.0"),
    ("the default of a variable", "run.sh", f'TAG="${{TAG:-1}}" # {TAG}', "1", "2.0"),
    ("ports are no image", "run.sh", f'run -p 80:80 "${{I:-a/app:1}}" # {IMAGE}', "a/app:1", "ghcr.io/o/app:2.0"),
    ("an option of a command that goes on", "run.sh", f"# {TAG}\n  --set image.tag=1 \\\n", "1", "2.0"),
    ("a word of a text", "run.sh", f"sh -c 'docker pull a/app:1' # {IMAGE}", "a/app:1", "ghcr.io/o/app:2.0"),
    ("a Makefile", "Makefile", f"TAG ?= 1 # {TAG}", "1", "2.0"),
    ("a digest among others", "a.toml", f'x = {{ n = "x", digest = "sha256:{"f" * 64}" }} # {DIG}', FFF, DIGEST),
    ("a name", "a.ini", f"name = docker.io/app ; {NAME}", "docker.io/app", "ghcr.io/o/app"),
    ("JSON5", "a.json5", f"  tag: '1', // {TAG}", "1", "2.0"),
    ("a comma behind the comment", "a.jsonc", f'  "tag": "1" /* {TAG} */,', "1", "2.0"),
    ("a unit", "web.container", f"# {IMAGE}\nImage=a/app:1\n", "a/app:1", "ghcr.io/o/app:2.0"),
    ("dashes", "env.lua", f"local image = 'a/app:1' -- {IMAGE}", "a/app:1", "ghcr.io/o/app:2.0"),
    ("a list of images", "images.txt", f"a/app:1\t## {IMAGE}", "a/app:1", "ghcr.io/o/app:2.0"),
    ("a key in quotes is no value", "a.rb", f"T = {{ 'app' => '1' }} # {TAG}", "1", "2.0"),
    ("a digest comes", "a.env", f"I=a/app:1 # {mark('ns:pinned')}", "a/app:1", f"ghcr.io/o/app:2.0@{DIGEST}"),
    ("a chart's version", "a.env", f"V=1.0.0 # {mark('ns:chart:tag')}", "1.0.0", "2.0.0+build.7"),
    ("a byte order mark", "a.env", f"\xef\xbb\xbfI=a/app:1 # {IMAGE}", "a/app:1", "ghcr.io/o/app:2.0"),
    ("bytes that are no UTF-8", "a.env", f"X=\xe9\nI=a/app:1 # {IMAGE}\nY=\xff", "a/app:1", "ghcr.io/o/app:2.0"),
    ("carriage returns alone", "a.env", f"A=7\rI=a/app:1 # {IMAGE}\rB=8\r", "a/app:1", "ghcr.io/o/app:2.0"),
    ("a huge line", "a.sh", f"X='{'x' * 300_000}' I=a/app:1 # {IMAGE}", "a/app:1", "ghcr.io/o/app:2.0"),
]
HERE = "put it right above the value's line"
NO_IMAGE = (
    "no word of the line is an image with a tag or a digest: mark the line that has the image, or write the image with "
    "its tag"
)
NO_TAG = "no word of the line is a tag: write it right after `=` or `:`, or in quotes"
NO_MARKER = (
    "a comment that is not exactly one JSON object of strings with a `$imagepolicy`, at the end of its line: write "
    f"# {IMAGE} and nothing else in the comment"
)
OUTSIDE = 'a marker outside a comment: write it as # {"$imagepolicy": "NAMESPACE:POLICY"}'
OPEN = "a marker inside a text, or after a quote that is not closed: close the text before it"
TWO_IMAGES = (
    "2 words of the line may be an image with a tag or a digest: a/app:1, app:app: leave one of them on the line"
)
TWO_TAGS = "2 words of the line may be a tag: 1, 2: leave one of them on the line"
TWO_MARKERS = "two markers on one line: leave one of them, and give the other value its own line"
OWN_LINE = (
    "a marker at the end of a line, where a Dockerfile has no comments: put it on a line of its own, right above the "
    "value's"
)
SLASHES = "a marker behind `//`, which begins no comment in a Dockerfile: put it behind `#`"
CHOOSE = "let the policy choose a tag or a digest, or take the marker away"
LEFT = [
    # what it is, file, text, line, problem
    ("no comment ends an instruction", "Dockerfile", f"FROM a/app:1 # {IMAGE}", 1, OWN_LINE),
    ("every word looks like a tag", "Dockerfile", f"# {TAG}\nENV V 1\n", 2, NO_TAG),
    ("a sign of others", "Dockerfile", f"// {IMAGE}\nFROM a/app:1", 1, SLASHES),
    ("two that may be meant", "Dockerfile", f"# {IMAGE}\nCOPY --from=a/app:1 --chown=app:app", 2, TWO_IMAGES),
    ("an image without a tag", "Dockerfile", f"# {IMAGE}\nFROM a/app\n", 2, NO_IMAGE),
    ("an end is no image", "Dockerfile", f"# {IMAGE}\nFROM ${{REGISTRY}}/app:1\n", 2, NO_IMAGE),
    ("nor is a beginning", "Dockerfile", f"# {IMAGE}\nFROM a/app:1${{SUFFIX}}\n", 2, NO_IMAGE),
    ("an empty line between", "Dockerfile", f"# {IMAGE}\n\nFROM a/app:1\n", 1, f"a marker above an empty line: {HERE}"),
    ("a comment between", "Dockerfile", f"# {IMAGE}\n# base\nFROM a/app:1\n", 1, f"a marker above a comment: {HERE}"),
    ("nothing below", "Dockerfile", f"FROM a/app:1\n# {IMAGE}", 2, f"a marker above an empty line: {HERE}"),
    ("two markers on one line", "run.sh", f"I=a/app:1 # {IMAGE} # {TAG}", 1, TWO_MARKERS),
    ("two values", "run.sh", f"A=1 B=2 # {TAG}", 1, TWO_TAGS),
    ("a marker in a text", "run.sh", f'echo "a/app:1 # {IMAGE}', 1, OPEN),
    (
        "a text over lines", "run.sh", f'# {IMAGE}\necho "a/app:1\n', 2,
        "a quote that is not closed on its line: give the value a line of its own",
    ),
    ("more behind the marker", "run.sh", f"I=a/app:1 # {IMAGE} too", 1, NO_MARKER),
    ("no comment", "run.sh", f"print({IMAGE})", 1, OUTSIDE),
    ("other quotes", "run.sh", "I=a/app:1 # {'$imagepolicy': 'ns:app'}", 1, NO_MARKER),
    (
        "a name of HCL is no text", "main.tf", f"tag = var.tag # {TAG}", 1,
        "a value without quotes in an HCL file: var.tag: put it in quotes",
    ),
    ("a condition of HCL", "main.tf", f"x = c ? a:b # {IMAGE}", 1, NO_IMAGE),
    ("a range is no tag", "main.tf", f'v = ">= 1.0" # {TAG}', 1, NO_TAG),
    (
        "a name of a program is no text", "a.py", f"tag = version # {TAG}", 1,
        "a value without quotes in a text file: version: put it in quotes",
    ),
    ("a value of several words", "a.ini", f"tag = 1 or so ; {TAG}", 1, NO_TAG),
    (
        "an image without a tag to write", "a.env", f"I=a/app:1 # {mark('ns:app2')}", 1,
        f"'ghcr.io/o/app' cannot be written here, for nobody could find it again: {CHOOSE}",
    ),
    (
        "no digest to write", "a.env", f"D={DIGEST} # {mark('ns:bare:digest')}", 1,
        f"there is no value to write: {CHOOSE}",
    ),
    (
        "an encrypted file", "a.env", f"sops_mac=ENC[AES256_GCM,data]\nI=a/app:1 # {IMAGE}", None,
        "the file is encrypted with SOPS, whose checksum an edit would break: move the image out of it",
    ),
    (
        "no text", "a.env", f"\0\nI=a/app:1 # {IMAGE}", None,
        "the file is no text: leave it out of the patterns of text files",
    ),
]  # fmt: skip


def table(rows: list[Any]) -> list[Any]:
    return [pytest.param(*row, id=name) for name, *row in rows]


@pytest.mark.parametrize(("path", "before", "old", "new"), table(UPDATED))
def test_one_word_of_the_marked_line_is_replaced(path: str, before: str, old: str, new: str):
    assert before.count(old) == 1
    after = before.replace(old, new)
    result = rewritten(path, before)
    assert (result.content or b"").decode("latin-1") == after
    assert result.problems == ()
    again = rewritten(path, after)
    assert (again.content, again.problems, again.current) == (None, (), 1)


@pytest.mark.parametrize(("path", "text", "line", "problem"), table(LEFT))
def test_a_line_that_is_not_clear_is_left_alone_and_told(path: str, text: str, line: int | None, problem: str):
    result = rewritten(path, text)
    assert [(str(each), each.line) for each in result.problems] == [(problem, line)]
    assert result.content is None


def test_a_line_s_own_marker_wins_over_the_one_above():
    result = rewritten("run.sh", f"# {IMAGE}\nT=1 # {TAG}")
    assert result.content == f"# {IMAGE}\nT=2.0 # {TAG}".encode()
    assert [str(each) for each in result.problems] == ["a marker above a line that has its own: leave one of them"]


def test_utf_16_is_refused():
    result = texts.rewritten("a.env", f"I=a/app:1 # {IMAGE}".encode("utf-16"), SETTERS, kind=kinds.of("a.env"))
    assert [str(each) for each in result.problems] == ["the file is UTF-16: save it as UTF-8"]


@pytest.mark.parametrize("text", [f"#I=a/app:1 # {IMAGE}", f"# I=a/app:1 # {IMAGE}", "# about imagepolicy markers"])
def test_a_line_that_was_commented_out_is_silent(text: str):
    assert rewritten("a.env", text) == FileResult("a.env")


def test_one_unclear_line_does_no_harm_to_others():
    result = rewritten("a.env", f"A=1 B=2 # {TAG}\nC=1 # {TAG}\nD=1 # {mark('ns:gone:tag')}\n")
    assert result.content == f"A=1 B=2 # {TAG}\nC=2.0 # {TAG}\nD=1 # {mark('ns:gone:tag')}\n".encode()
    assert [(change.old, change.new, change.line) for change in result.changes] == [("1", "2.0", 2)]
    assert [(each.setter, each.line) for each in result.unresolved] == [("ns:gone:tag", 3)]
    assert result.followed == {"ns:app:tag", "ns:gone:tag"}


def test_a_place_keeps_its_name_when_lines_move_around_it():
    line = f"B='1' # {TAG}\nC=1 # {TAG}\n"
    before, after = (texts.values(f"{text}{line}".encode(), kinds.of("a.env").key) for text in ("", "A=7\n\n"))
    assert before == after
    assert [(place.keys, place.setter, value) for place, value in before.items()] == [
        ("B=", "ns:app:tag", "1"),
        ("C=", "ns:app:tag", "1"),
    ]


def test_a_held_place_keeps_what_it_has():
    data, kind = f"B=1 # {TAG}\nC=1 # {TAG}\n".encode(), kinds.of("a.env")
    held = [place for place in texts.values(data, kind.key) if place.keys == "B="]
    result = texts.rewritten("a.env", data, SETTERS, held, kind=kind)
    assert result.content == f"B=1 # {TAG}\nC=2.0 # {TAG}\n".encode()
