"""Pins: one tag and no other, until their time is over."""

from datetime import timedelta

import pytest

from gotk.api import scheme
from gotk.api.image import ImagePolicySpec
from policies import choose, pin
from policies.pin import Pin
from tests.running import NOON

ANNOTATION = "image-automation.dev/pin"
TAGS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "latest")
SPEC = scheme.convert({"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}}}, ImagePolicySpec)
FULL = Pin(tag="1.0.0", until=NOON + timedelta(hours=1), by="jane", reason="1.1.0 is slow")
TOLD = "pinned to 1.0.0 until 2026-01-01T13:00:00Z by jane: 1.1.0 is slow"


@pytest.mark.parametrize("made", [FULL, Pin(tag="1.0.0"), Pin(tag="v_1-x.Y", by="ci")], ids=str)
def test_a_pin_is_read_as_it_was_written(made: Pin) -> None:
    assert pin.wanted({ANNOTATION: pin.written(made)}, NOON) == made


def test_a_pin_is_over_at_its_very_moment() -> None:
    annotations = {ANNOTATION: pin.written(FULL)}
    assert pin.wanted(annotations, NOON + timedelta(seconds=3599)) == FULL
    assert pin.wanted(annotations, NOON + timedelta(hours=1)) is None
    assert pin.wanted({}, NOON) is None


UNREADABLE = {
    "a bare tag": "1.0.0",
    "no tag": '{"until": "2026-12-24T12:00:00Z"}',
    "a tag that none can be": '{"tag": "a/b"}',
    "a misspelt field": '{"tag": "1.0.0", "unitl": "2026-12-24T12:00:00Z"}',
    "a time without its zone": '{"tag": "1.0.0", "until": "2026-12-24T12:00:00"}',
    "several lines": '{"tag": "1.0.0", "reason": "a\\nb"}',
    "a terminal's orders": '{"tag": "1.0.0", "by": "\\u001b[31m"}',
    "a novel": '{"tag": "1.0.0", "reason": "' + "x" * 513 + '"}',
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_pin_is_refused_by_the_annotation_s_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"annotation image-automation.dev/pin: .*; write it as \{"):
        pin.wanted({ANNOTATION: text}, NOON)


def test_a_pin_restricts_the_choice_to_its_tag() -> None:
    assert choose.choose(SPEC, pin.only(FULL, SPEC, TAGS)).tag == "1.0.0"
    assert pin.only(None, SPEC, TAGS) == TAGS
    verdicts = {each.tag: (each.reason, each.message) for each in choose.explain(SPEC, TAGS, (pin.veto(FULL),))}
    assert verdicts["1.0.0"] == ("Chosen", "the one that the policy wants")
    assert verdicts["1.2.0"] == ("Pinned", f"the policy is {TOLD}")
    assert verdicts["2.0.0"][0] == "OutOfRange"


REFUSED = {
    "1.0.1": "pinned to 1.0.1: it is none of the 5 tags that are listed; pin another tag, or unpin",
    "2.0.0": "pinned to 2.0.0: the policy refuses it: 2.0.0 is not in range '1.x'; pin a tag that suits it, or unpin",
}


@pytest.mark.parametrize(("tag", "message"), REFUSED.items(), ids=["a tag that is not there", "a tag out of range"])
def test_a_pin_widens_nothing(tag: str, message: str) -> None:
    with pytest.raises(choose.NothingChosen) as raised:
        pin.only(Pin(tag=tag), SPEC, TAGS)
    assert str(raised.value) == message
