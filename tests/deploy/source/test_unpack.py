"""Unpacking: what is written, what is skipped, what is refused."""

import io
import os
import tarfile
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.source import unpack
from deploy.source.unpack import ArchiveError
from tests.deploy.kustomize import sources
from tests.deploy.source import bombs


def pack(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, body in members:
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def test_files_and_directories_are_written(tmp_path: Path) -> None:
    path = pack(
        tmp_path / "a.tar.gz",
        (member(".", tarfile.DIRTYPE), b""),
        (member("./a/b.yaml"), b"x"),
        (member("run.sh", mode=0o755), b"y"),
        (member("empty", tarfile.DIRTYPE), b""),
    )
    unpack.unpack(path, target := tmp_path / "out")
    assert (target / "a/b.yaml").read_bytes() == b"x"
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (target / "empty").is_dir()


def test_links_and_devices_are_skipped(tmp_path: Path) -> None:
    path = pack(
        tmp_path / "a.tar.gz",
        (member("link", tarfile.SYMTYPE, link="/etc"), b""),
        (member("hard", tarfile.LNKTYPE, link="/etc/passwd"), b""),
        (member("null", tarfile.CHRTYPE), b""),
        (member("pipe", tarfile.FIFOTYPE), b""),
        (member("link/passwd"), b"mine"),
    )
    unpack.unpack(path, target := tmp_path / "out")
    assert sorted(str(p.relative_to(target)) for p in target.rglob("*")) == ["link", "link/passwd"]
    assert not (target / "link").is_symlink()


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a\\..\\x", "..", "a/.."])
def test_names_outside_are_refused(name: str, tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", (member(name), b"x"))
    with pytest.raises(ArchiveError, match="tar contained invalid name"):
        unpack.unpack(path, tmp_path / "out")
    assert not (tmp_path / "x").exists()


def test_size_and_number_are_bounded(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", (member("a"), b"x" * 60), (member("b"), b"x" * 60))
    with pytest.raises(ArchiveError, match="unfolds to more bytes than allowed"):
        unpack.unpack(path, tmp_path / "out", most_bytes=100)
    with pytest.raises(ArchiveError, match="more than 1 entries"):
        unpack.unpack(path, tmp_path / "out2", most_entries=1)


CAUSES = {
    "a header of its own for a name": "a header of more than",
    "a long name": "a header of more than",
    "headers of headers": "maximum recursion depth",
    "what is skipped": "it unfolds to more bytes than allowed",
    "headers for all": "more than 100 global headers",
    "long headers for all": "global headers of more than 1048576 characters",
    "a sparse file": "it unfolds to more bytes than allowed",
    "many sparse files": "it unfolds to more bytes than allowed",
    "a file of less than nothing": "it unfolds to more bytes than allowed",
    "a map of holes that is none": "invalid literal for int",
    "a map of holes without end": "headers of more than 1048576 bytes",
    "a file without its bytes": "",
}


@pytest.mark.parametrize("bomb", bombs.BOMBS)
def test_what_unfolds_without_end_is_given_up(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(bombs.packed(bomb))
    with pytest.raises(ArchiveError, match=f"^failed to untar archive: .*{CAUSES[bomb]}"):
        unpack.unpack(path, tmp_path / "out", most_bytes=1 << 20, most_entries=200)


def test_the_headers_of_what_is_unpacked_already_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(bombs.talkative(200))
    tracemalloc.start()
    try:
        unpack.unpack(path, tmp_path / "out")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 << 20, "200 headers are of 20 MB"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda body: body[: len(body) // 2],
    "no gzip": lambda body: b"hello" + body,
    "empty": lambda _: b"",
    "flipped": lambda body: body[:20] + bytes([body[20] ^ 255]) + body[21:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_an_error_without_paths(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(damage(sources.archive({"a.yaml": sources.config_map() * 50})))
    with pytest.raises(ArchiveError, match=r"^failed to untar archive: ") as raised:
        unpack.unpack(path, tmp_path / "out")
    assert str(tmp_path) not in str(raised.value)


def test_digests(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(body := b"content")
    digest = sources.digest(body)
    unpack.verify(path, digest)
    unpack.verify(path, digest.removeprefix("sha256:"))
    for wrong in ("sha256:00", digest.replace("sha256", "sha512")):
        with pytest.raises(
            ArchiveError, match=f"^failed to verify archive: computed digest doesn't match provided '{wrong}'"
        ):
            unpack.verify(path, wrong)
    with pytest.raises(ArchiveError, match="unsupported digest algorithm 'md5'"):
        unpack.verify(path, "md5:00")


PLACES = ("a", "a/b", "a/b/c", "d/e", "d", "f", ".", "./g")
ENTRIES = st.tuples(
    st.sampled_from(PLACES), st.sampled_from([tarfile.DIRTYPE, tarfile.REGTYPE]), st.sampled_from(["", "x", "y"])
)
ARCHIVES = st.lists(st.lists(st.tuples(ENTRIES, st.sampled_from([0o644, 0o755])), max_size=6), min_size=1, max_size=4)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in root.rglob("*")
    }


@settings(max_examples=150, deadline=None)
@given(ARCHIVES)
def test_what_is_laid_over_another_archive_is_what_would_be_laid_without_it(
    archives: list[list[tuple[tuple[str, bytes, str], int]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        here, laid, over = Path(name), unpack.Laid(), Path(name, "over")
        over.mkdir()
        for number, entries in enumerate(archives):
            members = [(member(place, kind, mode=mode), text.encode()) for (place, kind, text), mode in entries]
            members = [(each, body if each.isfile() else b"") for each, body in members]
            path, fresh = pack(here / "a.tar.gz", *members), here / f"fresh-{number}"
            fresh.mkdir()
            try:
                unpack.unpack(path, fresh)
            except ArchiveError:
                with pytest.raises(ArchiveError):
                    unpack.unpack(path, over, laid=laid)
                return
            try:
                unpack.unpack(path, over, laid=laid)
            except ArchiveError:  # a file where a directory was: it is laid anew
                was = {place for place, mark in laid.marks.items() if mark == unpack._DIRECTORY}
                assert was & {each.name.removeprefix("./") for each, _ in members if each.isfile()}
                return
            assert tree(over) == tree(fresh)


def test_what_is_laid_already_is_not_written_again(tmp_path: Path) -> None:
    laid, target = unpack.Laid(), tmp_path / "out"
    for text in (b"one", b"two"):
        path = pack(
            tmp_path / "a.tar.gz", (member("large"), b"x" * 200_000), (member("a/b"), b"y"), (member("c"), text)
        )
        unpack.unpack(path, target, laid=laid)
        os.utime(target / "a/b", (1, 1))
        os.utime(target / "c", (1, 1))
    unpack.unpack(path, target, laid=laid)
    assert ((target / "a/b").stat().st_mtime, (target / "c").stat().st_mtime) == (1, 1)
    assert (target / "c").read_bytes() == b"two"
    assert (target / "large").stat().st_size == 200_000
