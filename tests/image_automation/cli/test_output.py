"""Tables on a terminal: they fit into its width, and nothing of them is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.cli import output

HEADER = ["NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"]
ROW = [
    "podinfo",
    "main@sha1:696f056d",
    "False",
    "False",
    "failed to check out: authentication required for the repository",
]


def test_a_message_is_folded_below_its_own_column() -> None:
    assert output.folded(HEADER, [ROW], 90) == [
        "NAME     REVISION            SUSPENDED  READY  MESSAGE",
        "podinfo  main@sha1:696f056d  False      False  failed to check out: authentication",
        "                                               required for the repository",
    ]


def test_a_message_that_would_have_too_little_room_stands_below_its_row() -> None:
    assert output.folded(HEADER, [ROW], 70) == [
        "NAME     REVISION            SUSPENDED  READY  MESSAGE",
        "podinfo  main@sha1:696f056d  False      False",
        "    failed to check out: authentication required for the repository",
    ]


def test_what_fits_is_on_one_line() -> None:
    assert output.folded(["NAME", "READY"], [["a", "True"], ["long-name", ""]], 80) == [
        "NAME       READY",
        "a          True",
        "long-name",
    ]


def test_an_address_stays_whole_however_narrow_the_terminal() -> None:
    address = "https://hooks.example.com/hook/" + "a" * 64
    assert f"    {address}" in output.folded(["NAME", "URL"], [["n" * 40, f"see {address} now"]], 60)


WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=12), max_size=20).map(" ".join)


@given(st.lists(st.tuples(st.text("xyz", min_size=1, max_size=10), WORDS), max_size=5), st.integers(50, 200))
def test_every_line_fits_and_every_word_is_there(rows: list[tuple[str, str]], width: int) -> None:
    lines = output.folded(["NAME", "MESSAGE"], rows, width)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == ["NAME", "MESSAGE", *(word for row in rows for word in " ".join(row).split())]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_there_are_no_colours_where_they_are_not_wanted(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.coloured()
    monkeypatch.setenv(name, value)
    assert not output.coloured()
