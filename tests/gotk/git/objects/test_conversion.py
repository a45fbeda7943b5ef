"""A commit in somebody's clone holds what Git would have put there: asked of the git program itself."""

import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gotk.git import errors
from gotk.git.objects import clone
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from tests.real import child
from tests.running import NOON

BOT = Person("Bot", "bot@example.com")
LF, CRLF = b"kind: X\nimage: a:1\nend: y\n", b"kind: X\r\nimage: a:1\r\nend: y\r\n"
CHANGED = "has changes that are not committed"
pytestmark = pytest.mark.real


@dataclass
class Checkout:
    """A fresh clone by the git program, with the settings that its owner has."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def git(self, *arguments: str, check: bool = True) -> bytes:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, check=check, capture_output=True
        ).stdout

    @property
    def file(self) -> Path:
        return self.folder / "a.yaml"

    def commit(self, path: str = "a.yaml") -> None:
        """Update a file from the bytes that the work tree has, as `once --commit` does."""
        found = clone.discover(self.folder, self.environment)
        assert found is not None
        before = (self.folder / path).read_bytes()
        found.commit({path: before.replace(b"a:1", b"a:2")}, {path: before}, BOT, "Update", NOON)


def cloned(
    tmp_path: Path,
    files: Mapping[str, bytes],
    *,
    settings: str = "",
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Checkout:
    child.program("git")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[user]\n\tname = J\n\temail = j@x\n{settings}")
    seed(tmp_path / "remote.git", files)
    known = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    made = Checkout(tmp_path, {**known, **(environment or {})})
    made.git("clone", "-q", *options, str(tmp_path / "remote.git"), "clone")
    made.folder = tmp_path / "clone"
    return made


@pytest.mark.parametrize(
    ("attributes", "settings", "options", "blob", "file"),
    [
        pytest.param("", "", (), LF, LF, id="no conversion"),
        pytest.param("", "", (), CRLF, CRLF, id="no conversion of CRLF"),
        pytest.param("* text=auto eol=crlf", "", (), LF, CRLF, id="text=auto eol=crlf"),
        pytest.param("*.yaml text eol=crlf", "", (), LF, CRLF, id="text eol=crlf"),
        pytest.param("*.yaml eol=crlf", "", (), LF, CRLF, id="eol=crlf alone"),
        pytest.param("* text", "", (), LF, LF, id="text"),
        pytest.param("* text", "[core]\n\teol = crlf\n", (), LF, CRLF, id="text and core.eol"),
        pytest.param("* text=auto eol=lf", "", (), LF, LF, id="eol=lf"),
        pytest.param("* crlf", "[core]\n\tautocrlf = true\n", (), LF, CRLF, id="the elder attribute"),
        pytest.param("", "[core]\n\tautocrlf = true\n", (), LF, CRLF, id="the user's core.autocrlf"),
        pytest.param("", "", ("-c", "core.autocrlf=true"), LF, CRLF, id="the clone's core.autocrlf"),
        pytest.param("", "[core]\n\tautocrlf = input\n", (), LF, LF, id="core.autocrlf=input"),
        pytest.param("", "[core]\n\tautocrlf = true\n", (), CRLF, CRLF, id="CRLF that is committed stays"),
        pytest.param("* -text", "[core]\n\tautocrlf = true\n", (), LF, LF, id="-text before core.autocrlf"),
        pytest.param("* binary", "[core]\n\tautocrlf = true\n", (), LF, LF, id="a macro"),
    ],
)
def test_the_commit_keeps_git_s_line_ends(
    tmp_path: Path, attributes: str, settings: str, options: tuple[str, ...], blob: bytes, file: bytes
) -> None:
    made = cloned(
        tmp_path, {"a.yaml": blob, ".gitattributes": f"{attributes}\n".encode()}, settings=settings, options=options
    )
    assert made.git("status", "--porcelain") == b""
    assert made.file.read_bytes() == file
    made.commit()
    assert made.git("show", "HEAD:a.yaml") == blob.replace(b"a:1", b"a:2")
    assert made.file.read_bytes() == file.replace(b"a:1", b"a:2")
    assert made.git("diff", "--name-only", "HEAD~1", "HEAD") == b"a.yaml\n"
    assert made.git("status", "--porcelain") == b""
    made.file.touch()
    assert made.git("status", "--porcelain") == b""
    assert made.git("fsck", "--strict") == b""


@pytest.mark.parametrize("name", ["GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_COUNT"])
def test_the_owner_s_configuration_is_found_where_git_finds_it(tmp_path: Path, name: str) -> None:
    place = tmp_path / "git" / "config"
    place.parent.mkdir()
    place.write_text("[core]\n\tautocrlf = true\n")
    environment = {
        "GIT_CONFIG_GLOBAL": {"GIT_CONFIG_GLOBAL": str(place)},
        "XDG_CONFIG_HOME": {"XDG_CONFIG_HOME": str(tmp_path)},
        "GIT_CONFIG_SYSTEM": {"GIT_CONFIG_SYSTEM": str(place), "GIT_CONFIG_NOSYSTEM": "0"},
        "GIT_CONFIG_COUNT": {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.autocrlf",
            "GIT_CONFIG_VALUE_0": "true",
        },
    }[name]
    made = cloned(tmp_path, {"a.yaml": LF}, environment=environment)
    assert made.file.read_bytes() == CRLF
    made.commit()
    assert made.git("show", "HEAD:a.yaml") == LF.replace(b"a:1", b"a:2")
    assert made.git("status", "--porcelain") == b""


def test_an_ident_is_committed_without_its_id(tmp_path: Path) -> None:
    blob = b"# $Id$\nimage: a:1\n"
    made = cloned(tmp_path, {"a.yaml": blob, ".gitattributes": b"* ident text eol=crlf\n"})
    assert b"$Id: " in made.file.read_bytes()
    made.commit()
    assert made.git("show", "HEAD:a.yaml") == blob.replace(b"a:1", b"a:2")
    assert made.git("status", "--porcelain") == b""


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        pytest.param(lambda made: made.file.write_bytes(CRLF), CHANGED, id="line ends that nothing converts"),
        pytest.param(lambda made: made.file.write_bytes(LF + b"# mine\n"), CHANGED, id="a line more"),
        pytest.param(lambda made: made.file.chmod(0o755), CHANGED, id="an executable bit"),
        pytest.param(
            lambda made: (made.file.write_bytes(LF + b"# mine\n"), made.git("add", "."), made.file.write_bytes(LF)),
            CHANGED,
            id="a staged change that the work tree took back",
        ),
        pytest.param(lambda made: made.git("rm", "-q", "--cached", "a.yaml"), CHANGED, id="a staged removal"),
        pytest.param(
            lambda made: (made.file.rename(made.folder / "b.yaml"), made.file.symlink_to("b.yaml")),
            CHANGED,
            id="a link in its place",
        ),
        pytest.param(
            lambda made: (made.folder / ".git" / "index.lock").write_text(""),
            "cannot be committed to",
            id="an index that is locked",
        ),
        pytest.param(
            lambda made: (made.folder / ".git" / "MERGE_HEAD").write_text(made.git("rev-parse", "HEAD").decode()),
            "merge is under way in the clone",
            id="a merge under way",
        ),
    ],
)
def test_what_git_does_not_call_clean_is_left_alone(tmp_path: Path, change: object, cause: str) -> None:
    made = cloned(tmp_path, {"a.yaml": LF})
    assert callable(change)
    change(made)
    head, status = made.git("rev-parse", "HEAD"), made.git("status", "--porcelain", check=False)
    bytes_there = made.file.read_bytes()
    with pytest.raises(errors.InvalidPath, match=cause):
        made.commit()
    assert made.git("rev-parse", "HEAD") == head
    assert made.git("status", "--porcelain", check=False) == status
    assert made.file.read_bytes() == bytes_there


@pytest.mark.parametrize("added", [(), ("add", "n.yaml"), ("add", "-N", "n.yaml")])
def test_a_file_that_is_not_committed_yet_is_named(tmp_path: Path, added: tuple[str, ...]) -> None:
    made = cloned(tmp_path, {"a.yaml": LF})
    (made.folder / "n.yaml").write_bytes(LF)
    made.git(*(added or ("status",)))
    with pytest.raises(errors.InvalidPath, match=r"'n\.yaml' is not committed yet: add and commit it first"):
        made.commit("n.yaml")


def test_a_file_of_a_submodule_is_not_this_clone_s(tmp_path: Path) -> None:
    made = cloned(tmp_path, {"a.yaml": LF})
    seed(tmp_path / "other.git", {"b.yaml": LF})
    made.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "other.git"), "sub")
    made.git("commit", "-qm", "Sub")
    with pytest.raises(errors.InvalidPath, match=r"'sub/b\.yaml' is not committed yet"):
        made.commit("sub/b.yaml")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda made: made.file.write_bytes(LF), id="the same bytes written again"),
        pytest.param(lambda made: os.utime(made.file, (1, 1)), id="another time"),
        pytest.param(lambda made: made.git("update-index", "--assume-unchanged", "a.yaml"), id="assumed unchanged"),
        pytest.param(lambda made: made.git("update-index", "--skip-worktree", "a.yaml"), id="skipped in the work tree"),
        pytest.param(lambda made: (made.folder / "other.txt").write_text("mine"), id="a change elsewhere"),
        pytest.param(lambda made: made.git("checkout", "-q", "--detach"), id="a detached HEAD"),
        pytest.param(
            lambda made: (made.git("config", "core.filemode", "false"), made.file.chmod(0o755)),
            id="an executable bit that is not heeded",
        ),
        pytest.param(
            lambda made: made.git("sparse-checkout", "set", "--no-cone", "/a.yaml"),
            id="a sparse checkout with the file",
        ),
    ],
)
def test_what_is_clean_is_committed(tmp_path: Path, change: object) -> None:
    made = cloned(tmp_path, {"a.yaml": LF, "dir/b.yaml": LF})
    assert callable(change)
    change(made)
    others = made.git("ls-files", "-t", "dir")
    made.commit()
    assert made.git("show", "HEAD:a.yaml") == LF.replace(b"a:1", b"a:2")
    assert made.git("ls-tree", "HEAD", "a.yaml").startswith(b"100644 ")
    assert made.git("ls-files", "-t", "dir") == others
    assert made.git("diff", "--name-only", "HEAD", "--", "a.yaml") == b""
    assert made.git("diff", "--cached", "--name-only") == b""


def test_a_sparse_index_is_named_and_nothing_is_touched(tmp_path: Path) -> None:
    made = cloned(tmp_path, {"a.yaml": LF, "dir/sub/b.yaml": LF})
    made.git("sparse-checkout", "set", "--cone", "--sparse-index")
    if b"dir/" not in made.git("ls-files", "--sparse"):
        pytest.skip("this git makes no sparse index")
    head = made.git("rev-parse", "HEAD")
    with pytest.raises(errors.InvalidPath, match="cannot be committed to"):
        made.commit()
    assert made.git("rev-parse", "HEAD") == head
    assert made.file.read_bytes() == LF


def test_an_executable_file_stays_one(tmp_path: Path) -> None:
    made = cloned(tmp_path, {"a.yaml": LF})
    made.file.chmod(0o755)
    made.git("commit", "-qam", "Run")
    made.commit()
    assert made.git("ls-tree", "HEAD", "a.yaml").startswith(b"100755 ")
    assert stat.S_IMODE(made.file.stat().st_mode) & 0o111 == 0o111
    assert made.git("status", "--porcelain") == b""


@pytest.mark.parametrize(
    ("attributes", "cause"),
    [
        ("*.yaml filter=lfs diff=lfs merge=lfs -text", "goes through the filter 'lfs' of .gitattributes"),
        ("*.yaml filter=git-crypt", "goes through the filter 'git-crypt' of .gitattributes"),
        ("*.yaml working-tree-encoding=ISO-8859-1", "is kept as ISO-8859-1 by working-tree-encoding"),
    ],
)
def test_what_takes_a_program_is_refused_by_name(tmp_path: Path, attributes: str, cause: str) -> None:
    made = cloned(tmp_path, {"a.yaml": LF, ".gitattributes": f"{attributes}\n".encode()})
    for name in ("clean", "smudge", "process"):
        made.git("config", f"filter.lfs.{name}", f"touch {tmp_path}/ran")
    head = made.git("rev-parse", "HEAD")
    with pytest.raises(errors.InvalidPath, match=cause) as caught:
        made.commit()
    assert "commit it with git" in str(caught.value)
    assert made.git("rev-parse", "HEAD") == head
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("attributes", ["*.yaml -filter", "*.yaml !filter", "*.yaml working-tree-encoding=UTF-8"])
def test_what_takes_none_is_committed(tmp_path: Path, attributes: str) -> None:
    made = cloned(tmp_path, {"a.yaml": LF, ".gitattributes": f"{attributes}\n".encode()})
    made.commit()
    assert made.git("show", "HEAD:a.yaml") == LF.replace(b"a:1", b"a:2")
