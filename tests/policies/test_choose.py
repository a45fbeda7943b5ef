"""The whole decision: Flux's own cases, its errors, and the laws that no order of tags may break."""

import dataclasses
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api import scheme
from gotk.api.image import AlphabeticalPolicy, ImagePolicyChoice, ImagePolicySpec
from policies.choose import Choice, InvalidPolicy, NothingChosen, choose, explain, policer


def spec(policy: dict, pattern: str | None = None, extract: str = "") -> ImagePolicySpec:
    fields: dict = {"imageRepositoryRef": {"name": "app"}, "policy": policy}
    if pattern is not None:
        fields["filterTags"] = {"pattern": pattern, "extract": extract}
    return scheme.convert(fields, ImagePolicySpec)


def semver(range_: str) -> dict:
    return {"semver": {"range": range_}}


ASC, DESC = {"alphabetical": {"order": "asc"}}, {"alphabetical": {"order": "desc"}}
NUMERIC, NUMERIC_DESC = {"numerical": {"order": "asc"}}, {"numerical": {"order": "desc"}}
UBUNTU, NAMES = "16.04 16.04.1 16.10 20.04 20.10", "xenial yakkety zesty artful bionic"
DEBUG = "123-1.0.0 123-1.0.1 123-1.0.2-debug 123-1.0.3 123-1.1.0-debug 456-1.0.0-debug"

CHOICES = {
    "alphabetical ascending takes the last version-like text": (ASC, None, "", UBUNTU, "20.10"),
    "alphabetical descending takes the first": (DESC, None, "", UBUNTU, "16.04"),
    "alphabetical ascending takes the last name": (ASC, None, "", NAMES, "zesty"),
    "alphabetical descending takes the first name": (DESC, None, "", NAMES, "artful"),
    "alphabetical compares bytes, not numbers": (ASC, None, "", "rel-9 rel-10", "rel-9"),
    "alphabetical takes the newest timestamp": (ASC, None, "", "rel-1598524319 rel-1598524320", "rel-1598524320"),
    "alphabetical is ascending by default": ({"alphabetical": {}}, None, "", "a b", "b"),
    "numerical ascending takes the greatest": (NUMERIC, None, "", "-62 73 72 -91", "73"),
    "numerical descending takes the smallest": (NUMERIC_DESC, None, "", "5 -78 92", "-78"),
    "numerical is ascending by default": ({"numerical": {}}, None, "", "1 2", "2"),
    "semver keeps to its patch range": (semver("1.0.x"), None, "", "1.0.0 1.0.0.1 1.0.0p 1.0.1 1.2.0 0.1.0", "1.0.1"),
    "semver keeps the prefix": (semver("1.0.x"), None, "", "v1.2.3 v1.0.0 v0.1.0", "v1.0.0"),
    "a prefixed range matches bare tags": (semver("v1.0.x"), None, "", "1.2.3 1.0.0 0.1.0", "1.0.0"),
    "a release range passes prereleases over": (semver("1.x"), None, "", "1.0.0 1.1.0-alpha", "1.0.0"),
    "a range with a prerelease takes them": (semver("1.x-0"), None, "", "1.0.0 1.1.0-alpha", "1.1.0-alpha"),
    "of equal versions the greatest text wins": (semver("*"), None, "", "1.0.0 v1.0.0 01.0.0", "v1.0.0"),
    "a calendar version may be zero-padded": (semver(">=2025"), None, "", "2025.02.03 2025.01.30", "2025.02.03"),
    "a commit hash of digits is no version": (semver("*"), None, "", "1.0.0 20240131 4711", "1.0.0"),
    "two dots make a version of less": (semver("*-0"), None, "", "1.2-rc.1 1.1.0", "1.2-rc.1"),
    "semver beats the other policies": (semver("*") | ASC | NUMERIC, None, "", "1.0.0 zzz", "1.0.0"),
    "alphabetical beats numerical": (ASC | NUMERIC_DESC, None, "", "1 2", "2"),
    "an empty pattern lets everything in": (ASC, "", "", "a", "a"),
    "a pattern lets in what it is found in": (ASC, "^ver", "", "ver1 ver2 ver3 xel1", "ver3"),
    "an extracted group is compared": (NUMERIC, r"ver(\d+)", "$1", "ver1 ver9 ver10 rel11", "ver10"),
    "only debug images": (ASC, r"^(123-[0-9]+\.[0-9]+\.[a-z0-9]+-debug)", "", DEBUG, "123-1.1.0-debug"),
    "only other images": (ASC, r"^(?P<tag>123-[0-9]+\.[0-9]+\.[a-z0-9]+$)", "$tag", DEBUG, "123-1.0.3"),
    "release candidates by number": (
        NUMERIC,
        r"1.0.0-rc\.(?P<num>[0-9]+)",
        "$num",
        "1.0.0 1.0.0-rc.1 1.0.0-rc.2 1.0.0-rc.3 1.0.1-rc.2",
        "1.0.0-rc.3",
    ),
    "words by alphabet": (ASC, "foo-(?P<word>[a-z]+)", "$word", "foo-aaa bar-zzz foo-zzz baz-nnn", "foo-zzz"),
    "branch builds by timestamp": (
        NUMERIC,
        "^main-[a-f0-9]+-(?P<ts>[0-9]+)",
        "$ts",
        "main-9f86d08-1700000002 main-0a1b2c3-1700000010 dev-0a1b2c3-1800000000",
        "main-0a1b2c3-1700000010",
    ),
    "versions in the middle of a tag": (
        semver("1.x"),
        r"^app-(?P<v>.*)-amd64$",
        "$v",
        "app-1.2.0-amd64 app-1.10.0-amd64 app-1.11.0-arm64",
        "app-1.10.0-amd64",
    ),
    "a template may hold literals": (semver("*"), "^b([0-9]+)$", "0.$1.0", "b9 b10", "b10"),
    "of tags with one key the smallest stands for all": (ASC, "(a)", "$1", "xa a ba", "a"),
}


@pytest.mark.parametrize(("policy", "pattern", "extract", "tags", "tag"), CHOICES.values(), ids=CHOICES)
def test_the_tag_is_chosen(policy, pattern, extract, tags, tag):
    wanted, offered = spec(policy, pattern, extract), tags.split()
    choice = choose(wanted, offered)
    assert choice.tag == tag
    assert [verdict.tag for verdict in choice.verdicts if verdict.chosen] == [tag]
    assert len(choice.considered) + len(choice.rejected) == len(offered)


BAD_PATTERN = "failed to filter tags: invalid regular expression pattern '{}': error parsing regexp: {}"
INVALID = {
    "no policy": ({}, None, "invalid policy: given ImagePolicyChoice object is invalid"),
    "an unclosed class": (ASC, "[=", BAD_PATTERN.format("[=", "missing closing ]: `[=`")),
    "a look-ahead": (ASC, "a(?=b)", BAD_PATTERN.format("a(?=b)", "invalid or unsupported Perl syntax: `(?=`")),
}
INVALID |= {
    f"range {bad!r}": (semver(bad), None, f'invalid policy: improper constraint: "{bad}"')
    for bad in ("1.0.0p", "-1", "a", "", "*-*")
}
INVALID |= {f"range {bad!r}": (semver(bad), None, "invalid policy: constraint parser error") for bad in ("1x", "x1")}


@pytest.mark.parametrize(("policy", "pattern", "message"), INVALID.values(), ids=INVALID)
def test_a_policy_that_cannot_work_is_invalid_whatever_the_tags(policy, pattern, message):
    for tags in (["1.0.0"], []):
        with pytest.raises(InvalidPolicy) as caught:
            choose(spec(policy, pattern), tags)
        assert str(caught.value) == message


@pytest.mark.parametrize("range_", ["1.0.x", "^1.0", "=1.0.0", "~1.0", ">=1.0", ">0,<2.0"])
def test_a_range_of_flux_is_valid(range_):
    policer(spec(semver(range_)).policy)


def test_an_unknown_order_is_invalid():
    choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="invalid"))  # type: ignore[arg-type] # meant
    with pytest.raises(InvalidPolicy, match="invalid order argument provided: 'INVALID', must be one of: ASC, DESC"):
        policer(choice)


def test_the_template_of_a_filter_is_bounded():
    with pytest.raises(InvalidPolicy, match=r"invalid extract '.*': the template has more than 32 references"):
        choose(spec(ASC, "a", "$0" * 33), ["a"])


OUTSIDE = "unable to determine latest version from provided list"
NOTHING = {
    "no tags": (ASC, None, "", "version list argument cannot be empty"),
    "no tag matches": (ASC, "^x", "a b", "version list argument cannot be empty"),
    "no tag is a version": (semver("1.0.x"), None, "b1.2.3 b1.0.0", OUTSIDE),
    "no version is in the range": (semver(">9"), None, "1.0.0", OUTSIDE),
    "one tag is no number": (NUMERIC, None, "0 1a b", "failed to parse invalid numeric value 'b'"),
}


@pytest.mark.parametrize(("policy", "pattern", "tags", "message"), NOTHING.values(), ids=NOTHING)
def test_nothing_is_chosen_in_the_words_of_flux(policy, pattern, tags, message):
    with pytest.raises(NothingChosen) as caught:
        choose(spec(policy, pattern), tags.split())
    assert str(caught.value) == message


def test_every_tag_is_told_how_it_fared():
    tags = ["v1.0.0", "1.0.0", "1.2.0-rc.1", "2.0.0", "latest", "arm-1.0.0"]
    verdicts = {v.tag: (v.reason, v.message) for v in explain(spec(semver("1.x"), "^[^a]"), tags)}
    assert verdicts == {
        "v1.0.0": ("Chosen", "the one that the policy wants"),
        "1.0.0": ("Outranked", "'v1.0.0' comes before it"),
        "1.2.0-rc.1": ("Prerelease", "1.2.0-rc.1 is a prerelease and range '1.x' is only looking for releases"),
        "2.0.0": ("OutOfRange", "2.0.0 is not in range '1.x'"),
        "latest": ("NotAVersion", "'latest' is not a semantic version of three numbers"),
        "arm-1.0.0": ("FilteredOut", "the filter's pattern is not found in it"),
    }


def test_tags_with_one_key_are_told_who_stands_for_them():
    (first, second) = explain(spec(ASC, "(a)", "$1"), ["xa", "a"])
    assert (first.reason, first.key) == ("SameExtract", "a")
    assert first.message == "extracts to 'a' as 'a' does, which stands for both"
    assert second.chosen


def test_a_failed_policy_tells_which_tag_failed_it():
    reasons = {verdict.tag: verdict.reason for verdict in explain(spec(NUMERIC), ["1", "x"])}
    assert reasons == {"1": "Outranked", "x": "NotANumber"}


def test_a_choice_cannot_be_changed():
    choice = choose(spec(ASC), ["a"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        choice.tag = "b"  # type: ignore[misc] # meant


tag_texts = st.lists(
    st.sampled_from(["1.0.0", "v1.0.0", "01.0.0", "1.2.0", "1.2.0-rc.1", "2.0.0", "latest", "1.2-rc.1", "x"])
    | st.sampled_from(["1", "1.0", "01", "nan", "NaN", "a-1", "b-1", "a-2", "b-02"])
    | st.from_regex(r"v?[0-3]\.[0-3]\.[0-3](-[a-c]\.[0-9])?", fullmatch=True)
)
policies = st.sampled_from(
    [
        spec(semver("*")),
        spec(semver(">=1 <2.0.0-0 || 3.x")),
        spec(ASC),
        spec(DESC),
        spec(NUMERIC),
        spec(NUMERIC_DESC),
        spec(NUMERIC, "-([0-9]+)$", "$1"),
        spec(NUMERIC_DESC, "(?i)^[0-9.]*$|nan"),
        spec(ASC, "^(.)", "$1"),
        spec(semver("*-0"), "^v?(.*)$", "$1"),
    ]
)


def outcome(policy: ImagePolicySpec, tags: list[str]) -> tuple[str, str]:
    try:
        return "chosen", choose(policy, tags).tag
    except NothingChosen as error:
        return "nothing", str(error)


@given(policies, tag_texts, st.randoms(use_true_random=False))
def test_the_order_of_the_tags_never_matters(policy, tags, chance):
    shuffled = [*tags]
    chance.shuffle(shuffled)
    assert outcome(policy, shuffled) == outcome(policy, tags)
    assert outcome(policy, tags + tags) == outcome(policy, tags)


@given(policies, tag_texts)
def test_what_is_chosen_is_a_tag_that_was_offered_and_explained_as_chosen(policy, tags):
    how, tag = outcome(policy, tags)
    chosen = {verdict.tag for verdict in explain(policy, tags) if verdict.chosen}
    assert chosen == ({tag} if how == "chosen" else set())
    assert how == "nothing" or tag in tags


@given(policies, tag_texts)
def test_tags_that_were_refused_make_no_difference(policy, tags):
    verdicts = explain(policy, tags)
    if any(verdict.reason == "NotANumber" for verdict in verdicts):
        return  # one bad value fails a numerical policy
    considered = [verdict.tag for verdict in verdicts if verdict.considered]
    if considered:
        assert outcome(policy, considered) == outcome(policy, tags)


@given(policies, tag_texts)
def test_a_tag_that_was_outranked_makes_no_difference(policy, tags):
    if any(value in {"nan", "NaN"} for value in tags):
        return  # NaN is neither above nor below anything, and takes the place of what came before
    try:
        choice: Choice = choose(policy, tags)
    except NothingChosen:
        return
    assert outcome(
        policy, [choice.tag, *(verdict.tag for verdict in choice.rejected if verdict.reason != "SameExtract")]
    ) == ("chosen", choice.tag)


def test_a_hundred_thousand_tags_are_chosen_from_quickly():
    chance = random.Random(7)
    tags = [f"{chance.randrange(20)}.{chance.randrange(99)}.{chance.randrange(999)}" for _ in range(100_000)]
    start = time.process_time()
    choose(spec(semver(">=2 <8")), tags)
    assert time.process_time() - start < 1
