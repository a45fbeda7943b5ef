"""Pins and what was taken back, as entries of the audit trail."""

from gotk.api import extensions
from gotk.git.objects.commit import Person
from gotk.git.objects.history import Past
from gotk.runtime.reconciler import Key
from image_automation import audit
from image_automation.audit import Entry
from image_automation.update.result import Change, FileResult
from image_automation.writing import provenance
from image_automation.writing.provenance import TakingBack
from tests.image_automation.automating import policy

BOT = Person("Bot", "bot@example.com")
FILES = [FileResult("apps/web.yaml", changes=(Change("apps:web", "a/web:1.1", "a/web:1.0", 5),))]


def committed(taking: TakingBack) -> list[Entry]:
    message = provenance.taking_back_message(Key("apps", "auto"), FILES, taking, "1.1 is slow")
    return list(audit.of_commit(Past("c" * 40, BOT, BOT, message, 1_767_268_800, (), known=False)))


def test_a_rollback_and_a_recovery_say_whose_wish_they_were() -> None:
    common = {"at": "2026-01-01T12:00:00Z", "object": "ImageUpdateAutomation/apps/auto", "commit": "c" * 40}
    assert committed(TakingBack(("1" * 40,), wanted_by="jane", request="one")) == [
        Entry(what="rolled back, committed", by="jane", reason="Roll back web to a/web:1.0: 1.1 is slow", **common)
    ]
    assert committed(TakingBack(("1" * 40,), recovers="HelmRelease apps/shop")) == [
        Entry(
            what="recovered, committed",
            by="HelmRelease apps/shop",
            reason="Recover: roll back web to a/web:1.0: 1.1 is slow",
            **common,
        )
    ]


def test_a_pin_is_told_after_its_end_too() -> None:
    pinned = policy("web", "a/web", "1.1")
    pinned.metadata.annotations[extensions.PIN] = '{"tag": "1.0", "by": "jane", "until": "2020-01-01T00:00:00Z"}'  # type: ignore[index]
    assert list(audit.of_policy(pinned)) == [
        Entry(what="pinned", by="jane", object="ImagePolicy/apps/web", version="1.0", until="2020-01-01T00:00:00Z")
    ]
