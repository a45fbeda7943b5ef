"""Ages: how they are asked for, how they are said, and what they do to a choice."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api import extensions, scheme
from gotk.api.image import ImagePolicySpec
from policies import age, choose
from policies.age import Ageing, Decision, Minimum, NoneOldEnough
from tests.running import NOON

SPANS = [
    (0, "1s"), (0.2, "1s"), (45, "45s"), (59.5, "1m"), (60, "1m"), (61, "1m 1s"), (3599.5, "1h"), (3600, "1h"),
    (3601, "1h 1m"), (86_399, "1d"), (86_400, "1d"), (187_200, "2d 4h"), (187_201, "2d 5h"), (31_536_000, "365d"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), SPANS)
def test_a_span_is_its_two_greatest_units_rounded_up(seconds, text):
    assert age.span(seconds) == text


ASKED = {
    "nothing": ({}, None),
    "an age": ({extensions.MINIMUM_AGE: "72h"}, Minimum(timedelta(hours=72))),
    "no age at all": ({extensions.MINIMUM_AGE: "0s"}, None),
    "the first scan is new": (
        {extensions.MINIMUM_AGE: "1h30m", extensions.FIRST_SCAN_TAGS: "new"},
        Minimum(timedelta(minutes=90), first_scan_is_old=False),
    ),
    "a tag that somebody allows": (
        {
            extensions.MINIMUM_AGE: "72h",
            extensions.DECISIONS: '[{"tag": "2.0", "verdict": "allow", "by": "jane"},'
            '{"tag": "2.1", "verdict": "approve", "by": "jane"}]',
        },
        Minimum(timedelta(hours=72), allowed=frozenset({"2.0"})),
    ),
}


@pytest.mark.parametrize(("annotations", "minimum"), ASKED.values(), ids=ASKED)
def test_what_a_policy_asks_for(annotations, minimum):
    assert age.wanted(annotations) == minimum


def test_what_was_let_past_it_counts_for_the_image_that_it_was_said_of():
    word = '[{"tag": "2.1", "verdict": "allow", "by": "jane", "image": "a/web"}]'
    annotations = {extensions.MINIMUM_AGE: "1h", extensions.DECISIONS: word}
    for image, allowed in (("a/web", {"2.1"}), ("a/other", set()), ("", {"2.1"})):
        minimum = age.wanted(annotations, image)
        assert minimum is not None
        assert minimum.allowed == allowed


@pytest.mark.parametrize("text", ["3d", "72", "", "-1h", "soon"])
def test_an_age_that_is_none_is_named(text):
    with pytest.raises(ValueError, match=r"annotation image-automation.dev/minimum-age: "):
        age.wanted({extensions.MINIMUM_AGE: text})


def test_the_first_scan_is_old_or_new():
    with pytest.raises(ValueError, match="'maybe' is neither old nor new"):
        age.wanted({extensions.FIRST_SCAN_TAGS: "maybe"})


def spec(**fields) -> ImagePolicySpec:
    policy = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "*"}}, **fields}
    return scheme.convert(policy, ImagePolicySpec)


def hours(**tags: float) -> dict:
    return {tag.replace("_", "."): NOON + timedelta(hours=number) for tag, number in tags.items()}


TAGS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "latest"]
IN_2, IN_5 = NOON + timedelta(hours=2), NOON + timedelta(hours=5)
DECISIONS = {
    "all are old": ({}, "", Decision("1.3.0")),
    "the newest is too young": ({"1_3_0": 5}, "", Decision("1.2.0", Ageing("1.3.0", IN_5), IN_5)),
    "the second comes of age first": (
        {"1_3_0": 5, "1_2_0": 2}, "", Decision("1.1.0", Ageing("1.3.0", IN_5), IN_2),
    ),
    "one that would not be chosen anyway": ({"1_0_0": 5, "latest": 2}, "", Decision("1.3.0")),
    "of age this moment": ({"1_3_0": 0}, "", Decision("1.3.0")),
    "the one in use stays": ({"1_3_0": 5}, "1.3.0", Decision("1.3.0")),
    "the one in use stays where a better one is too young": (
        {"1_3_0": 5, "1_2_0": 5}, "1.2.0", Decision("1.2.0", Ageing("1.3.0", IN_5), IN_5),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("young", "spare", "decision"), DECISIONS.values(), ids=DECISIONS)
def test_the_newest_that_is_old_enough_is_chosen(young, spare, decision):
    assert age.decide(spec(), TAGS, hours(**young), NOON, spare=spare) == decision


def test_a_tag_that_somebody_allows_needs_no_age():
    minimum = Minimum(timedelta(hours=72), allowed=frozenset({"1.1"}))
    assert age.eligibles({"1.1": NOON, "1.2": NOON}, minimum) == {"1.2": NOON + timedelta(hours=72)}


def test_none_is_old_enough():
    young = dict.fromkeys(TAGS[1:], IN_5) | {"1.0.0": IN_2}
    with pytest.raises(NoneOldEnough) as raised:
        age.decide(spec(), TAGS, young, NOON)
    assert (raised.value.ageing, raised.value.again) == (Ageing("1.3.0", IN_5), IN_2)


def test_a_policy_that_nothing_suits_says_so_whatever_the_ages():
    with pytest.raises(choose.NothingChosen, match="unable to determine latest version"):
        age.decide(spec(policy={"semver": {"range": "9.x"}}), TAGS, hours(**{"1_3_0": 5}), NOON)


def test_a_tag_that_is_no_number_counts_once_it_is_of_age():
    numerical = spec(policy={"numerical": {}})
    assert age.decide(numerical, ["1", "2", "x"], {"x": IN_5}, NOON).tag == "2"
    with pytest.raises(choose.NothingChosen):
        age.decide(numerical, ["1", "2", "x"], {"x": NOON}, NOON)


def test_of_two_that_extract_to_the_same_the_younger_waits():
    policy = spec(policy={"numerical": {}}, filterTags={"pattern": "([0-9]+)$", "extract": "$1"})
    assert age.decide(policy, ["b-7", "a-7"], {"a-7": IN_5}, NOON) == Decision("b-7", Ageing("a-7", IN_5), IN_5)


def test_the_record_says_when_a_tag_is_eligible():
    verdicts = choose.explain(spec(), TAGS, (age.veto(hours(**{"1_3_0": 52}), NOON),))
    assert [(v.tag, v.reason) for v in verdicts] == [
        ("1.0.0", "Outranked"), ("1.1.0", "Outranked"), ("1.2.0", "Chosen"), ("1.3.0", "TooYoung"),
        ("latest", "NotAVersion"),
    ]  # fmt: skip
    assert verdicts[3].message == "too young: eligible in 2d 4h, at 2026-01-03T16:00:00Z"


POLICIES = st.sampled_from(
    [
        spec(),
        spec(policy={"alphabetical": {"order": "desc"}}),
        spec(filterTags={"pattern": r"^1\.(\d)\.", "extract": "$1"}, policy={"numerical": {}}),
    ]
)
VERSIONS = st.lists(st.sampled_from([f"1.{minor}.{patch}" for minor in range(4) for patch in range(3)]), min_size=1)


@given(POLICIES, VERSIONS, st.dictionaries(st.sampled_from(["1.3.2", "1.3.1", "1.2.0", "1.0.0"]), st.just(IN_5)))
def test_a_decision_is_the_choice_among_the_old_and_what_ages_would_replace_it(policy, tags, eligibles):
    old = [tag for tag in tags if tag not in eligibles]
    if not old:
        with pytest.raises(NoneOldEnough):
            age.decide(policy, tags, eligibles, NOON)
        return
    decision = age.decide(policy, tags, eligibles, NOON)
    assert decision.tag == choose.choose(policy, old).tag
    best = choose.choose(policy, tags).tag
    assert (decision.ageing is None) == (best == decision.tag)
    assert decision.ageing is None or decision.ageing.tag == best


def test_a_young_tag_behind_the_one_chosen_is_no_reason_to_look_again():
    policy = scheme.convert(
        {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "*"}}}, ImagePolicySpec
    )
    soon, later = NOON + timedelta(hours=1), NOON + timedelta(hours=9)
    found = age.decide(policy, ["1.0.0", "1.1.0", "0.9.0"], {"1.1.0": later, "0.9.0": soon}, NOON)
    assert found == Decision("1.0.0", Ageing("1.1.0", later), later)
    only_behind = age.decide(policy, ["1.0.0", "0.9.0"], {"0.9.0": soon}, NOON)
    assert only_behind == Decision("1.0.0")
