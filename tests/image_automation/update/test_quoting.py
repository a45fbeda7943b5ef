"""Values are written so that YAML 1.1 and YAML 1.2 both read them back as the same text."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from image_automation.update import quoting

TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
NUMBERISH = st.text(alphabet="0123456789._-+eExXobn:inftrue", min_size=1, max_size=8)

# What kyaml quotes.
AMBIGUOUS = (
    *("on", "yes", "y", "n", "off", "true", "false", "NO", "No", "null", "~", "<<", "="),
    *("1.10", "123", "20240102", "1_000", "-1", "+1", "1.", ".5", "1e3", "5e10", "1234e5", ".inf", ".nan"),
    *("0o7", "010", "0x1F", "0b1", "2024-01-02", "12:30:45", "12:30"),
)


def read_1_1(text: str) -> object:
    return yaml.safe_load(text)


def read_1_2(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(
    "value", [*AMBIGUOUS, "", "-", "...", "- a", "a: b", "a #b", "@a", "a:", "[a", "*a", "!a", "é"]
)
def test_what_would_not_read_as_text_is_quoted(value: str):
    assert quoting.write(value, style="") == f'"{value}"'


@pytest.mark.parametrize(
    "value",
    [
        "1.2.3",
        "v1",
        "latest",
        "1.0.0-rc.1",
        "123abc",
        "inf",
        "sha256:abc",
        "nginx:1.25",
        "a.b/c:1@sha256:00",
        "2024.01.01",
    ],
)
def test_what_reads_as_text_stays_plain(value: str):
    assert quoting.write(value, style="") == value


def test_a_colon_inside_a_flow_collection_is_quoted_for_older_parsers():
    assert quoting.write("nginx:1", style="", plain_colon=False) == '"nginx:1"'
    assert quoting.write("nginx", style="", plain_colon=False) == "nginx"


def test_quotes_inside_quotes_are_escaped():
    assert quoting.write("it's", style="'") == "'it''s'"
    assert quoting.write('a"b\\', style='"') == '"a\\"b\\\\"'


@given(TAGS | NUMBERISH, st.sampled_from(["", "'", '"']))
def test_every_tag_reads_back_as_itself(value: str, style: str):
    written = f"tag: {quoting.write(value, style=style)}\n"
    assert read_1_1(written) == {"tag": value}
    assert read_1_2(written) == {"tag": value}


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co"), max_codepoint=0xFFFD), max_size=20))
def test_any_text_reads_back_as_itself_in_every_style(value: str):
    for style in ("", "'", '"'):
        assert read_1_1(f"a: {quoting.write(value, style=style)}\n") == {"a": value}
