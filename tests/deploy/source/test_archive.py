import gzip
import hashlib
import io
import tarfile
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.source import archive
from gotk.git.objects.tree import Entry

FILE, SCRIPT, LINK = 0o100644, 0o100755, 0o120000


def packed(files: dict[str, tuple[bytes, int]], ignore: str | None = None) -> bytes:
    blobs = {str(number): content for number, (content, _) in enumerate(files.values())}
    entries = [Entry(path, mode, str(number)) for number, (path, (_, mode)) in enumerate(files.items())]
    target = io.BytesIO()
    written = archive.write(target, entries, blobs.__getitem__, ignore)
    content = target.getvalue()
    assert written == archive.Written(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
    return content


def members(content: bytes) -> dict[str, tuple[bytes | None, int]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as read:
        found = {}
        for member in read:
            file = read.extractfile(member) if member.isfile() else None
            found[member.name] = (file.read() if file else None, member.mode)
        return found


def test_entries_come_in_the_order_of_a_walk_with_settled_modes() -> None:
    content = packed({"a/b": (b"1", FILE), "a.txt": (b"2", SCRIPT), "a-b/c": (b"3", FILE)})
    assert list(members(content).items()) == [
        (".", (None, 0o750)),
        ("a", (None, 0o750)),
        ("a/b", (b"1", 0o600)),
        ("a-b", (None, 0o750)),
        ("a-b/c", (b"3", 0o600)),
        ("a.txt", (b"2", 0o700)),
    ]


def test_nothing_in_it_tells_who_when_or_where() -> None:
    content = packed({"a/b": (b"1", FILE)})
    assert content[:10] == bytes.fromhex("1f8b08000000000000ff")
    with tarfile.open(fileobj=io.BytesIO(content)) as read:
        for member in read:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_a_directory_has_no_slash_at_its_end() -> None:
    raw = gzip.decompress(packed({"dir/a": (b"", FILE)}))
    assert raw[512 : 512 + 100].rstrip(b"\0") == b"dir"


def test_links_are_left_out_and_their_directory_stays() -> None:
    assert set(members(packed({"d/link": (b"/etc/passwd", LINK), "a": (b"", FILE)}))) == {".", "a", "d"}


def test_ignored_files_are_left_out() -> None:
    files = {
        ".sourceignore": (b"*.md\n", FILE),
        "apps/.sourceignore": (b"!keep.md\n/drop\n", FILE),
        "apps/drop/a": (b"", FILE),
        "apps/keep.md": (b"", FILE),
        "README.md": (b"", FILE),
        "x.txt": (b"", FILE),
    }
    assert set(members(packed(files, "x.txt"))) == {".", ".sourceignore", "apps", "apps/.sourceignore", "apps/keep.md"}


def test_no_ignore_file_is_looked_for_below_a_git_folder() -> None:
    assert set(members(packed({".git/.sourceignore": (b"x", FILE), "a.png": (b"", FILE), "b": (b"", FILE)}))) == {
        ".",
        "b",
    }


def test_an_empty_directory_is_kept() -> None:
    target = io.BytesIO()
    archive.write(target, [Entry("d", 0o40000, ""), Entry("e", 0o40000, "")], lambda _: b"", "e/")
    assert set(members(target.getvalue())) == {".", "d"}


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (b"rules/of", {"a.md", "d/a.txt"}),
        (b"./hop/../rules//of", {"a.md", "d/a.txt"}),
        (b"rules", {"a.md", "d/a.txt", "d/b.md"}),
        (b"missing/../rules/of", {"a.md", "d/a.txt", "d/b.md"}),
        (b"../../d/rules/of", {"a.md", "d/a.txt", "d/b.md"}),
        (b"/d/rules/of", {"a.md", "d/a.txt", "d/b.md"}),
    ],
    ids=["a file", "through a linked directory", "a directory", "missing", "above the tree", "absolute"],
)
def test_an_ignore_file_that_is_a_link_counts_where_the_link_stands(target: bytes, left: set[str]) -> None:
    files = {
        "a.md": (b"", FILE),
        "d/.sourceignore": (target, LINK),
        "d/a.txt": (b"", FILE),
        "d/b.md": (b"", FILE),
        "d/hop": (b"rules", LINK),
        "d/rules/of": (b"*.md\n", FILE),
    }
    assert {name for name in members(packed(files)) if name.endswith((".md", ".txt"))} == left


def test_ignore_files_are_bounded_together() -> None:
    files = {f"{number}/.sourceignore": (b"#" * 300_000, FILE) for number in range(4)}
    with pytest.raises(OSError, match=r"the \.sourceignore files have more than 1048576 bytes together"):
        packed(files)
    assert len(members(packed({"a/.sourceignore": files["0/.sourceignore"]}))) == 3


def test_an_ignore_file_that_is_a_circle_of_links_is_an_error() -> None:
    with pytest.raises(OSError, match=r"'\.sourceignore' leads through more than 40 symbolic links"):
        packed({".sourceignore": (b"other", LINK), "other": (b".sourceignore", LINK)})


def test_a_file_below_an_excluded_directory_can_come_back() -> None:
    files = {"d/a": (b"", FILE), "d/keep": (b"", FILE)}
    assert set(members(packed(files, "d/\n!d/keep"))) == {".", "d/keep"}


#: What fluxcd/pkg/artifact 0.18 writes of a tree with one file of this name and the content "x": the tar's SHA-256.
UNCOMMON = {
    "long": ("d" * 90 + "/" + "f" * 90, "3fd94fbb9d969d90a53df16b4857ac0586baf46177ae335371a31e2b1e0a175d"),
    "too long for a prefix": ("f" * 180, "63a47b8e6131962507857a402d5d669fc303c8681a6a17ac0d7afabc49db6eef"),
    "deep": ("d/" * 150 + "f", "20523cca7243315d484c0925bcf0df74bb37e06f9d7c6274fd9d292e68334884"),
    "not ASCII": ("grüße/日本.yaml", "8245b7757134ac6cf17f1d9d453afa6813c9f3f40a7fa421f1149f56b3db9cf7"),
    "long and not ASCII": ("ü" * 120, "8c8bc78664544717a5bfadacd4c44a389d7a2572eb68a3494e6627d069e2e318"),
    "cut at a slash": ("d" * 99 + "/" + "f" * 101, "d9f1866c0e22317ef44a083b7f71e0a82c2df1a8d7725439cf84e83b7110c372"),
    "cut in the name of its PAX header": (
        "d" * 90 + "/" + "f" * 160,
        "37c59d15fa11d69a5a4acbc083bc8648dea13f244dc5e921ba16cd6be131203c",
    ),
    "a long folder": ("d" * 120 + "/f", "9ab28bb2f162e36d06f217c415b23726a76480f596b575f5b72432395598cdb2"),
}


@pytest.mark.parametrize(("path", "tar"), UNCOMMON.values(), ids=UNCOMMON)
def test_an_uncommon_name_is_written_as_flux_writes_it(path: str, tar: str) -> None:
    content = packed({path: (b"x", FILE)})
    assert members(content)[path] == (b"x", 0o600)
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == tar


def test_a_name_that_is_no_text_is_kept_as_bytes() -> None:
    path = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert path.encode("utf-8", "surrogateescape") in {
        name.encode("utf-8", "surrogateescape") for name in members(packed({path: (b"x", FILE)}))
    }


names = st.text("ab.-", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
trees = st.dictionaries(names, st.binary(max_size=1200), max_size=6)


@given(tree=trees, order=st.randoms())
def test_the_same_content_makes_the_same_bytes_in_any_order(tree: dict[str, bytes], order: Random) -> None:
    files = {f"d/{name}": (content, FILE) for name, content in tree.items()}
    shuffled = list(files.items())
    order.shuffle(shuffled)
    assert packed(files) == packed(dict(shuffled))


@given(tree=trees)
def test_what_goes_in_comes_out(tree: dict[str, bytes]) -> None:
    out = members(packed({name: (content, FILE) for name, content in tree.items()}, "nothing-at-all"))
    assert {name: content for name, (content, _) in out.items() if name != "."} == tree
