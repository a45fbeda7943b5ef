"""The history of a release: what is kept, and what a rollback goes to."""

import pytest

from deploy.helm import history
from gotk.api.helm import ReleaseSnapshot, TestHookStatus
from tests.deploy.helm.releases import release, snapshot

FAILED_TEST = {"smoke": TestHookStatus(phase="Failed")}


def revisions(*statuses: str) -> tuple[ReleaseSnapshot, ...]:
    """Make snapshots, the newest first; a status with a `!` has a failed test."""
    made = []
    for version, status in zip(range(len(statuses), 0, -1), statuses, strict=True):
        hooks = FAILED_TEST if status.endswith("!") else None
        made.append(snapshot(release(version, status.removesuffix("!")), test_hooks=hooks))
    return tuple(made)


def versions(kept: history.History) -> list[int]:
    return [each.version for each in kept]


PREVIOUS = [
    (["failed"], False, None),
    (["failed", "superseded", "superseded"], False, 2),
    (["failed", "failed", "deployed"], False, 1),
    (["failed", "superseded!", "superseded"], False, 1),
    (["failed", "superseded!", "superseded"], True, 2),
    (["failed", "uninstalled"], False, None),
    (["deployed", "superseded"], False, 1),
]


@pytest.mark.parametrize(("statuses", "ignore", "version"), PREVIOUS)
def test_a_rollback_goes_to_the_last_good_revision(statuses: list[str], ignore: bool, version: int | None) -> None:
    found = history.previous(revisions(*statuses), ignore_tests=ignore)
    assert (found and found.version) == version


TRUNCATED = [
    (["deployed"], False, [1]),
    (["deployed", "superseded", "superseded"], False, [3, 2]),
    (["failed", "failed", "superseded", "superseded"], False, [4, 3, 2]),
    (["deployed", "superseded!", "superseded", "superseded"], False, [4, 3, 2]),
    (["deployed", "superseded!", "superseded", "superseded"], True, [4, 3]),
    (["failed"] * 7, False, [7, 6, 5, 4, 3]),
    ([], False, []),
]


@pytest.mark.parametrize(("statuses", "ignore", "kept"), TRUNCATED)
def test_what_is_older_than_the_last_good_revision_goes(statuses: list[str], ignore: bool, kept: list[int]) -> None:
    assert versions(history.truncated(revisions(*statuses), ignore_tests=ignore)) == kept


def test_five_are_kept_of_a_release_that_is_never_rolled_back() -> None:
    assert versions(history.newest(revisions("failed", *["superseded"] * 6))) == [7, 6, 5, 4, 3]


def test_the_newest_is_the_one_of_the_highest_version() -> None:
    made = revisions("deployed", "superseded")
    assert history.latest(made[::-1]) == made[0]
    assert history.latest(()) is None


def test_a_new_revision_stands_first_and_one_seen_again_in_its_place() -> None:
    before = revisions("failed", "superseded")
    fourth = snapshot(release(3))
    assert versions(history.with_snapshot(before, fourth)) == [3, 2, 1]
    again = snapshot(release(2, "superseded"))
    assert history.with_snapshot(before, again) == (again, before[1])


def test_what_an_upgrade_supersedes_is_seen_as_superseded() -> None:
    before = revisions("deployed")
    (after,) = history.looked_at_again(before, [release(1, "superseded"), release(9)])
    assert (after.version, after.status) == (1, "superseded")
