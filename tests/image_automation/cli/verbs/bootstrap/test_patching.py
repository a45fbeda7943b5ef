"""The kit with a user's patches, and nothing besides."""

import pytest

from deploy import manifests
from image_automation.cli.verbs.bootstrap import patching

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: flux-system}\n"
FOLDER = {
    "kustomization.yaml": b"resources: [kit.yaml, sync.yaml]\ncommonAnnotations: {team: platform}\n",
    "kit.yaml": (CONFIG % "a").encode(),
    "sync.yaml": (CONFIG % "b").encode(),
}
KIT = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "flux-system"}}]


def test_what_is_the_kits_is_patched_and_the_rest_is_left_to_the_sync() -> None:
    (found,) = patching.patched(FOLDER, KIT)
    assert found["metadata"] == {"name": "a", "namespace": "flux-system", "annotations": {"team": "platform"}}


def test_a_folder_that_does_not_build_says_what_kustomize_says() -> None:
    with pytest.raises(manifests.KitError) as raised:
        patching.patched({**FOLDER, "kustomization.yaml": b"resources: [gone.yaml]\n"}, KIT)
    assert "gone.yaml" in patching.complaint(raised.value)
    assert not patching.complaint(raised.value).startswith("kubectl")
