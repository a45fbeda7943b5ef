"""Files laid over each other as a work tree would hold them."""

import pytest

from deploy.source.checkouts.layers import Conflict, Layers, sparse
from gotk.git.objects.tree import DIRECTORY, SUBMODULE, Entry

FILE, LINK = 0o100644, 0o120000


def laid(*paths: str, **links: str) -> Layers:
    made = Layers()
    texts = {path: path for path in paths} | links
    made.lay([Entry(path, LINK if path in links else FILE, path) for path in texts], lambda key: texts[key].encode())
    return made


def files(layers: Layers) -> dict[str, str]:
    return {entry.path: layers.read(entry.blob_id).decode() for entry in layers.entries if entry.mode != DIRECTORY}


def included(layers: Layers, at: str, *paths: str) -> Layers:
    layers.include([Entry(path, FILE, path) for path in paths], lambda key: f"their {key}".encode(), at=at)
    return layers


def test_an_included_folder_stands_where_nothing_stood():
    assert files(included(laid("a"), "x/y", "b", "c/d")) == {"a": "a", "x/y/b": "their b", "x/y/c/d": "their c/d"}


def test_one_file_is_copied_as_itself_and_over_another():
    assert files(included(laid("a", "x"), "x", "")) == {"a": "a", "x": "their "}


def test_an_empty_submodule_gives_way_and_nothing_else_does():
    layers = laid("a/b")
    layers.lay([Entry("sub", SUBMODULE, "1" * 40)], lambda _: b"")
    assert files(included(layers, "sub", "c"))["sub/c"] == "their c"
    for at, cause in (("a", "'a' exists already"), ("a/b", "'a/b' exists already"), ("a/b/c", "'a/b' is no directory")):
        with pytest.raises(Conflict, match=cause):
            included(laid("a/b"), at, "c")


@pytest.mark.parametrize("at", [".", "/", "..", "a/.."])
def test_the_root_is_no_place(at: str):
    with pytest.raises(Conflict, match="the root of the repository"):
        included(laid("a/b"), at, "c")


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("../../x", "x"),
        ("/etc/x", "etc/x"),
        ("./a/../x", "x"),
        ("link/x", "a/b/x"),
        ("up/x", "x"),
        ("absolute/x", "etc/x"),
        ("two/x", "a/b/x"),
    ],
)
def test_no_place_is_outside_and_links_are_followed(at: str, place: str):
    links = {"link": "a/b", "up": "../../..", "absolute": "/etc", "two": "./link"}
    assert laid("z", **links).place(at) == place


def test_links_that_go_round_are_given_up():
    with pytest.raises(Conflict, match="too many links"):
        laid("z", one="two", two="one").place("one/x")


@pytest.mark.parametrize(
    ("directories", "kept"),
    [
        (["apps"], ["apps.yaml", "apps/a", "apps/b/c"]),
        (["./apps/"], ["apps/a", "apps/b/c"]),
        (["apps/b", "infra"], ["apps/b/c", "infra/d"]),
    ],
)
def test_a_sparse_checkout_holds_what_begins_as_it_is_spelt(directories: list[str], kept: list[str]):
    entries = [Entry(path, FILE, "") for path in ("README", "apps.yaml", "apps/a", "apps/b/c", "infra/d")]
    assert [entry.path for entry in sparse(entries, directories)] == kept


@pytest.mark.parametrize("directory", ["none", "app", "apps/a/b", "/apps", "../apps"])
def test_a_directory_that_is_not_there_is_named(directory: str):
    entries = [Entry("apps/a", FILE, "")]
    with pytest.raises(Conflict, match=f"^sparse checkout dir '{directory}' does not exist in repository: lstat "):
        sparse(entries, [directory])
