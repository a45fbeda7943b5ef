import pytest

from deploy.source import revision
from gotk.api.source import GitRepositoryRef

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("ref", "reference", "named"),
    [
        pytest.param(None, "refs/heads/master", f"master@sha1:{COMMIT}", id="nothing"),
        pytest.param({}, "refs/heads/master", f"master@sha1:{COMMIT}", id="an empty reference"),
        pytest.param({"branch": "a/b"}, "refs/heads/a/b", f"a/b@sha1:{COMMIT}", id="branch"),
        pytest.param({"tag": "v1", "branch": "b"}, "refs/tags/v1", f"v1@sha1:{COMMIT}", id="tag before branch"),
        pytest.param(
            {"name": "refs/pull/420/head", "tag": "v1"},
            "refs/pull/420/head",
            f"refs/pull/420/head@sha1:{COMMIT}",
            id="name before tag",
        ),
        pytest.param({"commit": COMMIT}, "", f"sha1:{COMMIT}", id="commit"),
        pytest.param(
            {"commit": COMMIT, "branch": "b"}, "refs/heads/b", f"b@sha1:{COMMIT}", id="commit within a branch"
        ),
        pytest.param(
            {"commit": COMMIT, "name": "refs/heads/b"},
            "refs/heads/b",
            f"refs/heads/b@sha1:{COMMIT}",
            id="commit within a name",
        ),
    ],
)
def test_a_reference_names_what_to_fetch_and_what_to_call_it(ref: dict | None, reference: str, named: str) -> None:
    target = revision.target(None if ref is None else GitRepositoryRef(**ref))
    assert (target.reference, target.revision(COMMIT)) == (reference, named)


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
