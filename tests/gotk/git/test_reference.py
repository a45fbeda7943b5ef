"""What a reference names, in which order its fields count, and how each of Flux's two controllers calls the commit."""

import pytest

from gotk.api.source import GitRepositoryRef
from gotk.git import errors, reference

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("ref", "full", "named"),
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
def test_a_reference_names_what_to_fetch_and_what_to_call_it(ref: dict | None, full: str, named: str) -> None:
    target = reference.choose(None if ref is None else GitRepositoryRef(**ref), full_names=True)
    assert (target.reference, target.revision(COMMIT)) == (full, named)


@pytest.mark.parametrize(
    ("ref", "label"),
    [
        pytest.param({"name": "refs/heads/main"}, "main", id="a branch by its full name"),
        pytest.param({"name": "refs/tags/v1"}, "v1", id="a tag by its full name"),
        pytest.param({"name": "refs/pull/420/head"}, "refs/pull/420/head", id="neither"),
        pytest.param({"commit": COMMIT, "name": "refs/heads/main"}, "", id="a pinned commit"),
        pytest.param({"commit": COMMIT, "branch": "main"}, "main", id="a pinned commit of a branch"),
    ],
)
def test_image_automation_controller_writes_short_names(ref: dict, label: str) -> None:
    assert reference.choose(GitRepositoryRef(**ref), full_names=False).label == label


LISTED = {
    "refs/heads/9.0.0": "branch",
    "refs/tags/1.2.0": "old",
    "refs/tags/v1.2.0": "new",
    "refs/tags/1.1.0": "older",
    "refs/tags/v2.0.0-rc.1": "candidate",
    "refs/tags/junk": "junk",
}


@pytest.mark.parametrize(
    ("text", "made", "tag"),
    [
        pytest.param("1.x", {"refs/tags/1.2.0": 1, "refs/tags/v1.2.0": 2}, "v1.2.0", id="of equals the newest"),
        pytest.param("1.x", {"refs/tags/1.2.0": 3, "refs/tags/v1.2.0": 2}, "1.2.0", id="whichever is spelt how"),
        pytest.param("1.1.x", {}, "1.1.0", id="asks for no time where there is one"),
        pytest.param(">=1.0.0-0", {}, "v2.0.0-rc.1", id="a prerelease where the range lets it in"),
    ],
)
def test_a_range_chooses_the_highest_tag(text: str, made: dict[str, int], tag: str) -> None:
    found = reference.choose(GitRepositoryRef(semver=text), full_names=True).resolved(LISTED, made.__getitem__)
    assert (found.reference, found.label, found.semver) == (f"refs/tags/{tag}", tag, "")


@pytest.mark.parametrize(("text", "cause"), [("9.x", "no match found for semver: 9.x"), ("a b", "semver parse error")])
def test_a_range_that_leads_nowhere_is_named(text: str, cause: str) -> None:
    with pytest.raises(errors.ReferenceNotFound, match=cause):
        reference.latest(text, LISTED, {}.__getitem__)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *[(name, True) for name in ("main", "a/b", "feature-1", "ä", "a.b", "x" * 255)],
        *[(name, False) for name in ("", "-a", "@", "a..b", "a//b", "/a", "a/", ".a", "a/.b", "a.lock", "a.lock/b")],
        *[(name, False) for name in ("a b", "a~", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{b", "a.", "a\n")],
        ("x" * 256, False),
    ],
)
def test_a_branch_is_called_as_git_lets_it_be(name: str, allowed: bool) -> None:
    assert reference.is_branch(name) is allowed
