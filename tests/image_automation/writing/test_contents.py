"""What marked files hold is read once in a first run, kept within bounds, and never taken from what is no file."""

import subprocess
from pathlib import Path

import pytest

from gotk.git import errors
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.seed import seed
from image_automation.writing import contents, tree
from tests.image_automation.writing.reading import Reading

MARKED = 'n: {n}\ntag: 1.0 # {{"$imagepolicy": "n:p:tag"}}\n'
SETTERS = {"n:p:tag": "v2"}


@pytest.fixture
def mirrored(tmp_path: Path) -> tuple[Reading, str]:
    """Six marked files in a mirror, two of them with the same bytes, and their commit."""
    files = {f"d{n % 2}/f{n}.yaml": MARKED.format(n=min(n, 4)) for n in range(6)}
    commit, url = seed(tmp_path / "r.git", files), f"file://{tmp_path / 'r.git'}"
    Mirrors(tmp_path / "mirrors").open(url).fetch("refs/heads/main")
    mirror = Reading(tmp_path / "mirrors" / next((tmp_path / "mirrors").glob("*.git")).name, url)
    mirror.blobs = []
    return mirror, commit


def test_a_first_run_reads_no_file_twice_but_one_that_stands_in_two_places(mirrored: tuple[Reading, str]):
    mirror, commit = mirrored
    found = tree.apply(mirror, commit, "", SETTERS, tree.Known())
    assert {path: b"tag: v2 #" in content for path, content in found.edits.items()} == {
        f"d{n % 2}/f{n}.yaml": True for n in range(6)
    }
    assert len(set(mirror.blobs)) == 5
    assert len(mirror.blobs) <= 7


@pytest.mark.parametrize("limit", [0, 60, 10_000], ids=["no room", "room for one", "room for all"])
def test_what_there_is_no_room_for_is_read_again(
    mirrored: tuple[Reading, str], monkeypatch: pytest.MonkeyPatch, limit: int
):
    mirror, commit = mirrored
    everything = tree.apply(mirror, commit, "", SETTERS, tree.Known())
    monkeypatch.setattr(tree, "Contents", lambda repository: contents.Contents(repository, limit))
    assert tree.apply(mirror, commit, "", SETTERS, tree.Known()) == everything


def test_a_directory_under_the_name_of_a_file_is_refused_though_its_bytes_hold_a_marker(tmp_path: Path):
    remote = tmp_path / "r.git"
    seed(remote, {"a.yaml": "a: b\n"})
    git = ["git", "-C", str(remote), "-c", "user.name=a", "-c", "user.email=a@b"]

    def run(*command: str, data: str = "") -> str:
        ended = subprocess.run([*git, *command], input=data, text=True, capture_output=True, check=True)
        return ended.stdout.strip()

    blob = run("hash-object", "-w", "--stdin", data="x")
    inner = run("mktree", data=f'100644 blob {blob}\tx: 1 # {{"$imagepolicy": "n:p:tag"}}\n')
    raw = b"100644 f.yaml\0" + bytes.fromhex(inner)
    ended = subprocess.run(
        [*git, "hash-object", "-w", "-t", "tree", "--stdin", "--literally"], input=raw, capture_output=True, check=True
    )
    outer = ended.stdout.decode().strip()
    commit = run("commit-tree", outer, "-m", "odd")
    mirror = Mirror(remote, f"file://{remote}")
    with pytest.raises(errors.PathNotFound, match="is no file"):
        tree.apply(mirror, commit, "", SETTERS, tree.Known())
