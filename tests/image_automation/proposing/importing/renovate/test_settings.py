"""Renovate's configuration file as it may be written."""

import pytest

from image_automation.proposing.importing.renovate import settings

WRITTEN = r"""
// one
{
  a: 'it\'s "so"', /* two , */ "b": ["//no", 1.5,], $c: {d: true,},
  'e': '^\\d+$',
}
"""
OWN = b'{"extends": ["schedule:weekly", ":timezone(Europe/Berlin)", "github>a/b"], "timezone": "UTC"}'


def test_comments_words_quotes_and_commas_of_json5() -> None:
    found = settings.parsed("renovate.json", WRITTEN.encode())
    assert found == {"a": 'it\'s "so"', "b": ["//no", 1.5], "$c": {"d": True}, "e": r"^\d+$"}


@pytest.mark.parametrize("text", ["", "[]", "{", "{a}", "\xff"])
def test_a_file_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(settings.Unreadable, match=r"renovate\.json: "):
        settings.parsed("renovate.json", text.encode("latin-1"))


def test_the_first_file_counts_and_presets_lie_below_it() -> None:
    given = {"package.json": b'{"renovate": {"automerge": true}}', ".github/renovate.json": OWN}
    found = settings.load(given)
    assert found is not None
    assert found.path == ".github/renovate.json"
    assert (found.settings["schedule"], found.settings["timezone"]) == (["* 0-3 * * 1"], "UTC")
    assert found.unread == ["github>a/b"]
    assert settings.load({"package.json": b'{"name": "x"}'}) is None
