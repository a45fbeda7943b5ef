"""What a build reads of a commit: bases and components wherever they lie, and what is looked for and not there."""

from pathlib import Path

import pytest

from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from image_automation.app import reads
from image_automation.recovering.deployments import Reads
from tests.image_automation.failing import deployed

FILES = {
    "clusters/prod/kustomization.yaml": (
        "resources: [../../base]\ncomponents: [../../parts/tls]\npatches: [{path: web.yaml}]\n"
    ),
    "clusters/prod/web.yaml": "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\n",
    "base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: env, envs: [../env/prod.env]}]\n",
    "base/web.yaml": "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\n",
    "parts/tls/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n",
    "env/prod.env": "A=b\n",
    "env/test.env": "A=c\n",
    "plain/a.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
    "broken/kustomization.yaml": "resources: [../nowhere]\n",
    "README.md": "hello\n",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder: Path = tmp_path_factory.mktemp("reads")
    commit = seed(folder / "remote.git", FILES)
    mirror = Mirrors(folder / "mirrors").open(f"file://{folder / 'remote.git'}")
    mirror.fetch("refs/heads/main")

    def found(path: str) -> Reads | None:
        return reads.reads(mirror, commit, deployed(commit, commit, path=path))

    return found


READ = {
    "base/web.yaml",
    "base/kustomization.yaml",
    "clusters/prod/web.yaml",
    "parts/tls/kustomization.yaml",
    "env/prod.env",
}


def test_everything_that_a_build_is_made_of_is_read_and_nothing_beside_it(read):
    found = read("./clusters/prod")
    assert {path for path in FILES if path in found} == {*READ, "clusters/prod/kustomization.yaml"}


def test_a_file_that_comes_into_a_folder_without_a_kustomization_counts(read):
    found = read("./plain")
    assert "plain/new.yaml" in found
    assert "base/new.yaml" not in found


def test_of_what_does_not_build_nothing_is_known(read):
    assert read("./broken") is None
    assert read("./nowhere") is None
