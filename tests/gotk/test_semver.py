"""Versions and ranges: Masterminds' own answers, the precedence of the `semver` package, and the bounds."""

import time

import pytest
import semver as peer
from hypothesis import given
from hypothesis import strategies as st

from gotk.semver import Range, Version
from gotk.semver.version import is_tag, lines
from tests.gotk.go_answers import ANSWERS

VERSIONS = [Version.parse(text) for text in ANSWERS["versions"]]


@pytest.mark.parametrize("case", ANSWERS["ranges"], ids=lambda case: ascii(case["range"])[:40])
def test_a_range_holds_the_versions_that_masterminds_finds_in_it(case):
    if case["error"]:
        with pytest.raises(ValueError) as caught:
            Range.parse(case["range"])
        assert str(caught.value) == case["error"]
        return
    range_ = Range.parse(case["range"])
    assert [version.original for version in VERSIONS if range_.contains(version)] == case["inside"]


@pytest.mark.parametrize("case", ANSWERS["tags"], ids=lambda case: ascii(case["tag"])[:40])
def test_a_tag_is_a_version_where_flux_reads_one_in_it(case):
    if case["valid"]:
        assert str(Version.parse_tag(case["tag"])) == case["text"]
    else:
        with pytest.raises(ValueError):
            Version.parse_tag(case["tag"])


@pytest.mark.parametrize("case", ANSWERS["tags"], ids=lambda case: ascii(case["tag"])[:40])
def test_the_sweep_over_many_tags_reads_what_one_parse_reads(case):
    found = []
    for tag, major, minor, patch, prerelease in lines(["latest", case["tag"], "main"]):
        if is_tag(tag, (int(major), int(minor or 0), int(patch or 0)), prerelease):
            found.append(tag)
    assert found == ([case["tag"]] if case["valid"] else [])


def test_precedence_is_that_of_masterminds():
    for case in ANSWERS["orders"]:
        a, b = Version.parse(case["a"]).key, Version.parse(case["b"]).key
        assert (a > b) - (a < b) == case["answer"], case


numbers = st.integers(0, 2**64 - 1) | st.integers(0, 3)
identifiers = st.from_regex(r"[0-9A-Za-z-]{1,4}", fullmatch=True).filter(
    lambda part: not (part.isdigit() and part[0] == "0")
)
versions = st.builds(
    "".join,
    st.tuples(
        st.tuples(numbers, numbers, numbers).map(lambda triple: ".".join(map(str, triple))),
        st.lists(identifiers, max_size=3).map(lambda parts: "-" + ".".join(parts) if parts else ""),
        st.sampled_from(["", "", "+build.1"]),
    ),
)  # fmt: skip


@given(versions, versions)
def test_precedence_is_that_of_the_semver_package(a, b):
    ours = Version.parse(a).key, Version.parse(b).key
    assert (ours[0] > ours[1]) - (ours[0] < ours[1]) == peer.Version.parse(a).compare(peer.Version.parse(b))


@given(versions)
def test_a_printed_version_reads_back_as_itself(text):
    version = Version.parse(text)
    assert str(version) == text
    assert Version.parse(f"v{text}").key == version.key


@given(versions)
def test_a_version_is_in_the_range_that_names_it(text):
    assert Range.parse(f"={text}").contains(Version.parse(text))


def latest_by_parsing(range_, tags):
    inside = []
    for tag in tags:
        try:
            version = Version.parse_tag(tag)
        except ValueError:
            continue
        if range_.contains(version):
            inside.append((version.key, tag))
    return max(inside)[1] if inside else None


@given(
    st.lists(versions | st.sampled_from(["latest", "1.2", "1.2-rc.1", "v1.2.3\n", ""])),
    st.sampled_from(["*", ">=1 <3", "*-0", "^0", "<1||>2"]),
)
def test_the_latest_is_what_parsing_every_tag_finds(tags, text):
    range_ = Range.parse(text)
    assert range_.latest(tags) == latest_by_parsing(range_, tags)


#: So many tags that they are looked through by sweeps, and none of them a version.
MANY = ["latest"] * 10_000
near = st.tuples(st.sampled_from(["", "v", "0", "v00"]), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(
    lambda parts: f"{parts[0]}{parts[1]}.{parts[2]}.{parts[3]}"
)
tails = st.sampled_from(["", "", "-rc.1", "-rc.2+b", "+b", "-01", "-", ".4", "x", "-a.b.c"])
loose = st.sampled_from(["1", "1.2", "2-a.b.c", "0+a.b.c", "1.2-a.b", "01.02", "v3.0-0.0", "18446744073709551616.0.0"])


@given(
    st.lists(st.builds("".join, st.tuples(near, tails)) | versions | loose | st.just("1.2.3\n"), max_size=40),
    st.sampled_from(
        ["*", "*-0", ">=1 <3", ">=1.1.0-0 <2.2.0-rc.2", "^0", "~1.2", "<1||>2", "!=3.x", "=1.2.3", "0.0.x"]
    ),
)
def test_sweeps_over_many_tags_find_what_reading_every_one_finds(tags, text):
    range_ = Range.parse(text)
    assert range_.latest([*MANY, *tags]) == latest_by_parsing(range_, tags)


def test_versions_that_sweeps_do_not_find_soon_are_found_all_the_same():
    tags = [f"9.{minor}.{patch}" for minor in range(200) for patch in range(60)]
    assert Range.parse("!=9.x").latest([*tags, "1.2.3"]) == "1.2.3"


@pytest.mark.parametrize("digits", [256, 5_000, 1_000_000])
def test_endless_numbers_are_no_versions(digits):
    tags = ["9" * digits + ".0.0", "0.0.1", "0." + "9" * digits + ".0", "0.0.0-" + "9" * digits]
    assert Range.parse("*").latest(tags) == Range.parse("*-0").latest(tags) == "0.0.1"
    assert Range.parse("*").latest(tags + MANY) == Range.parse("*-0").latest(tags + MANY) == "0.0.1"


@given(st.text(max_size=60) | st.text("0123456789xX*v.-+|,<>=~^! \t", max_size=60))
def test_any_text_is_a_range_or_a_value_error(text):
    try:
        Range.parse(text)
    except ValueError as error:
        assert str(error).startswith(("improper constraint: ", "constraint parser error"))  # noqa: PT017 - or no error


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 255 + "!",
        "1" + " " * 500 + "!",
        "1-" + "a-" * 250 + "!",
        "1 - " * 127,
        " " * 250 + "1" * 250,
        "1-a.a" * 100,
        "*||" * 31 + "!",
    ],
)
def test_a_hostile_range_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(ValueError):
        Range.parse(text)
    assert time.process_time() - start < 0.5
