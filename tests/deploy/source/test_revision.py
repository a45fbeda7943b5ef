import pytest

from deploy.source import revision

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (f"main@sha1:{COMMIT}", f"main@sha1:{COMMIT}", True),
        (f"main/{COMMIT}", f"main@sha1:{COMMIT}", True),
        (f"feature/x/{COMMIT}", f"feature/x@sha1:{COMMIT}", True),
        (f"HEAD/{COMMIT}", f"sha1:{COMMIT}", True),
        (COMMIT, f"sha1:{COMMIT}", True),
        (f"main/{COMMIT}", f"sha1:{COMMIT}", False),
        (f"main@sha1:{COMMIT}", f"other@sha1:{COMMIT}", False),
    ],
)
def test_an_older_spelling_is_the_same_revision(old: str, new: str, same: bool) -> None:
    assert revision.same(old, new) is same


def test_a_long_subject_is_cut() -> None:
    assert revision.short("x" * 50) == "x" * 50
    assert revision.short("x" * 51) == "x" * 50 + "..."
