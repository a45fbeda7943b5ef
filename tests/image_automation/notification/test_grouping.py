"""One message for many events."""

import pytest

from image_automation.notification import grouping
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
    [(_, told)] = groups.due(300)
    lines = told.message.split("\n")
    assert lines[:2] == ["1 failed, 29 succeeded:", "✗ kustomization/app-7.apps: build failed"]
    assert len(lines) == 31
    assert (told.severity, told.reason, told.title) == ("error", "Grouped", "alert/all.apps")
    assert told.metadata == {"revision": "main@sha1:1"}


def test_a_single_event_stays_as_it_is() -> None:
    groups = grouping.Groups()
    groups.add(ALERT, WINDOW, event("a"), 0)
    assert [told for _, told in groups.due(300)] == [event("a")]


def test_what_was_told_before_is_not_told_again_until_it_changes() -> None:
    groups = grouping.Groups()
    told = []
    for round_, message in enumerate(["failed", "failed", "applied", "failed"]):
        groups.add(ALERT, WINDOW, event("a", message), round_ * 1000)
        told += [notice.message for _, notice in groups.due(round_ * 1000 + 300)]
    assert told == ["failed", "applied", "failed"]
