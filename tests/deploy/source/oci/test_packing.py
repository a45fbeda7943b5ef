"""How an artifact is packed: Flux's tarball, the same for the same files, and the manifest around it to the byte."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from deploy.source.oci import packing
from deploy.source.tarball import Written
from tests.deploy.kustomize.sources import write

FILES = {
    "b/deep/x.yaml": "x: 1\n",
    "a.yaml": "a: 1\n",
    "b/run.sh": "#!/bin/sh\n",
    "logo.png": "png",
    ".git/HEAD": "ref",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write(tmp_path / "files", FILES)
    for path in (made, *made.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)
    return made


def pack(source: Path, *ignored: str, name: str = "", links: bool = False) -> tuple[bytes, packing.Packed]:
    buffer = io.BytesIO()
    packed = packing.pack(source, buffer, ignored, name=name, links=links)
    return buffer.getvalue(), packed


def members(body: bytes) -> list[tuple[str, int]]:
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return [(member.name, member.mode) for member in tar]


def test_entries_come_in_the_order_of_a_walk_with_their_modes_and_without_owners(folder: Path) -> None:
    body, packed = pack(folder, "*.png")
    assert members(body) == [
        (".", 0o755), ("a.yaml", 0o644), ("b", 0o755), ("b/deep", 0o755), ("b/deep/x.yaml", 0o644), ("b/run.sh", 0o755),
    ]  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in tar} == {(0, 0, "", "", 0)}
    assert packed.written == Written(packing.digest_of(body), len(body))
    assert packed.content == packing.digest_of(gzip.decompress(body))


def test_equal_files_make_an_equal_tarball_whenever_they_were_written(folder: Path) -> None:
    before, _ = pack(folder)
    os.utime(folder / "a.yaml", (1, 1))
    assert pack(folder)[0] == before


def test_nothing_is_left_out_but_version_control_where_no_pattern_is_given(folder: Path) -> None:
    names = [name for name, _ in members(pack(folder)[0])]
    assert "logo.png" in names
    assert not any(name.startswith(".git") for name in names)


def test_one_file_is_packed_under_its_name(folder: Path) -> None:
    assert members(pack(folder / "a.yaml")[0]) == [(".", 0o700), ("a.yaml", 0o644)]
    assert members(pack(folder / "a.yaml", name="b.yaml")[0]) == [(".", 0o700), ("b.yaml", 0o644)]


def test_links_are_left_out_unless_they_are_to_be_followed_and_never_in_circles(folder: Path) -> None:
    (folder / "link.yaml").symlink_to(folder / "a.yaml")
    (folder / "b" / "up").symlink_to(folder)
    assert "link.yaml" not in dict(members(pack(folder)[0]))
    names = [name for name, _ in members(pack(folder, links=True)[0])]
    assert "link.yaml" in names
    assert "b/up" not in names
    (folder / "broken").symlink_to(folder / "none")
    with pytest.raises(FileNotFoundError):
        pack(folder, links=True)


def test_configuration_and_manifest_are_flux_s_to_the_byte() -> None:
    packed = packing.Packed(Written("sha256:" + "1" * 64, 7), "sha256:" + "2" * 64)
    made = packing.compose(
        packed, source="https://example.com/?a&b", revision="main@sha1:abc", created=packing.EPOCH,
        annotations={"org.opencontainers.image.source": "mine", "a": "ü"},
    )  # fmt: skip
    assert made.config == (
        b'{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{"created":"0001-01-01T00:00:00Z"}],"os":"",'
        b'"rootfs":{"type":"layers","diff_ids":["sha256:' + b"2" * 64 + b'"]},"config":{}}'
    )
    assert made.manifest.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":'
        f'"application/vnd.cncf.flux.config.v1+json","size":{len(made.config)},"digest":"'
        f'{packing.digest_of(made.config)}"}},"layers":[{{"mediaType":"application/vnd.cncf.flux.content.v1.tar+gzip",'
        f'"size":7,"digest":"sha256:{"1" * 64}"}}],"annotations":{{"a":"ü","org.opencontainers.image.created":'
        '"1970-01-01T00:00:00Z","org.opencontainers.image.revision":"main@sha1:abc",'
        '"org.opencontainers.image.source":"mine"}}'
    )
