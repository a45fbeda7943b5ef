"""What a checkout declares: ours is read or is an error with file, line and field; everything else is passed over."""

import os
from pathlib import Path

import pytest

from image_automation.oneshot import manifests
from image_automation.oneshot.manifests import Manifests

POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec:
  imageRepositoryRef:
    name: web
  policy:
    semver: {range: 1.x}
"""
V1 = "image.toolkit.fluxcd.io/v1"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '!'}\n"


def loaded(folder: Path, *files: str | bytes, **named: str) -> Manifests:
    """What is found in files f0.yaml, f1.yaml, ... and in those that are named."""
    for number, content in enumerate(files):
        (folder / f"f{number}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    for name, content in named.items():
        (folder / f"{name}.yaml").write_text(content)
    return manifests.load(folder, namespace="flux-system")


WRONG = {
    "an unknown field": (
        POLICY.replace("imageRepositoryRef", "imageRepoRef"),
        'f0.yaml:5: ImagePolicy web: unknown field "spec.imageRepoRef", did you mean "imageRepositoryRef"?',
    ),
    "an unknown field of a field": (
        POLICY.replace("range: 1.x", "rnge: 1.x"),
        'f0.yaml:8: ImagePolicy web: unknown field "spec.policy.semver.rnge", did you mean "range"?',
    ),
    "an unknown field in the second document": (
        f"{POLICY}---\n{POLICY.replace('policy:', 'policie:').replace('name: web, n', 'name: two, n')}",
        'f0.yaml:16: ImagePolicy two: unknown field "spec.policie", did you mean "policy"?',
    ),
    "an unknown field of an item": (
        f"kind: List\nitems:\n- apiVersion: {V1}\n  kind: ImagePolicy\n  metadata: {{name: web}}\n\n  specs: {{}}\n",
        'f0.yaml:7: ImagePolicy web: unknown field "specs", did you mean "spec"?',
    ),
    "a field of nothing": (POLICY + "other: 1\n", 'f0.yaml:9: ImagePolicy web: unknown field "other"'),
    "a misspelt kind": (
        POLICY.replace("ImagePolicy", "ImagePolcy"),
        'f0.yaml:2: ImagePolcy web: "ImagePolcy" is no kind of image.toolkit.fluxcd.io: did you mean "ImagePolicy"?',
    ),
    "a kind in lower case": (
        POLICY.replace("ImagePolicy", "imagepolicy"),
        'f0.yaml:2: imagepolicy web: "imagepolicy" is no kind of image.toolkit.fluxcd.io: did you mean "ImagePolicy"?',
    ),
    "a kind that is none": (
        POLICY.replace("ImagePolicy", "Banana"),
        'f0.yaml:2: Banana web: "Banana" is no kind of image.toolkit.fluxcd.io: there are ImagePolicy, ',
    ),
    "no kind": (POLICY.replace("kind: ImagePolicy\n", ""), "f0.yaml:1: an object web: it has no kind"),
    "a misspelt source": (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepositry\nmetadata: {name: x}\n",
        'f0.yaml:2: GitRepositry x: "GitRepositry" is no kind of source.toolkit.fluxcd.io: did you mean "GitRepo',
    ),
    "a misspelt group": (
        POLICY.replace("image.toolkit.fluxcd.io", "image.toolkit.fluxd.io"),
        'f0.yaml:2: ImagePolicy web: no API is called "image.toolkit.fluxd.io/v1": did you mean "image.tool',
    ),
    "a group without a version": (
        POLICY.replace("fluxcd.io/v1", "fluxcd.io"),
        'f0.yaml:2: ImagePolicy web: no API is called "image.toolkit.fluxcd.io": did you mean "image.tool',
    ),
    "a version that is none": (
        POLICY.replace("fluxcd.io/v1", "fluxcd.io/v2"),
        'f0.yaml:2: ImagePolicy web: "v2" is no version of ImagePolicy that is known: write image.toolkit.fluxcd.io/v1',
    ),
    "no apiVersion": (
        POLICY.replace("apiVersion: image.toolkit.fluxcd.io/v1\n", ""),
        "f0.yaml:1: ImagePolicy web: it has no apiVersion: write image.toolkit.fluxcd.io/v1",
    ),
    "a required field that is missing": (
        POLICY.replace("  policy:\n    semver: {range: 1.x}\n", ""),
        "f0.yaml:1: ImagePolicy web: Object missing required field `policy` - at `$.spec`",
    ),
    "a document of the wrong indentation": (
        f"a: b\n---\n{POLICY.replace('  policy', ' policy')}",
        "f0.yaml: line 9: did not find expected key",
    ),
    "a tab": (
        POLICY.replace("  policy", "\tpolicy"),
        "f0.yaml: line 7: found a tab character",
    ),
    "two documents in one": (POLICY + POLICY, 'f0.yaml: line 9: key "apiVersion" already set'),
    "text that is not UTF-8": (
        POLICY.encode() + b"# caf\xe9\n",
        "f0.yaml:9: the file is not UTF-8: save it as UTF-8",
    ),
    "UTF-16": (POLICY.encode("utf-16"), "f0.yaml:1: the file is not UTF-8: save it as UTF-8"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_looks_like_ours_and_cannot_be_read_is_an_error(tmp_path: Path, content: str | bytes, said: str):
    found = loaded(tmp_path, content, good=POLICY.replace("name: web, n", "name: good, n"))
    (error,) = found.errors
    assert error.startswith(f"{tmp_path}/{said}")
    assert "good" in {name for _, _, name in found.declared}


@pytest.mark.parametrize(
    "content",
    [
        "{{ if .x }}\napiVersion: apps/v1\nkind: Deployment\n{{ end }}\n",
        "a: [\n",
        "\tkind: ConfigMap\n",
        "apiVersion: config.openshift.io/v1\nkind: ImagePolicy\nmetadata: {name: x}\nspec: {scopes: []}\n",
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {name: x}\n",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: x}\nspec: {any: thing}\n",
        "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {name: x}\n",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec: {any: thing}\n",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: image.toolkit.fluxcd.io}\n",
        "image: x\nkind: image\nvalues: {kind: ImagePolicy}\n",
        "- kind: ImagePolicy\n",
        "just a text\n",
        "",
    ],
)
def test_ordinary_yaml_is_passed_over_in_silence(tmp_path: Path, content: str):
    found = loaded(tmp_path, content)
    assert (found.errors, found.left_out, found.declared) == ([], [], {})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(f"{{{{- if .x }}}}\n{POLICY}{{{{ end }}}}\n", "it is a template", id="a Helm template"),
        pytest.param(POLICY.replace("metadata: ", "interval: ${i}\nmetadata: "), "it is a template", id="substitution"),
        pytest.param(SECRET, "left out", id="a Secret that cannot be read"),
    ],
)
def test_what_need_not_be_whole_here_is_left_out_and_said(tmp_path: Path, content: str, why: str):
    found = loaded(tmp_path, content)
    (said,) = found.left_out
    assert why in said
    assert found.errors == []


@pytest.mark.parametrize("key", ["patches: [{path: part.yaml}]", "patchesStrategicMerge: [./part.yaml]"])
def test_a_patch_is_no_object_whole_or_not(tmp_path: Path, key: str):
    whole = POLICY.replace("1.x", "2.x")
    found = loaded(tmp_path, POLICY, kustomization=f"{key}\n", part=f"{POLICY.partition('spec:')[0]}---\n{whole}")
    assert found.errors == []
    assert len(found.left_out) == 1
    assert [declared.path for declared in found.declared.values()] == [f"{tmp_path}/f0.yaml"]


def test_older_versions_are_read(tmp_path: Path):
    found = loaded(tmp_path, POLICY.replace("fluxcd.io/v1", "fluxcd.io/v1beta1"))
    assert (len(found.declared), found.errors) == (1, [])


def test_one_object_written_twice_alike_is_one(tmp_path: Path):
    assert len(loaded(tmp_path, POLICY, POLICY).declared) == 1


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    found = loaded(tmp_path, POLICY)
    assert found.errors == [f"{tmp_path}/pipe.yaml: the file cannot be read (it is no regular file): make it readable"]


def test_a_link_is_followed_within_the_checkout_only(tmp_path: Path):
    (tmp_path / "shared.txt").write_text(POLICY)
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "link.yaml").symlink_to("../shared.txt")
    (tmp_path / "cluster" / "nowhere.yaml").symlink_to("../none.yaml")
    (tmp_path / "cluster" / "folder.yaml").symlink_to("..")
    inside = manifests.load(tmp_path / "cluster", namespace="x", within=tmp_path)
    assert (len(inside.declared), inside.errors) == (1, [])
    assert manifests.load(tmp_path / "cluster", namespace="x").declared == {}
