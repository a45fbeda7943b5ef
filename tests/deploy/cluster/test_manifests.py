"""Objects read from YAML text."""

import pytest

from deploy.cluster import manifests
from gotk import documents


def test_lists_are_unfolded_and_configuration_is_dropped() -> None:
    text = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]}
- {apiVersion: v1, kind: Nameless, metadata: {}}
---
{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, metadata: {name: x}}
---
{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: c}}
---
just text
"""
    assert [obj["metadata"]["name"] for obj in manifests.read([text])] == ["a", "b", "c"]


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_labels_that_are_no_mapping_are_refused(place: str) -> None:
    text = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a, {place}: [x]}}}}"
    with pytest.raises(documents.DocumentError, match=rf"metadata\.{place} of ConfigMap/a is not a mapping"):
        manifests.read([text])
