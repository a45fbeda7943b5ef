"""The kit as the user's `kustomization.yaml` beside it patches it: what is applied before anything syncs is that, too.

Answers to `flux bootstrap`, which applies that kustomization where there is one: an image that is elsewhere, or a node
that is to be chosen, has to be right at the first start, for nothing syncs before it.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deploy import manifests
from deploy.cluster import inventory

Manifest = dict[str, Any]


def patched(folder: Mapping[str, bytes], kit: Iterable[Manifest]) -> list[Manifest]:
    """Build the files of a folder, and return what is the kit's of it. Blocks. Raises KitError."""
    import yaml  # noqa: PLC0415 - heavy imports wait

    with tempfile.TemporaryDirectory(prefix="kit-") as root:
        for name, content in folder.items():
            file = Path(root, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        built = list(yaml.load_all(manifests.kustomized(Path(root)), Loader=yaml.CSafeLoader))
    known = {inventory.ObjectID.of(each) for each in kit}
    return [each for each in built if inventory.ObjectID.of(each) in known]


def complaint(error: manifests.KitError) -> str:
    """Return what kustomize says, without the folder that was made for it."""
    return str(error).partition(": ")[2]
