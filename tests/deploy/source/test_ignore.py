import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.source.ignore import Ignore


def excluded(path: str, *, spec: str | None = None, files: dict[str, str] | None = None) -> bool:
    """Ask about a path; one with a slash at the end is a directory."""
    scoped = [(tuple(part for part in scope.split("/") if part), text) for scope, text in (files or {}).items()]
    ignore = Ignore(scoped, spec)
    return ignore.excludes(tuple(path.rstrip("/").split("/")), directory=path.endswith("/"))


@pytest.mark.parametrize(
    ("spec", "path", "out"),
    [
        pytest.param("*.md", "README.md", True, id="a name with a star"),
        pytest.param("*.md", "docs/a/README.md", True, id="at any depth"),
        pytest.param("docs", "docs/a.yaml", True, id="what is below a name that matches"),
        pytest.param("docs", "a/docs/b/c.yaml", True, id="what is below one that matches deep down"),
        pytest.param("docs/", "docs", False, id="a directory's pattern leaves a file of that name"),
        pytest.param("docs/", "docs/", True, id="a directory's pattern takes the directory"),
        pytest.param("docs/", "docs/a", True, id="a directory's pattern takes what is below"),
        pytest.param("/docs", "docs/a", True, id="anchored at the root"),
        pytest.param("/docs", "a/docs/b", False, id="anchored at the root and nowhere else"),
        pytest.param("a/b", "x/a/b", False, id="a slash inside anchors as well"),
        pytest.param("a/b", "a/b/c/d", True, id="anchored takes what is below"),
        pytest.param("a/*.yaml", "a/b/c.yaml", False, id="a star does not cross a slash"),
        pytest.param("**/c.yaml", "a/b/c.yaml", True, id="two stars cross slashes"),
        pytest.param("**/c.yaml", "c.yaml", True, id="two stars stand for nothing too"),
        pytest.param("a/**/c.yaml", "a/b/b/c.yaml", True, id="two stars in the middle"),
        pytest.param("a/**", "a/b", True, id="two stars at the end take what is below"),
        pytest.param("a/**", "a/", True, id="and the directory itself"),
        pytest.param("/**", "a", False, id="two stars alone match nothing"),
        pytest.param("a/foo**bar", "a/fooxbar", False, id="two stars within a segment never match"),
        pytest.param("foo**bar", "fooxbar", True, id="except in a name without a slash"),
        pytest.param("a?c", "abc", True, id="a question mark"),
        pytest.param("[a-c]x", "bx", True, id="a range"),
        pytest.param("[^a-c]x", "bx", False, id="a range turned round"),
        pytest.param("[^a-c]x", "dx", True, id="a range turned round takes the others"),
        pytest.param("[!a]x", "bx", False, id="an exclamation mark turns nothing round"),
        pytest.param("[a", "[a", False, id="a malformed pattern matches nothing"),
        pytest.param("[]a]", "a", False, id="a class cannot begin with its end"),
        pytest.param("a\\*", "a*", True, id="a star that was escaped"),
        pytest.param("a\\*", "ab", False, id="and is no star any more"),
        pytest.param("a\\", "a\\", False, id="a backslash at the end is malformed"),
        pytest.param("# a", "# a", False, id="a comment"),
        pytest.param("\\#a", "#a", True, id="an escaped number sign is a number sign"),
        pytest.param("a  ", "a", True, id="spaces at the end do not count"),
        pytest.param("a\\ ", "a ", True, id="unless escaped"),
        pytest.param("a\r\nb\r\n", "a", True, id="line ends of another system"),
        pytest.param("*.yaml\n!keep.yaml", "keep.yaml", False, id="the last pattern decides"),
        pytest.param("!keep.yaml\n*.yaml", "keep.yaml", True, id="in whichever order"),
        pytest.param("/*\n!/deploy", "deploy/app/a.yaml", False, id="all but one directory"),
        pytest.param("/*\n!/deploy", "src/main.c", True, id="all but one directory, elsewhere"),
        pytest.param("deploy/\n!deploy/keep.yaml", "deploy/keep.yaml", False, id="back in from below what is out"),
        pytest.param("a", "b", False, id="no match"),
    ],
)
def test_patterns_match_in_flux_s_dialect(spec: str, path: str, out: bool) -> None:
    assert excluded(path, spec=spec) is out


@pytest.mark.parametrize("path", [".git/", ".git/config", ".gitignore", "a/.gitmodules", ".gitattributes"])
@pytest.mark.parametrize("spec", [None, "", "*.md"])
def test_version_control_stays_out_whatever_the_user_says(path: str, spec: str | None) -> None:
    assert excluded(path, spec=spec)


def test_version_control_comes_in_only_by_name() -> None:
    assert not excluded(".gitignore", spec="!.gitignore")


@pytest.mark.parametrize(
    "path",
    [
        *("a.jpg", "d/a.tar.gz", "x.zip", ".github/workflows/a.yml", ".travis.yml", "d/appveyor.yml"),
        *(".goreleaser.yml", "a/b/.sops.yaml", ".flux.yaml"),
    ],
)
def test_the_defaults_hold_until_there_is_a_pattern(path: str) -> None:
    assert excluded(path)
    assert excluded(path, spec="")
    assert excluded(path, spec="# nothing\n\n")
    assert not excluded(path, spec="*.md")
    assert not excluded(path, files={"deep/down": "*.md"})


def test_an_ignore_file_speaks_of_its_own_directory_only() -> None:
    files = {"apps": "*.md\n/x"}
    assert excluded("apps/a.md", files=files)
    assert excluded("apps/deep/a.md", files=files)
    assert excluded("apps/x", files=files)
    assert not excluded("a.md", files=files)
    assert not excluded("apps/deep/x", files=files)


def test_the_spec_has_the_last_word() -> None:
    assert not excluded("apps/a.md", spec="!*.md", files={"apps": "*.md"})


def test_an_ignore_file_stays_in_the_artifact() -> None:
    assert not excluded(".sourceignore", files={"": "*.md"})


literal = st.text(string.ascii_lowercase + "-_.", min_size=1, max_size=6)


@given(name=literal)
def test_a_literal_name_takes_itself(name: str) -> None:
    assert excluded(name, spec=f"/{name}" if not name.startswith("#") else name)


@given(pattern=st.text("ab*?", min_size=1, max_size=6).filter(lambda p: "**" not in p), name=st.text("ab", max_size=6))
def test_stars_and_question_marks_mean_what_they_mean_in_a_shell(pattern: str, name: str) -> None:
    translated = "".join({"*": ".*", "?": "."}.get(char, char) for char in pattern)
    assert excluded(name or "-", spec=pattern) is bool(re.fullmatch(translated, name or "-"))


paths = st.lists(st.sampled_from(["a", "b", "c.md"]), min_size=1, max_size=4).map(tuple)
lines = st.lists(st.sampled_from(["a", "!a", "b/", "a/b", "!*.md", "**/b", "/a", "a/**", "!b/c.md", "*"]), max_size=5)


@given(path=paths, files=st.dictionaries(st.sampled_from([(), ("a",), ("a", "b")]), lines), directory=st.booleans())
def test_names_are_remembered_without_changing_what_is_decided(
    path: tuple[str, ...], files: dict[tuple[str, ...], list[str]], directory: bool
) -> None:
    ignore = Ignore([(scope, "\n".join(texts)) for scope, texts in files.items()], None)
    deciding = [pattern for pattern in ignore.patterns if pattern.matches(path, directory=directory)]
    expected = bool(deciding) and not deciding[-1].includes
    assert ignore.excludes(path, directory=directory) is expected
    assert ignore.excludes(path, directory=directory) is expected


def test_a_pattern_made_to_be_slow_is_not() -> None:
    assert not excluded("a" * 250, spec="*a" * 60 + "b")
