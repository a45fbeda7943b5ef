"""An object as a repository holds it: without what the cluster and the controllers wrote.

Answers to `flux2/cmd/flux/export.go`: of the metadata name, namespace, labels and annotations stay; the status goes.
"""

from typing import TYPE_CHECKING

from gotk import go_yaml

if TYPE_CHECKING:
    from image_automation.cli import kinds

_METADATA = ("annotations", "labels", "name", "namespace")


def written(obj: "kinds.Json") -> str:
    """Print an object as flux does: a line of three dashes, then YAML with sorted keys, to the byte of go-yaml."""
    metadata = obj["metadata"]
    kept = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    plain = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept, "spec": obj.get("spec") or {}}
    return "---\n" + go_yaml.write(plain)
