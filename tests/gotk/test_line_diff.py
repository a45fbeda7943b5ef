"""Two texts line by line: as `diff -u` has them, and soon also where lines repeat by the thousand."""

import difflib

import pytest

from gotk import line_diff

TEXT = [f"line {number}" for number in range(30)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(TEXT, TEXT, id="nothing"),
        pytest.param([], TEXT, id="all comes"),
        pytest.param(TEXT, [], id="all goes"),
        pytest.param(TEXT, [*TEXT[:4], "x", *TEXT[5:]], id="a line in its place"),
        pytest.param(TEXT, ["x", "y", *TEXT[2:20], "z", *TEXT[21:]], id="far from each other"),
        pytest.param(TEXT, [*TEXT[:3], "x", *TEXT[4:10], "y", *TEXT[11:]], id="close to each other"),
        pytest.param(TEXT, [*TEXT[:10], "x", "y", *TEXT[10:]], id="lines that come between"),
        pytest.param(TEXT, [*TEXT[:5], *TEXT[8:20], "x", *TEXT[21:]], id="fewer, and another one"),
        pytest.param(TEXT, [*TEXT[:10], "x", *TEXT[10:20], *TEXT[21:]], id="one comes, and one goes further down"),
        pytest.param(["a"], ["b"], id="one line"),
    ],
)
def test_it_is_what_diff_shows(before: list[str], after: list[str]) -> None:
    found = [text if sign == "@" else f"{sign}{text}" for sign, text in line_diff.hunks(before, after)]
    assert found == list(difflib.unified_diff(before, after, lineterm=""))[2:]


def test_lines_that_repeat_by_the_thousand_keep_nobody_waiting() -> None:
    before = [f"image: web:1.0 # {number % 150}" if number % 3 else f"key: {number % 151}" for number in range(60_000)]
    after = [line.replace("1.0", "1.1") for line in before]
    assert sum(sign == "+" for sign, _ in line_diff.hunks(before, after)) == 40_000
    longer = [*after, "last"]
    assert sum(sign == "-" for sign, _ in line_diff.hunks(before, longer)) >= 40_000
