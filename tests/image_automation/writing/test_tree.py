"""The rewriter on trees: what was learnt by hash never changes what comes out."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gotk.git import errors as git
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation.update import texts
from image_automation.writing import tree
from image_automation.writing.views import View
from tests.upstream import repositories

FILES = st.sampled_from(
    ["a.yaml", "b.txt", "d/b.txt", "d/c.env", "d/a.yaml", "d/b.yaml", "d/e/a.yaml", "d/e/Kustomization", "f/a.yml"]
)
TEXTS = st.sampled_from(
    [
        "plain: 1\n",
        'tag: 1.0 # {"$imagepolicy": "n:p:tag"}\n',
        'tag="1.0" # {"$imagepolicy": "n:p:tag"}\n',
        'tag: 1.0 # {"$imagepolicy": "n:q:tag"}\nother: x # {"$imagepolicy": "n:p:tag"}\n',
        'bad: [\ntag: 1.0 # {"$imagepolicy": "n:p:tag"}\n',
        '# {"$imagepolicy": "n:p:tag"}\ntag: 1.0\n',
    ]
)
TEXT_FILES = st.sampled_from([texts.NONE, texts.of(["*.txt"]), texts.of(["/*.txt", "d/**"]), texts.of(["d/*.env"])])
SETTERS = st.dictionaries(st.sampled_from(["n:p:tag", "n:q:tag"]), st.sampled_from(["1.0", "1.20", "2.0.0"]))


def made(folder: Path, files: dict[str, str]) -> tuple[Mirror, str]:
    commit = seed(folder / "r.git", files)
    mirror = Mirrors(folder / "mirrors").open(f"file://{folder / 'r.git'}")
    mirror.fetch("refs/heads/main")
    return mirror, commit


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.dictionaries(FILES, TEXTS, min_size=1), SETTERS, st.sampled_from(["", "d", "d/e"]), TEXT_FILES),
        max_size=6,
    )
)
def test_what_is_known_never_changes_what_comes_out(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("world")
    mirror, commit = made(folder, {"d/e/a.yaml": "x: 1\n"})
    known = tree.Known()
    for files, setters, path, text_files in steps:
        edits = {name: text.encode() for name, text in files.items()}
        commit = mirror.commit(commit, edits, Person("a", "a@b"), "m", datetime(2026, 1, 1, tzinfo=UTC))
        view = View(path, object())
        assert tree.apply(mirror, commit, path, setters, known, text_files=text_files, view=view) == tree.apply(
            mirror, commit, path, setters, tree.Known(), text_files=text_files
        )


def test_the_same_bytes_are_read_as_what_each_name_says(tmp_path: Path):
    text = 'tag="1.0" # {"$imagepolicy": "n:p:tag"}\n'
    names = ["a.yaml", "b.env", "Dockerfile", "d/b.env", "d/c.tf"]
    mirror, commit = made(tmp_path, dict.fromkeys(names, text))
    known, text_files = tree.Known(), texts.of(["/*.env", "Dockerfile", "d/*.tf"])
    for _ in range(2):
        found = tree.apply(mirror, commit, "", {"n:p:tag": "1.0"}, known, text_files=text_files)
        assert {file.path: (file.current, len(file.problems)) for file in found.files} == {
            "a.yaml": (0, 0),
            "Dockerfile": (0, 1),
            "b.env": (1, 0),
            "d/c.tf": (1, 0),
        }


def test_a_named_file_is_looked_into_where_it_is_opted_in(tmp_path: Path):
    mirror, commit = made(tmp_path, {"d/b.env": 'tag=1.0 # {"$imagepolicy": "n:p:tag"}\n'})
    setters = {"n:p:tag": "2.0"}
    assert not tree.apply(mirror, commit, "d/b.env", setters, tree.Known()).edits
    opted = tree.apply(mirror, commit, "d/b.env", setters, tree.Known(), text_files=texts.of(["*.env"]))
    assert opted.edits == {"d/b.env": b'tag=2.0 # {"$imagepolicy": "n:p:tag"}\n'}


def test_a_link_is_no_text_file(tmp_path: Path):
    mirror, commit = linked(tmp_path, {"a.env": "real/b", "real/b": "a.yaml"})
    assert tree.apply(mirror, commit, "", {}, tree.Known(), text_files=texts.of(["**"])).files == ()


def linked(folder: Path, links: dict[str, str]) -> tuple[Mirror, str]:
    files = {"real/a.yaml": "x: 1\n", **{name: repositories.Link(target) for name, target in links.items()}}
    repository = repositories.make(folder / "r.git", {"main": files}, {})
    mirror = Mirrors(folder / "mirrors").open(f"file://{folder / 'r.git'}")
    mirror.fetch("refs/heads/main")
    return mirror, str(repository.references["refs/heads/main"].target)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("real", "link"),
        ("../../real", "link"),
        ("/real/.", "./link"),
        ("real/a.yaml", "link"),
        ("real/..", "link/real"),
    ],
)
def test_a_path_leads_through_links_and_never_out(tmp_path: Path, target: str, path: str):
    mirror, commit = linked(tmp_path, {"link": target})
    assert tree.resolved(mirror, commit, path) == ("real/a.yaml" if target.endswith("yaml") else "real")


def test_a_circle_of_links_is_refused(tmp_path: Path):
    mirror, commit = linked(tmp_path, {"a": "b", "b": "a"})
    with pytest.raises(git.InvalidPath, match="too many links"):
        tree.resolved(mirror, commit, "a")


def test_a_directory_nested_absurdly_is_refused(tmp_path: Path):
    mirror, commit = made(tmp_path, {"/".join(["d"] * 300) + "/a.yaml": "x: 1\n"})
    with pytest.raises(git.InvalidPath, match="nested deeper than 200"):
        tree.apply(mirror, commit, "", {}, tree.Known())


@pytest.mark.parametrize(
    ("path", "below"),
    [("", ""), (".", ""), ("./", ""), ("./a/", "a"), ("/a", "a"), ("a/../b", "b"), ("../../a", "a"), ("a//b", "a/b")],
)
def test_a_path_stays_within_the_repository(path: str, below: str):
    assert tree.below(path) == below
