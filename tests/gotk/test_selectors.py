"""Selectors choose, and say what they cannot read, as upstream does."""

import pytest

from gotk import selectors

LABELS = {"app": "web", "tier": "front", "n": "5"}
CHOICES = {
    "equality": ("app=web", True),
    "double equality": ("app==web,tier=front", True),
    "inequality": ("app!=api", True),
    "inequality of an absent key": ("nope!=x", True),
    "a set": ("app in (api, web)", True),
    "not a set": ("app notin (api,web)", False),
    "not a set of an absent key": ("nope notin (a)", True),
    "presence": ("app", True),
    "absence": ("!app", False),
    "absence of an absent key": ("!nope", True),
    "greater": ("n>4", True),
    "less": ("n<4", False),
    "an empty value": ("app=", False),
    "an empty selector": ("", True),
    "all must hold": ("app=web,tier=back", False),
    "a prefix": ("kubernetes.io/cluster-service=true", False),
}


@pytest.mark.parametrize(("text", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_labels_are_chosen(text: str, expected: bool) -> None:
    assert selectors.parse_labels(text).matches(LABELS) is expected


REFUSALS = {
    "three signs": ("a===b", "unable to parse requirement: found '=', expected: identifier"),
    "a list without a bracket": ("a in b", "unable to parse requirement: found 'b', expected: '('"),
    "an open list": ("a in (b", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    "a lonely comma": ("a=b,", "found '', expected: identifier after ','"),
    "two words": ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    "no key": ("=b", "found '=', expected: !, identifier, or 'end of string'"),
}


@pytest.mark.parametrize(("text", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_an_unreadable_label_selector_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        selectors.parse_labels(text)
    assert str(caught.value) == message


def test_a_bad_key_or_value_is_named() -> None:
    with pytest.raises(ValueError, match=r'^unable to parse requirement: key: Invalid value: "-a": name part must'):
        selectors.parse_labels("-a=b")
    with pytest.raises(ValueError, match=r'^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b"'):
        selectors.parse_labels("a=-b")


def test_fields_are_chosen() -> None:
    selector = selectors.parse_fields(r"metadata.name=a\,b,status.phase!=Running")
    assert selector.keys == ("metadata.name", "status.phase")
    assert selector.matches({"metadata.name": "a,b", "status.phase": ""})
    assert not selector.matches({"metadata.name": "a,b", "status.phase": "Running"})
    assert selector.exact("metadata.name") == "a,b"
    assert selector.exact("status.phase") is None


def test_an_unreadable_field_selector_says_why() -> None:
    with pytest.raises(ValueError) as caught:
        selectors.parse_fields("a=b,c")
    assert str(caught.value) == "invalid selector: 'a=b,c'; can't understand 'c'"
