"""What is remembered of deliveries and calls: the last ones, bounded, with a word to who listens."""

from image_automation.notification.journal import Journal
from tests.image_automation.dashboard.showing import Noon

ABOUT = ("Kustomization", "apps", "web")


def test_only_the_last_are_kept_of_each_object_the_last_first() -> None:
    journal = Journal(Noon(), lambda: None)
    for number in range(50):
        journal.delivered(("apps", "chat"), alert="all", about=ABOUT, reason=f"R{number}")
        journal.called(("apps", "hook"), 200, woken=number)
    assert [each.reason for each in journal.deliveries("apps", "chat")] == [
        f"R{number}" for number in range(49, 29, -1)
    ]
    assert [each.woken for each in journal.calls("apps", "hook")] == list(range(49, 29, -1))


def test_of_many_objects_those_are_forgotten_that_were_quiet_for_longest() -> None:
    journal = Journal(Noon(), lambda: None)
    for number in range(600):
        journal.called(("apps", f"hook-{number}"), 400, cause="x" * 9000)
    assert journal.calls("apps", "hook-0") == ()
    assert len(journal.calls("apps", "hook-599")[0].cause) == 500


def test_who_listens_hears_of_each() -> None:
    heard: list[str] = []
    journal = Journal(Noon(), lambda: heard.append("news"))
    journal.delivered(("apps", "chat"), alert="all", about=ABOUT, reason="R", cause="no")
    journal.called(("apps", "hook"), 503)
    assert heard == ["news", "news"]
