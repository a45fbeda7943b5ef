"""What a build has asked decides what comes of it: where another source answers the same, the same is built."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.kustomize.building import build, canonical, contents, generator, plain, plan, references, source
from deploy.kustomize.building.asked import Answered, Asked, Notes, Observed
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from tests.deploy.kustomize import sources
from tests.deploy.kustomize.sources import config_map

#: What a monorepo is made of here; a text that begins with an arrow is a symbolic link.
TEXTS = (
    config_map("one"),
    config_map("two"),
    config_map("two") + "---\n" + config_map("three"),
    "key=value\n",
    "key=other\n",
    "not: [yaml\n",
    "",
    "->own.yaml",
    "->../../base",
    "resources: [own.yaml]\n",
    "resources: [../../base, own.yaml]\n",
    "resources: [../../base]\nnamePrefix: x-\n",
    "resources: [../../base/../base/own.yaml]\n",
    "resources: [../../base]\ncomponents: [../../component]\n",
    "resources: [../../base]\npatches: [{path: ../../component/patch.yaml}]\n",
    "resources: [deep]\n",
    "configMapGenerator: [{name: made, files: [settings.env]}]\n",
    "configMapGenerator: [{name: made, envs: [settings.env, ../../base/settings.env]}]\n",
    "configMapGenerator: [{name: made, files: [kustomization.yaml]}]\n",
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n",
    "resources: [https://example.com/base.yaml]\n",
    "helmCharts: [{name: web, repo: https://example.com}]\n",
    "openapi: {path: ../../base/own.yaml}\nresources: [own.yaml]\n",
)
PATHS = (
    *(
        f"{folder}/{name}"
        for folder in ("base", "component", "apps/one", "apps/one/deep", "apps/two")
        for name in ("kustomization.yaml", "own.yaml", "settings.env", "patch.yaml")
    ),
    "apps/one/Kustomization",
    "apps/two/.sourceignore",
)
FILES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS), max_size=len(PATHS))
CHANGES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from((*TEXTS, None)), min_size=1, max_size=3)
SPECS = (
    {},
    {"namePrefix": "x-"},
    {"components": ["../../component"], "ignoreMissingComponents": True},
    {"images": [{"name": "web", "newTag": "1"}]},
)
DIRECTORIES = ("apps/one", "apps/two", "base", ".")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text.removeprefix("->"))
        else:
            path.write_text(text)


def built(root: Path, directory: str, spec: dict[str, object]) -> tuple[str, Asked]:
    """Return what would be printed, or all that kustomize would see, or why nothing is built; and what was asked."""
    notes = Notes()
    wanted = sources.kustomization(**spec).spec
    try:
        build.locate(root, directory)
        small = Observed(source.Directory(root, most=plain.MOST_BYTES), notes)
        text = plain.printed(small, directory, wanted)
        if text is None:
            unpacked = Observed(source.Directory(root), notes)
            planned = build._plan(unpacked, directory, wanted, NoRemoteBases(), as_listed=False)
            text = build._seen(planned, root, directory, {})
    except build.PathMissing:
        notes.wholes.add(directory)
        text = "missing"
    except (
        *(generator.GeneratorError, references.ForbiddenReference, canonical.Unreadable, source.TooLarge),
        *(plan.TooLarge, FileNotFoundError),
    ) as error:
        text = f"{type(error).__name__}: {error}".replace(str(root), "")
    return text, notes.asked()


@settings(max_examples=40)
@given(FILES, st.lists(CHANGES, min_size=1, max_size=4), st.sampled_from(SPECS), st.sampled_from(DIRECTORIES))
def test_where_all_answers_are_the_same_so_is_what_is_built(
    files: dict[str, str], commits: list[dict[str, str | None]], spec: dict[str, object], directory: str
) -> None:
    before: tuple[str, Answered, contents.Contents] | None = None
    for commit in ({}, *commits):
        files = {name: text for name, text in {**files, **commit}.items() if text is not None}
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            write(root, files)
            held = contents.read(root)
            text, asked = built(root, directory, spec)
        if before is not None:
            same = held.answer(before[1].asked) == before[1]
            assert held.changes(before[2]).concern(before[1].asked) is not same
            assert text == before[0] or not same
        before = text, held.answer(asked), held


OVERLAY = {
    "base/kustomization.yaml": "resources: [own.yaml]\n",
    "base/own.yaml": config_map("one"),
    "base/unused.yaml": config_map("unused"),
    "apps/one/kustomization.yaml": "resources: [../../base]\nconfigMapGenerator: [{name: x, files: [settings.env]}]\n",
    "apps/one/settings.env": "key=value\n",
    "apps/two/own.yaml": config_map("two"),
    "apps/two/README.md": "Two\n",
}


@pytest.mark.parametrize(
    ("directory", "path", "depends"),
    [
        pytest.param("apps/one", "base/own.yaml", True, id="a base"),
        pytest.param("apps/one", "apps/one/settings.env", True, id="what a generator reads"),
        pytest.param("apps/one", "apps/one/kustomization.yml", True, id="a second kustomization"),
        pytest.param("apps/one", "base/unused.yaml", False, id="a file that no base names"),
        pytest.param("apps/one", "apps/one/more.yaml", False, id="a new file that no kustomization names"),
        pytest.param("apps/one", "apps/two/own.yaml", False, id="another app"),
        pytest.param("apps/two", "apps/two/own.yaml", True, id="a manifest of a plain folder"),
        pytest.param("apps/two", "apps/two/more.yaml", True, id="a new manifest of a plain folder"),
        pytest.param("apps/two", "apps/two/README.md", False, id="the bytes of what is no manifest"),
        pytest.param("apps/two", "base/own.yaml", False, id="another folder"),
    ],
)
def test_a_build_depends_on_what_it_asks_and_on_nothing_else(
    tmp_path: Path, directory: str, path: str, depends: bool
) -> None:
    write(tmp_path / "before", OVERLAY)
    write(tmp_path / "after", {**OVERLAY, path: "changed\n"})
    _, asked = built(tmp_path / "before", directory, {})
    answers = [contents.read(tmp_path / when).answer(asked) for when in ("before", "after")]
    assert (answers[0] != answers[1]) == depends
