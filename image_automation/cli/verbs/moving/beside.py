"""A kit that does a part of what is there: what is committed beside the other's kit, which loses that part. Pure.

It has a file of its own, so that a later `flux bootstrap`, which writes its `gotk-components.yaml` anew, leaves it be.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.cluster import inventory
from image_automation.cli.verbs.bootstrap import files

COMPONENTS = "image-automation-components.yaml"
_RETIRED = b"# The kit that was here has gone: this file is listed nowhere and can be deleted.\n"
_LISTED = re.compile(rf"^[ \t]*-[ \t]+{re.escape(COMPONENTS)}[ \t]*\n", re.MULTILINE)
_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_RESOURCE = re.compile(rf"^([ \t]*-[ \t]+){re.escape(files.COMPONENTS)}[ \t]*$", re.MULTILINE)


class Unfit(ValueError):
    """The folder is not as bootstrap makes it. The message says what is missing."""


def edits(
    folder: Mapping[str, bytes], text: str, kit: Iterable[Mapping[str, Any]], going: Iterable[Mapping[str, Any]]
) -> dict[str, bytes]:
    """Return the files of the folder that change, by their names. Raises Unfit."""
    shared = {inventory.ObjectID.of(each) for each in kit if each["kind"] == "Namespace"}
    ours = {inventory.ObjectID.of(each) for each in kit} - shared
    gone = ours | {inventory.ObjectID.of(each) for each in going}
    return {
        files.COMPONENTS: without(folder[files.COMPONENTS].decode(), gone).encode(),
        COMPONENTS: without(text, shared).encode(),
        files.KUSTOMIZATION: listed(folder.get(files.KUSTOMIZATION, b"").decode()).encode(),
    }


def retired(folder: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that change where a kit comes whole: ours beside Flux's, if there is one, is listed no more."""
    if COMPONENTS not in folder:
        return {}
    own = _LISTED.sub("", folder.get(files.KUSTOMIZATION, b"").decode())
    return {COMPONENTS: _RETIRED, files.KUSTOMIZATION: own.encode()}


def without(text: str, objects: Iterable[inventory.ObjectID]) -> str:
    """Return a text of several manifests without some of them; what stays, stays byte for byte."""
    import yaml  # noqa: PLC0415 - heavy imports wait

    unwanted = set(objects)
    kept = []
    for document in _SEPARATOR.split(text):
        obj = yaml.load(document, Loader=yaml.CSafeLoader)
        if not isinstance(obj, dict) or inventory.ObjectID.of(obj) not in unwanted:
            kept.append(document)
    return "---\n".join(kept)


def listed(kustomization: str) -> str:
    """Return a kustomization that lists our file behind Flux's. Raises Unfit."""
    if re.search(rf"\b{re.escape(COMPONENTS)}\b", kustomization):
        return kustomization
    found, count = _RESOURCE.subn(rf"\g<0>\n\g<1>{COMPONENTS}", kustomization, count=1)
    if not count:
        raise Unfit(f"{files.KUSTOMIZATION} has no line of its own for {files.COMPONENTS}")
    return found
