"""What was pushed from one mirror is taken over by others of the same remote and tenant, and by no one else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gotk.git.mirrors import cache
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer

MAIN = "refs/heads/main"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    seed(tmp_path / "git" / "origin.git", {"README.md": "one\n", "apps/web/a.yaml": "a", "apps/b.yaml": "b"})
    with GitServer(tmp_path / "git") as server:
        yield server.url("origin.git")


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors")


def push(mirror: Mirror, content: bytes) -> str:
    base = mirror.fetch(MAIN)
    made = mirror.commit(base, {"apps/web/a.yaml": content, "new/c.yaml": content}, Person("a", "a@b"), "m", NOON)
    mirror.push(made, "main", base)
    return made


def contents(mirror: Mirror, commit: str) -> dict[str, bytes]:
    return {entry.path: mirror.read(entry.blob_id) for entry in mirror.files(commit)}


def test_what_was_pushed_is_not_sent_back(mirrors: Mirrors, url: str) -> None:
    writer, reader = mirrors.open(url, tenant="team", depth=0), mirrors.open(url, tenant="team")
    reader.fetch(MAIN)
    for number in range(3):
        made = push(writer, b"%d" % number)
        brought = reader.bring(MAIN)
        assert (brought.commit, brought.transferred) == (made, False)
        assert contents(reader, made) == contents(writer, made)


def test_what_another_tenant_pushed_is_fetched(mirrors: Mirrors, url: str) -> None:
    reader = mirrors.open(url, tenant="others")
    reader.fetch(MAIN)
    made = push(mirrors.open(url, tenant="team", depth=0), b"2")
    brought = reader.bring(MAIN)
    assert (brought.commit, brought.transferred) == (made, True)


def test_a_mirror_that_lacks_what_it_was_made_on_fetches(mirrors: Mirrors, url: str) -> None:
    made = push(mirrors.open(url, depth=0), b"2")
    brought = mirrors.open(url).bring(MAIN)
    assert (brought.commit, brought.transferred) == (made, True)


def test_a_push_of_somebody_else_on_top_is_fetched(mirrors: Mirrors, url: str, tmp_path: Path) -> None:
    writer, reader = mirrors.open(url, depth=0), mirrors.open(url)
    reader.fetch(MAIN)
    push(writer, b"2")
    newer = push(Mirrors(tmp_path / "elsewhere").open(url), b"3")
    brought = reader.bring(MAIN)
    assert (brought.commit, brought.transferred) == (newer, True)
    assert contents(reader, newer)["new/c.yaml"] == b"3"


def test_where_the_mirror_that_pushed_is_gone_it_is_fetched(mirrors: Mirrors, url: str, tmp_path: Path) -> None:
    reader = mirrors.open(url)
    reader.fetch(MAIN)
    (own,) = (tmp_path / "mirrors").glob("*.git")
    made = push(mirrors.open(url, depth=0), b"2")
    (other,) = set((tmp_path / "mirrors").glob("*.git")) - {own}
    cache.delete(other)
    brought = reader.bring(MAIN)
    assert (brought.commit, brought.transferred) == (made, True)
