"""Write the older API versions into deploy/crds/*.yaml.

The first version of each file is written by hand and is the only place where a schema is edited. v1beta2 and v1beta1
(or what the kind had instead) are copies of it that also take the fields that it dropped, so that manifests of old
tutorials apply without an error. Run it after editing the first version of a schema; running it twice changes nothing.
"""

import copy
import pathlib
from typing import Any

import yaml

CRDS = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "crds"
OLDER = ("v1beta2", "v1beta1")
#: The kinds that are younger than the oldest version, or counted their versions otherwise.
OTHERS: dict[str, tuple[str, ...]] = {
    "ArtifactGenerator": (),
    "ExternalArtifact": (),
    "HelmRelease": ("v2beta2", "v2beta1"),
    "OCIRepository": ("v1beta2",),
}


def text(description: str, **more: Any) -> dict[str, Any]:
    """Describe a string."""
    return {"description": f"No longer used. {description}", "type": "string", **more}


def anything(description: str) -> dict[str, Any]:
    """Describe a list of objects of any shape."""
    items = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"description": description, "type": "array", "items": items}


_ACCESS_FROM = {
    "description": "No longer used. From which namespaces objects may refer to this one.",
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
}
# What older versions of a kind take besides: (path below the root, field, its schema); `[]` are the items of a list.
DROPPED: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "GitRepository": [
        ("spec", "gitImplementation", text("Which Git library to use.", enum=["go-git", "libgit2"])),
        ("spec", "accessFrom", _ACCESS_FROM),
        ("status", "url", text("Where the latest artifact is served.")),
        ("status", "contentConfigChecksum", text("A checksum of the settings that shape the artifact.")),
        ("status.artifact", "checksum", text("The artifact's SHA256 checksum.")),
    ],
    "Bucket": [
        ("spec", "accessFrom", _ACCESS_FROM),
        ("status.artifact", "checksum", text("The artifact's SHA256 checksum.")),
    ],
    "HelmChart": [
        ("spec", "accessFrom", _ACCESS_FROM),
        ("status.artifact", "checksum", text("The artifact's SHA256 checksum.")),
    ],
    "HelmRelease": [
        ("status", "lastAppliedRevision", text("The version of the chart that was last released.")),
    ],
    "HelmRepository": [("status.artifact", "checksum", text("The artifact's SHA256 checksum."))],
    "ImagePolicy": [("status", "latestImage", text("The image chosen, as name:tag."))],
    "Kustomization": [
        ("spec", "validation", text("How to validate before applying.", enum=["none", "client", "server"])),
        ("spec", "patchesStrategicMerge", anything("Not applied: v1 has patches instead. Merge patches.")),
        ("spec", "patchesJson6902", anything("Not applied: v1 has patches instead. JSON patches.")),
        (
            "status",
            "snapshot",
            {
                "description": "No longer used. What was applied.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
            },
        ),
    ],
    "Receiver": [("status", "url", text("The path that takes the calls."))],
}


#: What the warning about an older version of a kind says besides: what would be lost without a word.
LOST = {
    "Kustomization": "; its patchesStrategicMerge and patchesJson6902 are not applied: move them to patches",
}


class Dumper(yaml.SafeDumper):
    """Writes repeated parts in full: anchors would hide what a version holds."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Never write an anchor."""
        return True


def older(crd: dict[str, Any], newest: dict[str, Any], name: str) -> dict[str, Any]:
    """Make an older version out of the newest."""
    version = copy.deepcopy(newest)
    kind, group = crd["spec"]["names"]["kind"], crd["spec"]["group"]
    for path, field, schema in DROPPED.get(kind, []):
        node = version["schema"]["openAPIV3Schema"]
        for part in path.split("."):
            node = node["items"] if part == "[]" else node["properties"][part]
        node["properties"][field] = copy.deepcopy(schema)
    advice = f"upgrade to {newest['name']} ({group}){LOST.get(kind, '')}"
    return {
        "name": name,
        "served": True,
        "storage": False,
        "deprecated": True,
        "deprecationWarning": f"{name} {kind} is deprecated, {advice}",
        **{key: value for key, value in version.items() if key not in {"name", "served", "storage"}},
    }


def main() -> None:
    """Rewrite every file."""
    for file in sorted(CRDS.glob("*.yaml")):
        if file.name == "kustomization.yaml":
            continue
        crd = yaml.safe_load(file.read_text())
        newest = crd["spec"]["versions"][0]
        names = OTHERS.get(crd["spec"]["names"]["kind"], OLDER)
        crd["spec"]["versions"] = [newest, *(older(crd, newest, name) for name in names)]
        file.write_text(yaml.dump(crd, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True))


if __name__ == "__main__":
    main()
