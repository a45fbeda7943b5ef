"""What is believed of a tag list, over whole histories of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api import extensions
from reflector import loss_guard
from reflector.first_seen import FirstSeen
from reflector.loss_guard import Assessment, Circumstances

LISTS = st.lists(st.frozensets(st.sampled_from("abcdef")), min_size=1, max_size=8)


def scan(known: FirstSeen | None, tags: str | frozenset[str], now: int, needed: int = 2, **case) -> Assessment:
    listed = sorted(tags, reverse=True)
    circumstances = Circumstances(now=now, needed=needed, interval=60, listed=len(listed), **case)
    return loss_guard.assess(known, listed, circumstances)


def after(*lists: str, needed: int = 2, apart: int = 60) -> Assessment:
    """Scan so many lists, each a while after the other."""
    assessed = scan(None, lists[0], 1000, needed)
    for number, tags in enumerate(lists[1:], 1):
        assessed = scan(assessed.first_seen, tags, 1000 + number * apart, needed)
    return assessed


def names(assessed: Assessment) -> str:
    return "".join(sorted(assessed.first_seen.names))


HISTORIES = {
    "nothing is lost": (("abcd", "abcd"), "abcd", None),
    "a new tag counts at once": (("ab", "abc"), "abc", None),
    "one tag is missed once": (("abcd", "abc"), "abcd", None),
    "one tag is missed twice": (("abcd", "abc", "abc"), "abc", None),
    "a tag that comes back starts anew": (("abcd", "abc", "abcd", "abc"), "abcd", None),
    "half is left": (("abcd", "ab"), "abcd", None),
    "less than half is left": (("abcd", "a"), "abcd", "TagListShrunk"),
    "less than half is left, twice": (("abcd", "a", "a"), "a", None),
    "others are missing each time": (("abcd", "a", "b"), "ab", None),
    "nothing is left": (("abcd", ""), "abcd", "TagListEmpty"),
    "nothing is left, twice": (("abcd", "", ""), "", None),
    "an empty list at first": (("",), "", None),
    "another set of tags altogether": (("abcd", "efgh"), "abcdefgh", "TagListShrunk"),
}


@pytest.mark.parametrize(("lists", "believed", "doubt"), HISTORIES.values(), ids=HISTORIES)
def test_what_is_believed(lists, believed, doubt):
    assessed = after(*lists)
    assert names(assessed) == believed
    assert (assessed.doubt and assessed.doubt.reason) == doubt


def test_scans_in_quick_succession_count_once():
    assert names(after("abcd", "", "", "", "", apart=5)) == "abcd"


def test_a_tag_that_goes_between_two_counting_scans_has_its_whole_time():
    """Else the next interval's scan would count it twice within seconds of its going."""
    known = scan(after("abcdef", "abcde").first_seen, "a", 1060 + 40).first_seen
    assert names(assessed := scan(known, "a", 1060 + 60)) == "abcdef"
    assert names(scan(assessed.first_seen, "a", 1060 + 40 + 60)) == "a"


def test_a_loss_right_after_a_settled_interval_counts_from_when_it_was_seen():
    """What the last loss counted, long ago or just now, says nothing of this one."""
    settled = after("abcd", "abc", "abcd")
    lost = scan(settled.first_seen, "a", 1000 + 119)
    assert lost.first_seen.counted == 1119
    assert names(scan(lost.first_seen, "a", 1000 + 150)) == "abcd"


@pytest.mark.parametrize("lists", [("abcd", ""), ("abcd", "a"), ("abcd", "abc")], ids=["all", "most", "one"])
def test_an_accepted_loss_is_believed_at_once(lists):
    lost = after(*lists)
    found = scan(lost.first_seen, lists[1], 1061, accepted=lost.loss)
    assert (names(found), found.accepted, found.doubt, found.loss) == (lists[1], True, None, "")
    assert sorted(found.gone) == sorted(set(lists[0]) - set(lists[1]))


def test_an_acceptance_is_of_one_loss_alone():
    lost = after("abcd", "ab")
    for tags, why in {"a": "more is lost", "abc": "less is lost", "bc": "other tags are lost"}.items():
        found = scan(lost.first_seen, tags, 1061, accepted=lost.loss)
        assert (names(found) >= "abcd", found.accepted) == (True, False), why


def test_an_acceptance_holds_once():
    lost = after("abcd", "a")
    found = scan(lost.first_seen, "a", 1061, accepted=lost.loss)
    back = scan(found.first_seen, "abcd", 1120, accepted=lost.loss)
    again = scan(back.first_seen, "a", 1180, accepted=lost.loss)
    assert (names(again), again.accepted) == ("abcd", False)


def test_an_acceptance_that_came_too_late_is_none_of_the_next_loss():
    lost = after("abcd", "a")
    back = scan(lost.first_seen, "abcd", 1090, accepted=lost.loss)
    again = scan(back.first_seen, "a", 1120, accepted=lost.loss)
    assert (names(again), again.accepted) == ("abcd", False)


def test_a_short_first_list_can_be_accepted():
    first = scan(None, "a", 1000, expected=400)
    assert first.loss.startswith("399-")
    found = scan(first.first_seen, "a", 1001, accepted=first.loss)
    assert (names(found), found.doubt, found.accepted) == ("a", None, True)


def test_a_doubt_names_the_loss_as_it_can_be_accepted():
    lost = after("abcd", "a")
    assert lost.doubt is not None
    assert lost.loss.startswith("3-")
    assert lost.doubt.message.endswith(
        f"; to accept the loss now, annotate image-automation.dev/accept-loss={lost.loss}"
    )


def test_a_clock_that_goes_back_counts():
    assessed = after("abcd", "")
    assert names(scan(assessed.first_seen, "", 10)) == ""


def test_what_came_and_what_went_is_told():
    assessed = scan(after("abcd", "abc").first_seen, "abcx", 1120)
    assert (assessed.added, assessed.gone, assessed.kept) == (["x"], ["d"], 0)


def test_a_first_list_that_should_be_far_longer_is_doubted_until_it_was_seen_twice():
    first = scan(None, "a", 1000, expected=400)
    assert first.doubt is not None
    assert first.doubt.message == (
        "the registry lists 1 tags where there were 400, and the tag store was lost; policies keep their tags until"
        " 2 scans in a row say the same, so far 1; to accept the loss now, annotate"
        f" image-automation.dev/accept-loss={first.loss}"
    )
    assert scan(first.first_seen, "a", 1030).doubt is not None
    assert scan(first.first_seen, "a", 1060).doubt is None
    assert scan(None, "a", 1000, needed=1, expected=400).doubt is None
    assert scan(first.first_seen, frozenset(["a", *map(str, range(300))]), 1030).doubt is None


@given(LISTS, st.integers(1, 4))
def test_a_tag_stays_until_so_many_scans_in_a_row_missed_it(lists, needed):
    known = None
    for number, tags in enumerate(lists):
        known = scan(known, tags, 1000 + 60 * number, needed).first_seen
        recent = lists[max(0, number - needed + 1) : number + 1]
        assert set(known.names) == frozenset().union(*recent)
        assert list(known.names) == sorted(known.names, reverse=True)


@given(LISTS)
def test_as_in_flux_every_list_is_believed(lists):
    known = None
    for number, tags in enumerate(lists):
        assessed = scan(known, tags, 1000 + 60 * number, 1)
        known = assessed.first_seen
        assert (set(known.names), assessed.doubt, assessed.kept) == (tags, None, 0)


@given(LISTS)
def test_a_tag_is_as_old_as_its_first_sighting_since_it_was_gone(lists):
    known, seen = None, {}
    for number, tags in enumerate(lists):
        now = 1000 + 60 * number
        known = scan(known, tags, now).first_seen
        seen = {tag: seen.get(tag, now) for tag in known.names}
        assert dict(zip(known.names, known.first, strict=True)) == seen


@pytest.mark.parametrize("text", ["0", "256", "x", "", "1.5", "²", "1" * 1000])
def test_a_number_of_scans_is_checked(text):
    with pytest.raises(ValueError, match=r"is not a number of scans from 1 to 255"):
        loss_guard.needed({extensions.BELIEVE_LOSS_AFTER: text})


def test_two_scans_are_needed_unless_said_otherwise():
    assert (loss_guard.needed({}), loss_guard.needed({extensions.BELIEVE_LOSS_AFTER: "7"})) == (2, 7)
