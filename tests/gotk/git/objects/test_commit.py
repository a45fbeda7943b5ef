import string
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygit2.enums import FileMode

from gotk.git import errors
from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from tests.real import child

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JANE = Person("Jane", "jane@example.com")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.git"


def make(path: Path, base: str | None, edits: dict[str, bytes], **options: object) -> pygit2.Commit:
    repository = pygit2.Repository(str(path))
    settings: dict = {"author": JANE, "message": "Change", "when": NOON, **options}
    return repository[commits.create(repository, base, edits, **settings)]


def files(tree: pygit2.Tree, where: str = "") -> dict[str, tuple[bytes, int]]:
    found = {}
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            found |= files(entry, f"{where}{entry.name}/")
        else:
            found[where + entry.name] = (entry.data, entry.filemode)
    return found


def test_only_the_edited_files_change(path: Path) -> None:
    base = seed(path, {"a": "1", "d/b": "2", "d/e/c": "3"})
    made = make(path, base, {"d/b": b"two"})
    assert {name: content for name, (content, _) in files(made.tree).items()} == {
        "a": b"1",
        "d/b": b"two",
        "d/e/c": b"3",
    }
    assert [str(parent) for parent in made.parent_ids] == [base]


def test_new_directories_come_with_their_files(path: Path) -> None:
    made = make(path, seed(path, {"a": "1"}), {"x/y/z": b"new"})
    assert files(made.tree)["x/y/z"] == (b"new", FileMode.BLOB)


def test_a_script_stays_executable(path: Path) -> None:
    base = seed(path, {"a": "1"})
    repository = pygit2.Repository(str(path))
    builder = repository.TreeBuilder(repository[base].tree)
    builder.insert("run", repository.create_blob(b"#!"), FileMode.BLOB_EXECUTABLE)
    who = pygit2.Signature("a", "a@b", 0, 0)
    scripted = str(repository.create_commit(None, who, who, "m", builder.write(), []))
    assert files(make(path, scripted, {"run": b"#!/bin/sh"}).tree)["run"] == (b"#!/bin/sh", FileMode.BLOB_EXECUTABLE)


def test_a_link_is_never_written_through(path: Path) -> None:
    base = seed(path, {"a": "1"})
    repository = pygit2.Repository(str(path))
    builder = repository.TreeBuilder(repository[base].tree)
    builder.insert("link", repository.create_blob(b"/etc/passwd"), FileMode.LINK)
    who = pygit2.Signature("a", "a@b", 0, 0)
    linked = str(repository.create_commit(None, who, who, "m", builder.write(), []))
    with pytest.raises(errors.InvalidPath, match="'link' is no ordinary file"):
        make(path, linked, {"link": b"x"})
    with pytest.raises(errors.InvalidPath, match="'link' is no directory"):
        make(path, linked, {"link/x": b"x"})


def test_author_time_and_message_are_as_given(path: Path) -> None:
    when = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    made = make(path, seed(path, {"a": "1"}), {"a": b"2"}, when=when, message="Update web\n\nBy hand.\n")
    for who in (made.author, made.committer):
        assert (who.name, who.email, who.time, who.offset) == ("Jane", "jane@example.com", int(when.timestamp()), 120)
    assert made.message == "Update web\n\nBy hand.\n"


def test_an_author_without_a_name_goes_by_the_address(path: Path) -> None:
    assert make(path, seed(path, {"a": "1"}), {}, author=Person("", "bot@x")).author.name == "bot@x"


def test_a_name_cannot_end_its_header_early(path: Path) -> None:
    made = make(path, seed(path, {"a": "1"}), {}, author=Person("J\nparent <x>", "a@b"))
    assert made.author.name == "Jparent x"
    assert len(made.parent_ids) == 1


def test_the_same_inputs_make_the_same_commit(path: Path) -> None:
    base = seed(path, {"a": "1"})
    assert make(path, base, {"a": b"2"}).id == make(path, base, {"a": b"2"}).id


def test_no_edit_keeps_the_tree(path: Path) -> None:
    base = seed(path, {"a": "1"})
    assert make(path, base, {}).tree_id == pygit2.Repository(str(path))[base].tree_id


def test_a_signature_is_put_over_the_commit_s_bytes(path: Path) -> None:
    signed: list[bytes] = []

    def sign(content: bytes) -> str:
        signed.append(content)
        return "-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----\n"

    made = make(path, seed(path, {"a": "1"}), {"a": b"2"}, sign=sign)
    signature, content = made.gpg_signature
    assert signature.splitlines() == [b"-----BEGIN SSH SIGNATURE-----", b"abc", b"-----END SSH SIGNATURE-----"]
    assert content == signed[0]


def test_a_base_that_is_not_there_is_named(path: Path) -> None:
    seed(path, {"a": "1"})
    with pytest.raises(errors.ReferenceNotFound, match="0123456789"):
        make(path, "0123456789" * 4, {"a": b"2"})


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/../x", "/etc/passwd", "a//b", "", "a/", "./a", "a\\b", "a\0b"),
        *(
            ".git/config",
            "a/.GIT/hooks/post-commit",
            ".git ",
            ".git.",
            "GIT~1",
            ".git::$INDEX_ALLOCATION",
            ".g\u200cit",
        ),
    ],
)
def test_a_path_that_leaves_the_repository_or_enters_git_s_own_is_refused(path: Path, name: str) -> None:
    base = seed(path, {"a": "1"})
    with pytest.raises(errors.InvalidPath):
        make(path, base, {name: b"x"})


@pytest.mark.parametrize("name", [".gitignore", ".github/workflows/x.yml", "git", "a.git", "...", "C:x", "ü/ä"])
def test_an_ordinary_path_is_taken(name: str) -> None:
    assert commits.check_path(name) == tuple(name.split("/"))


names = st.text(string.ascii_lowercase, min_size=1, max_size=2)


@given(before=st.dictionaries(names, st.binary(max_size=5)), after=st.dictionaries(names, st.binary(max_size=5)))
def test_a_commit_holds_what_was_there_with_the_edits_on_top(
    before: dict[str, bytes], after: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("law") / "r.git"
    base = seed(path, {f"d/{name}": content for name, content in before.items()})
    made = make(path, base, {f"d/{name}": content for name, content in after.items()})
    expected = {f"d/{name}": content for name, content in {**before, **after}.items()}
    assert {name: content for name, (content, _) in files(made.tree).items()} == expected


@pytest.mark.real
@pytest.mark.parametrize("how", [(), ("--reset-author",)], ids=["as it is", "as one's own"])
def test_a_commit_that_somebody_amended_has_no_mark_any_more(path: Path, tmp_path: Path, how: tuple[str, ...]):
    marked = make(path, seed(path, {"a.txt": "1"}), {"a.txt": b"2"}, mark="u-1")
    pygit2.Repository(str(path)).references.create("refs/heads/main", marked.id, force=True)
    git, clone = child.program("git"), str(tmp_path / "clone")
    subprocess.run([git, "clone", "-q", "-b", "main", str(path), clone], check=True, capture_output=True)
    jane = ["-c", "user.name=jane", "-c", "user.email=jane@example.com"]
    amend = ["commit", "--amend", "--no-edit", "--allow-empty", *how]
    subprocess.run([git, "-C", clone, *jane, *amend], check=True, capture_output=True)
    amended = pygit2.Repository(clone).revparse_single("HEAD").read_raw()
    assert b"\nimage-automation u-1" in amended
    assert commits.mark_of(amended) == ""


@pytest.mark.real
def test_a_mark_is_known_again_and_git_finds_nothing_wrong_with_it(path: Path):
    first = seed(path, {"a.txt": "1"})
    marked = make(path, first, {"a.txt": b"2"}, message="m\n\nimage-automation fake\n", mark="u-1\nx")
    plain = make(path, first, {"a.txt": b"2"}, message="\n\nimage-automation fake\n")
    assert [commits.mark_of(each.read_raw()) for each in (marked, plain)] == ["u-1x", ""]
    pygit2.Repository(str(path)).references.create("refs/heads/main", marked.id, force=True)
    git = [child.program("git"), "-C", str(path)]
    subprocess.run([*git, "fsck", "--strict", "--full"], check=True, capture_output=True)
    shown = subprocess.run([*git, "log", "-1", "--format=fuller"], check=True, capture_output=True, text=True).stdout
    assert "u-1" not in shown


@given(st.binary(max_size=100))
def test_a_blob_s_id_is_git_s(content: bytes):
    assert commits.blob_id(content) == str(pygit2.hash(content))
