"""One message for many events."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from image_automation.notification.alerts import grouping
from image_automation.notification.notice import Involved, Notice
from tests.image_automation.notification import scene

ALERT = scene.alert(annotations={grouping.ANNOTATION: "5m"})
WINDOW = grouping.Window(300)
RUN = grouping.Window(120, 10)


def event(name: str, message: str = "applied", severity: str = "info", revision: str = "main@sha1:1") -> Notice:
    about = Involved(kind="Kustomization", namespace="apps", name=name, api_version=f"{scene.GROUP}/v1")
    return scene.notice(message, involved_object=about, severity=severity, metadata={"revision": revision})


@pytest.mark.parametrize(
    ("wish", "found"),
    [("", None), ("run", RUN), ("5m", WINDOW), ("90s", grouping.Window(90))],
    ids=["no wish", "a run", "five minutes", "seconds"],
)
def test_the_annotation_says_how_long(wish: str, found: grouping.Window | None) -> None:
    assert grouping.window(scene.alert(annotations={grouping.ANNOTATION: wish})) == found


@pytest.mark.parametrize("wish", ["yes", "0s", "25h", "-5m", "5"])
def test_a_wish_that_makes_no_sense_is_named(wish: str) -> None:
    with pytest.raises(ValueError, match=r"image-automation.dev/group: expected run, or a duration"):
        grouping.window(scene.alert(annotations={grouping.ANNOTATION: wish}))


def test_a_window_ends_when_it_has_lasted_and_a_run_when_it_is_quiet() -> None:
    groups = grouping.Groups()
    groups.add(ALERT, WINDOW, event("a"), 0)
    groups.add(ALERT, WINDOW, event("b"), 299)
    assert list(groups.due(299)) == []
    assert len(list(groups.due(300))) == 1
    groups.add(ALERT, RUN, event("c"), 400)
    groups.add(ALERT, RUN, event("d"), 409)
    assert list(groups.due(418)) == []
    assert len(list(groups.due(419))) == 1


def test_thirty_objects_are_one_message_with_the_failures_first() -> None:
    groups = grouping.Groups()
    for number in range(30):
        groups.add(ALERT, WINDOW, event(f"app-{number}"), number)
    groups.add(ALERT, WINDOW, event("app-7", "build failed\ndetails", "error"), 40)
    [gathered] = groups.due(300)
    told = gathered.notice
    lines = told.message.split("\n")
    assert lines[:2] == ["1 failed, 29 succeeded:", "✗ kustomization/app-7.apps: build failed"]
    assert len(lines) == 31
    assert (told.severity, told.reason, told.title) == ("error", "Grouped", "alert/all.apps")
    assert told.metadata == {"revision": "main@sha1:1"}


def test_a_single_event_stays_as_it_is() -> None:
    groups = grouping.Groups()
    groups.add(ALERT, WINDOW, event("a"), 0)
    assert [gathered.notice for gathered in groups.due(300)] == [event("a")]


def test_what_was_told_before_is_not_told_again_until_it_changes() -> None:
    groups = grouping.Groups()
    told = []
    for round_, message in enumerate(["failed", "failed", "applied", "failed"]):
        groups.add(ALERT, WINDOW, event("a", message), round_ * 1000)
        for gathered in groups.due(round_ * 1000 + 300):
            told.append(gathered.notice.message)
            groups.arrived(gathered)
    assert told == ["failed", "applied", "failed"]


def test_a_failure_that_an_object_recovered_from_is_told_beside_its_last_word() -> None:
    groups = grouping.Groups()
    for message, severity in (("applied", "info"), ("timeout", "error"), ("applied", "info"), ("applied", "info")):
        groups.add(ALERT, WINDOW, event("a", message, severity), 0)
    [gathered] = groups.due(300)
    assert gathered.notice.message == "1 succeeded:\n✔ kustomization/a.apps: applied (after: timeout)"
    assert gathered.notice.severity == "info"


def test_what_did_not_arrive_is_news_again() -> None:
    groups = grouping.Groups()
    for round_ in range(3):
        groups.add(ALERT, WINDOW, event("a", "failed", "error"), round_ * 1000)
        ended = list(groups.due(round_ * 1000 + 300))
        assert len(ended) == (1 if round_ < 2 else 0)
        if round_ == 1:
            groups.arrived(ended[0])


def test_a_group_that_is_full_ends_and_loses_no_object() -> None:
    groups = grouping.Groups()
    added = (groups.add(ALERT, WINDOW, event(f"app-{n}", "failed", "error"), 0) for n in range(2500))
    ended = [gathered for gathered in added if gathered]
    told = [gathered.notice.message.split("\n")[0] for gathered in (*ended, *groups.all())]
    assert told == ["1000 failed:", "1000 failed:", "500 failed:"]


def test_a_group_of_long_messages_ends_before_it_fills_the_memory() -> None:
    groups = grouping.Groups()
    added = [groups.add(ALERT, WINDOW, event(f"app-{n}", "x" * (1 << 20)), 0) for n in range(20)]
    assert sum(gathered is not None for gathered in added) == 2


WORDS = st.tuples(st.sampled_from("abc"), st.sampled_from(["error", "info"]), st.sampled_from("xyz"))
ROUNDS = st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=8), st.booleans()), max_size=8)


@given(ROUNDS)
@example([([("a", "info", "x")], True), ([("a", "error", "y"), ("a", "info", "x")], True)])
def test_no_failure_is_ever_lost(rounds: list[tuple[list[tuple[str, str, str]], bool]]) -> None:
    """The last failure of an object in a group is in the message, or it is what the object was last told of."""
    groups, known = grouping.Groups(), dict[str, str]()
    for words, arrives in rounds:
        for name, severity, message in words:
            groups.add(ALERT, WINDOW, event(name, f"{severity}-{message}", severity), 0)
        ended = list(groups.all())
        shown = "\n".join(gathered.notice.message for gathered in ended)
        for name in {name for name, _, _ in words}:
            said = [f"{severity}-{message}" for each, severity, message in words if each == name]
            failures = [each for each in said if each.startswith("error")]
            unchanged = said[-1] == known.get(name) and said[-1].startswith("error")
            assert not failures or unchanged or failures[-1] in shown
        if arrives:
            known |= {name: f"{severity}-{message}" for name, severity, message in words}
            for gathered in ended:
                groups.arrived(gathered)
