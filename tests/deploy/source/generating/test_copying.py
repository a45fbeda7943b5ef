"""Copying, by the rules and the examples of source-watcher's guide and code."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy.source.generating import copying, staging
from deploy.source.generating.building import Rooms
from deploy.source.generating.copying import CopyError
from deploy.source.generating.staging import Staging
from deploy.source.generating.tree import Tree
from gotk.api.source_extensions import CopyOperation
from tests.artifacts import tarball

Copies = Callable[..., dict[str, str]]

SOURCE = {
    "config.yaml": "top",
    "README.md": "me",
    "configs/one.yaml": "1",
    "configs/two.yaml": "2",
    "configs/notes.md": "n",
    "configs/sub/three.yaml": "3",
    "configs/testdata/four.yaml": "4",
}


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    def copy(*operations: Mapping[str, object], **sources: Mapping[str, str | bytes]) -> dict[str, str]:
        trees = {}
        for alias, files in (sources or {"source": SOURCE}).items():
            root = tmp_path / alias
            root.mkdir(exist_ok=True)
            for name, content in files.items():
                file = root / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content if isinstance(content, bytes) else content.encode())
            trees[alias] = Tree(root)
        made, rooms = Staging(), Rooms(tmp_path)
        asked = [
            CopyOperation(
                from_=str(each["from"]),
                to=str(each["to"]),
                exclude=tuple(each.get("exclude", ())),  # type: ignore[arg-type] # a list of texts
                strategy=each.get("strategy", "Overwrite"),  # type: ignore[arg-type] # one of them
            )
            for each in operations
        ]
        copying.apply(asked, trees, made, rooms)
        read = {path: made.read(path) for path in made.files}
        return {
            path: (content if isinstance(content, bytes) else content.read_bytes()).decode()
            for path, content in sorted(read.items())
        }

    return copy


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        pytest.param("config.yaml", "apps/app.yaml", {"apps/app.yaml": "top"}, id="a file to a name"),
        pytest.param("config.yaml", "apps/", {"apps/config.yaml": "top"}, id="a file into a folder"),
        pytest.param("*.yaml", "apps/", {"apps/config.yaml": "top"}, id="files of the root"),
        pytest.param(
            "configs/*.yaml",
            "apps/",
            {"apps/configs/one.yaml": "1", "apps/configs/two.yaml": "2"},
            id="files of a folder keep their path",
        ),
        pytest.param("configs/sub/", "apps/", {"apps/sub/three.yaml": "3"}, id="a folder into a folder"),
        pytest.param("configs/sub", "apps", {"apps/sub/three.yaml": "3"}, id="a folder without slashes"),
        pytest.param("configs/sub/**", "apps/", {"apps/three.yaml": "3"}, id="what is in a folder"),
        pytest.param("", "", SOURCE, id="all of a source"),
        pytest.param("**", "", SOURCE, id="all that is in a source"),
    ],
)
def test_copying_is_like_cp(copies: Copies, source: str, target: str, found: dict[str, str]) -> None:
    assert copies({"from": f"@source/{source}", "to": f"@artifact/{target}"}) == dict(sorted(found.items()))


@pytest.mark.parametrize(
    ("source", "exclude", "found"),
    [
        ("configs/**", ["*.md", "**/testdata/**"], ["one.yaml", "sub/three.yaml", "two.yaml"]),
        ("configs/**", ["configs/sub/**", "testdata"], ["notes.md", "one.yaml", "two.yaml"]),
        ("configs/**", ["sub/**", "testdata/four.yaml"], ["notes.md", "one.yaml", "two.yaml"]),
        ("configs/", ["sub/**", "*.md", "testdata"], ["configs/one.yaml", "configs/two.yaml"]),
        ("config.yaml", ["*.yaml"], []),
    ],
)
def test_what_is_excluded_stays_out(copies: Copies, source: str, exclude: list[str], found: list[str]) -> None:
    assert list(copies({"from": f"@source/{source}", "to": "@artifact/", "exclude": exclude})) == found


def test_later_copies_replace_and_go_into_folders_that_are_there(copies: Copies) -> None:
    made = copies(
        {"from": "@a/**", "to": "@artifact/"},
        {"from": "@b/x", "to": "@artifact/"},
        {"from": "@b/y", "to": "@artifact/sub"},
        a={"x": "1", "sub/z": "2"},
        b={"x": "3", "y": "4"},
    )
    assert made == {"sub/y": "4", "sub/z": "2", "x": "3"}


def test_values_are_merged_as_helm_merges_them(copies: Copies) -> None:
    made = copies(
        {"from": "@chart/", "to": "@artifact/"},
        {"from": "@git/prod.yaml", "to": "@artifact/web/values.yaml", "strategy": "Merge"},
        {"from": "@git/prod.yaml", "to": "@artifact/web/new.yaml", "strategy": "Merge"},
        chart={"web/values.yaml": "image: {tag: one, name: web}\nports: [1, 2]\n"},
        git={"prod.yaml": "image: {tag: 'on'}\n---\nports: [3]\n"},
    )
    assert made["web/values.yaml"] == "image:\n  name: web\n  tag: 'on'\nports:\n- 3\n"
    assert made["web/new.yaml"] == "image: {tag: 'on'}\n---\nports: [3]\n"


def test_archives_are_extracted_and_other_files_passed_over(copies: Copies) -> None:
    chart = tarball({"web/Chart.yaml": b"name: web\n"})
    made = copies(
        {"from": "@source/**/*", "to": "@artifact/charts/", "strategy": "Extract"},
        source={"charts/web-1.0.0.TGZ": chart, "notes.md": "x", "other.tar.gz": tarball({"b": b"2"})},
    )
    assert made == {"charts/b": "2", "charts/web/Chart.yaml": "name: web\n"}


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        ({"from": "@source/none.yaml"}, "source 'none.yaml' does not exist"),
        ({"from": "@source/*.json"}, "no files match pattern '*.json' in source 'source'"),
        ({"from": "@source/["}, "invalid glob pattern '['"),
        ({"from": "@other/x"}, "source alias 'other' not found"),
        ({"from": "@source/*.md", "exclude": ["*.md"]}, "all files matching pattern '*.md' in source 'source' were"),
        ({"from": "@source/*", "exclude": ["[*.md"]}, "invalid exclude pattern '[*.md'"),
        ({"from": "@source/../x"}, "failed to stat source '../x': path escapes from parent"),
        ({"from": "@source/config.yaml", "to": "@artifact/../x"}, "'../x': path escapes from parent"),
        ({"from": "@source/config.yaml", "to": "@elsewhere/x"}, "destination must start with '@artifact/'"),
        ({"from": "@source/configs/", "strategy": "Extract"}, "extract strategy is not supported for directories"),
        ({"from": "@source/config.yaml", "strategy": "Extract"}, "extract strategy requires tarball file"),
        ({"from": "@source/README.md", "to": "@artifact/configs/one.yaml/x"}, "not a directory"),
        ({"from": "@source/README.md", "to": "@artifact/configs/one.yaml", "strategy": "Merge"}, "it is not a map"),
    ],
)
def test_a_copy_that_cannot_be_is_named(copies: Copies, operation: dict[str, object], complaint: str) -> None:
    with pytest.raises(CopyError) as raised:
        copies({"from": "@source/configs", "to": "@artifact/"}, {"to": "@artifact/", **operation})
    assert complaint in str(raised.value)
    assert str(raised.value).startswith(f"failed to apply copy operation from '{operation['from']}' to '")


def test_copies_of_copies_are_bounded(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"from": "@source/", "to": f"@artifact/{number}/"} for number in range(9)]
    monkeypatch.setattr(staging, "MOST_ENTRIES", 50)
    with pytest.raises(CopyError, match="more than 50 files and folders"):
        copies(*many)
    monkeypatch.setattr(staging, "MOST_ENTRIES", 5000)
    monkeypatch.setattr(staging, "MOST_BYTES", 50)
    with pytest.raises(CopyError, match="more than 50 bytes together"):
        copies(*many)


def test_a_file_s_digest_is_of_names_modes_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")

    def digest(mode: int) -> str:
        (tmp_path / "a").chmod(mode)
        made = Staging()
        made.put("b/a", Tree(tmp_path).staged("a"))
        return made.digest()

    assert digest(0o600) == digest(0o644) != digest(0o755)
