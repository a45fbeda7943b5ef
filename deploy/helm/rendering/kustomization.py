"""The Kustomization that a post-renderer is: a folder that kustomize builds, and what is done to its one resource.

Answers to `Kustomize` of helm-controller's `internal/postrender`, with the two kinds of patches that v2beta1 and
v2beta2 had besides. Those lie in files of the folder, where kustomize takes them for nothing else.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from deploy.cluster.objects import Manifest
from gotk import go_yaml
from gotk.api import scheme
from gotk.api.helm import PostRendererKustomize
from gotk.api.kustomize import CrossNamespaceSourceReference, KustomizationSpec
from gotk.duration import Duration

_INPUT = "helm-output.yaml"


def lay_out(folder: Path, objects: Iterable[Manifest], renderer: PostRendererKustomize) -> None:
    """Write a folder that kustomize builds. Blocks. Raises OSError."""
    files = {_INPUT: "---\n".join(go_yaml.write(each) for each in objects)}
    described: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_INPUT],
    }
    if renderer.patches_strategic_merge:
        merged = {f"merge-{n}.yaml": go_yaml.write(each) for n, each in enumerate(renderer.patches_strategic_merge)}
        files |= merged
        described["patchesStrategicMerge"] = list(merged)
    for number, each in enumerate(renderer.patches_json6902):
        name = f"patch-{number}.json"
        files[name] = msgspec.json.encode(each.patch).decode()
        described.setdefault("patchesJson6902", []).append({"path": name, "target": scheme.to_builtins(each.target)})
    files["kustomization.yaml"] = go_yaml.write(described)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def spec(renderer: PostRendererKustomize) -> KustomizationSpec:
    """Return a Kustomization's spec, of which a build looks at what it does to objects and nothing else."""
    return KustomizationSpec(
        interval=Duration(0),
        source_ref=CrossNamespaceSourceReference(kind="GitRepository", name="chart"),
        prune=False,
        patches=renderer.patches,
        images=renderer.images,
    )
