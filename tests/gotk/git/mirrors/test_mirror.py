"""The mirror as a cache: what happens when it is damaged, half made, shared or forgotten."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode

from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.lock import exclusive
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer
from gotk.git.transport import libgit2_client
from gotk.git.transport.operation import Fetch, Remote
from tests.real import proxies

MAIN = "refs/heads/main"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "origin.git"
    seed(path, {"README.md": "one\n", "apps/web/a.yaml": "a", "apps/web-2.yaml": "b"})
    return path


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors")


@pytest.fixture
def mirror(mirrors: Mirrors, origin: Path) -> Mirror:
    return mirrors.open(f"file://{origin}")


def only(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "mirrors").glob("*.git")
    return path


def test_files_come_in_order_with_their_mode(mirror: Mirror) -> None:
    tip = mirror.fetch(MAIN)
    assert [(entry.path, entry.mode) for entry in mirror.files(tip)] == [
        ("README.md", FileMode.BLOB),
        ("apps/web-2.yaml", FileMode.BLOB),
        ("apps/web/a.yaml", FileMode.BLOB),
    ]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("apps/web", ["apps/web/a.yaml"]),
        ("./apps/web/", ["apps/web/a.yaml"]),
        ("apps/web-2.yaml", ["apps/web-2.yaml"]),
        ("./", ["README.md", "apps/web-2.yaml", "apps/web/a.yaml"]),
    ],
)
def test_a_walk_can_begin_below_the_root(mirror: Mirror, prefix: str, found: list[str]) -> None:
    assert [entry.path for entry in mirror.files(mirror.fetch(MAIN), prefix)] == found


@pytest.mark.parametrize("prefix", ["none", "apps/none", "README.md/x"])
def test_a_prefix_that_is_not_there_is_named(mirror: Mirror, prefix: str) -> None:
    with pytest.raises(errors.PathNotFound, match=prefix):
        list(mirror.files(mirror.fetch(MAIN), prefix))


@pytest.mark.parametrize("prefix", ["../x", "apps/../../x", ".git"])
def test_a_prefix_cannot_climb(mirror: Mirror, prefix: str) -> None:
    with pytest.raises(errors.InvalidPath):
        list(mirror.files(mirror.fetch(MAIN), prefix))


def test_head_is_the_branch_that_it_names(mirror: Mirror) -> None:
    assert mirror.fetch("HEAD") == mirror.fetch(MAIN) == mirror.resolve(MAIN)


def test_nothing_is_resolved_before_it_was_fetched(mirror: Mirror) -> None:
    mirror.fetch(MAIN)
    assert mirror.resolve("refs/heads/other") is None


def test_the_subject_is_the_message_s_first_line(mirror: Mirror, origin: Path) -> None:
    tip = seed(origin, {"a": "b"}, message="\nSay it\n\nIn full.\n")
    assert mirror.subject(mirror.fetch(MAIN)) == "Say it"
    assert mirror.fetch(MAIN) == tip


def test_a_damaged_file_heals_with_the_next_fetch(mirror: Mirror, tmp_path: Path) -> None:
    tip = mirror.fetch(MAIN)
    blob = next(mirror.files(tip)).blob_id
    for path in (only(tmp_path) / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"\0" * path.stat().st_size)
    again = Mirrors(tmp_path / "mirrors").open(str(mirror.url))
    with pytest.raises(errors.Damaged, match="it is fetched anew"):
        again.read(blob)
    assert again.fetch(MAIN) == tip
    assert again.read(blob) == b"one\n"


@pytest.mark.parametrize("lost", ["HEAD", "config", "objects", "refs"])
def test_a_mirror_without_a_part_of_it_is_made_anew(
    mirrors: Mirrors, mirror: Mirror, tmp_path: Path, lost: str
) -> None:
    tip = mirror.fetch(MAIN)
    part = only(tmp_path) / lost
    part.rename(tmp_path / "lost")
    again = mirrors.open(str(mirror.url))
    assert again.fetch(MAIN) == tip
    assert again.read(next(again.files(tip)).blob_id) == b"one\n"


def test_what_a_killed_fetch_left_is_cleared_away(mirror: Mirror, tmp_path: Path) -> None:
    mirror.fetch(MAIN)
    leftover = only(tmp_path) / "objects" / "pack" / "pack_git2_x1y2z3"
    leftover.write_bytes(b"half")
    mirror.fetch(MAIN)
    assert not leftover.exists()


def test_a_mirror_of_very_many_packs_starts_over(mirror: Mirror, tmp_path: Path) -> None:
    tip = mirror.fetch(MAIN)
    packs = only(tmp_path) / "objects" / "pack"
    for number in range(51):
        (packs / f"pack-{number:040}.pack").write_bytes(b"")
    assert mirror.fetch(MAIN) == tip
    assert len(list(packs.glob("*.pack"))) <= 1


def test_tenants_have_mirrors_of_their_own(mirrors: Mirrors, origin: Path, tmp_path: Path) -> None:
    for tenant in ("one", "two", "one"):
        mirrors.open(f"file://{origin}", tenant=tenant).fetch(MAIN)
    assert len(list((tmp_path / "mirrors").glob("*.git"))) == 2


def test_a_mirror_in_use_is_waited_for_and_then_given_up(mirrors: Mirrors, origin: Path, tmp_path: Path) -> None:
    mirror = mirrors.open(f"file://{origin}", timeout=0.1)
    tip = mirror.fetch(MAIN)
    lock = only(tmp_path).with_suffix(".lock")
    with exclusive(lock, timeout=1), pytest.raises(errors.TimedOut, match=r"in use for longer than 0\.1s"):
        mirror.fetch(MAIN)
    assert mirror.fetch(MAIN) == tip


def test_a_forgotten_mirror_is_swept(mirrors: Mirrors, mirror: Mirror, origin: Path, tmp_path: Path) -> None:
    mirror.fetch(MAIN)
    now = datetime.now(UTC)
    assert mirrors.sweep(now=now) == 0
    assert mirrors.sweep(now=now + timedelta(days=8)) == 1
    assert list((tmp_path / "mirrors").iterdir()) == []
    assert mirrors.open(f"file://{origin}").fetch(MAIN) == mirror.fetch(MAIN)


def test_a_repository_with_a_path_that_climbs_is_refused(mirror: Mirror, origin: Path) -> None:
    repository = pygit2.Repository(str(origin))
    blob = repository.create_blob(b"x")
    tree = repository.odb.write(pygit2.enums.ObjectType.TREE, b"100644 ..\0" + blob.raw)
    content = f"tree {tree}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nm\n".encode()
    bad = repository.odb.write(pygit2.enums.ObjectType.COMMIT, content)
    repository.references.create(MAIN, bad, force=True)
    with pytest.raises(errors.Error):
        list(mirror.files(mirror.fetch(MAIN)))


def test_a_fetch_that_brings_too_much_is_stopped(tmp_path: Path) -> None:
    seed(tmp_path / "srv" / "big.git", {"big": os.urandom(2_000_000)})
    local = tmp_path / "local.git"
    pygit2.init_repository(str(local), bare=True)
    with GitServer(tmp_path / "srv") as server:
        request = Fetch(
            remote=Remote(url=server.url("big.git")), repository=str(local), reference=MAIN, limit=1_000_000
        )
        with pytest.raises(errors.TooLarge, match="more than 1000000 bytes came"):
            libgit2_client.run(request)


def test_a_commit_and_push_work_over_a_file_address(mirror: Mirror, origin: Path) -> None:
    tip = mirror.fetch(MAIN)
    made = mirror.commit(tip, {"README.md": b"two\n"}, Person("J", "j@x"), "Change", NOON)
    mirror.push(made, "main", tip)
    assert str(pygit2.Repository(str(origin)).references[MAIN].target) == made


@pytest.fixture(params=["file", "http", "the program"])
def served(request: pytest.FixtureRequest, origin: Path, mirrors: Mirrors) -> Iterator[Mirror]:
    if request.param == "file":
        yield mirrors.open(f"file://{origin}")
        return
    with GitServer(origin.parent) as server, contextlib.ExitStack() as stack:
        credentials = Credentials()
        if request.param == "the program":
            credentials = Credentials(proxy=stack.enter_context(proxies.serve("http")).url)
        yield mirrors.open(server.url("origin.git"), credentials)


def test_a_branch_is_deleted_only_where_it_was_seen(served: Mirror, origin: Path) -> None:
    tip = served.fetch(MAIN)
    moved = served.commit(tip, {"README.md": b"two\n"}, Person("J", "j@x"), "Change", NOON)
    served.push(tip, "updates/web", None)
    served.push(moved, "updates/web", tip)
    with pytest.raises(errors.NonFastForward):
        served.delete("updates/web", tip)
    served.delete("updates/web", moved)
    assert served.references().commits == {"HEAD": tip, MAIN: tip}


def test_what_differs_between_commits_is_told_by_path(mirror: Mirror, origin: Path) -> None:
    old = mirror.fetch(MAIN)
    assert mirror.has(old)
    new = mirror.commit(old, {"apps/web/a.yaml": b"2", "new.txt": b"3"}, Person("a", "a@b"), "m", NOON)
    ids = {path: mirror.node(new, path).id for path in ("apps/web/a.yaml", "new.txt")}
    assert mirror.changes(old, new) == ids
    assert mirror.changes(new, old) == {"apps/web/a.yaml": mirror.node(old, "apps/web/a.yaml").id, "new.txt": ""}
    assert mirror.changes(new, new) == {}


@pytest.mark.parametrize("name", ["0" * 40, "refs/heads/main", "", "main"])
def test_what_was_not_fetched_is_not_there(mirror: Mirror, name: str) -> None:
    assert not mirror.has(name)
    mirror.fetch(MAIN)
    assert not mirror.has(name)


def test_who_may_not_write_any_more_fetches_and_pushes_nothing(tmp_path: Path) -> None:
    remote = tmp_path / "r.git"
    tip = seed(remote, {"a.yaml": "a: 1\n"})
    left = [30.0]
    mirror = Mirrors(tmp_path / "mirrors", write_time=lambda: left[0]).open(f"file://{remote}")
    base = mirror.fetch("refs/heads/main")
    made = mirror.commit(base, {"a.yaml": b"a: 2\n"}, Person("Bot", "bot@example.com"), "Update", datetime.now(UTC))
    left[0] = 0.0
    with pytest.raises(errors.Fenced, match="this replica is not the leader"):
        mirror.push(made, "main", base)
    assert mirror.fetch("refs/heads/main") == str(tip)
    left[0] = 30.0
    mirror.push(made, "main", base)
    assert mirror.fetch("refs/heads/main") == made
