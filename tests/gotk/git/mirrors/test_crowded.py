"""A mirror that has gathered much is made anew: a small one sooner than one that is dear to fetch."""

from pathlib import Path

import pytest

from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects import seed


@pytest.mark.parametrize(
    ("loose", "packs", "size", "anew"),
    [
        pytest.param(4, 0, 0, False, id="a thousand loose objects"),
        pytest.param(5, 0, 0, True, id="more, beside little"),
        pytest.param(5, 1, 8 << 20, False, id="more, beside much"),
        pytest.param(28, 1, 8 << 20, True, id="as many as Git tidies up"),
        pytest.param(0, 50, 0, True, id="many packs"),
    ],
)
def test_a_mirror_is_made_anew(tmp_path: Path, loose: int, packs: int, size: int, anew: bool):
    seed.seed(tmp_path / "r.git", {"a.yaml": "a: 1\n"})
    mirror = Mirrors(tmp_path / "mirrors").open(f"file://{tmp_path / 'r.git'}")
    commit = mirror.fetch("refs/heads/main")
    (directory,) = (tmp_path / "mirrors").glob("*.git")
    before = directory.resolve()
    for n in range(loose):
        (before / "objects" / "17").mkdir(exist_ok=True)
        (before / "objects" / "17" / f"{n:038x}").touch()
    for n in range(packs):
        with (before / "objects" / "pack" / f"pack-{n:040x}.pack").open("wb") as pack:
            pack.truncate(size)
    assert mirror.fetch("refs/heads/main") == commit
    assert (directory.resolve() != before) is anew
    assert mirror.read(mirror.node(commit, "a.yaml").id) == b"a: 1\n"
