"""Flux v1: annotations of workloads and HelmReleases, and `.flux.yaml`.

Answers to its `docs/references/automated-image-update.md`, `helm-operator-integration.md` and
`fluxyaml-config-files.md`: `filter.fluxcd.io/CONTAINER` and `fluxcd.io/tag.CONTAINER` (and the older prefix
`flux.weave.works/`) say which tags; without one, and with `glob:` and `regex:`, the image that was built last is taken,
which no tag says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from gotk import go_yaml
from gotk.api import extensions
from image_automation.proposing import guessing
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.reading import Document
from image_automation.proposing.nodes import Map

_FILE = ".flux.yaml"
_CHART = "chart-image"
_POLICIES = ("fluxcd.io/", "flux.weave.works/")
_FILTER = "filter.fluxcd.io/"
#: Where an image stands in the values, by the name that the annotations give it.
_MAPPINGS = ("registry.fluxcd.io/", "repository.fluxcd.io/", "tag.fluxcd.io/")
_CARRIED = re.compile(r"automated|locked|locked_msg|locked_user|tag\..*|tag_all|ignore")


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations and .flux.yaml."""
    found = Imported()
    for document in reading.mappings(contents, "flux"):
        annotations = reading.texts(document.root.map("metadata").map("annotations"))
        if PurePosixPath(document.path).name == _FILE:
            _generated(found, document)
        elif policies := _policies(annotations):
            within = [each for each in sightings if document.holds(each)]
            _workload(found, document, policies, annotations, within)
    return found


def _policies(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return what the annotations say, by the names that fluxctl has for it."""
    found = {}
    for key, text in annotations.items():
        if key.startswith(_FILTER):
            found[f"tag.{key.removeprefix(_FILTER)}"] = text
        elif prefix := next((each for each in _POLICIES if key.startswith(each)), ""):
            found[key.removeprefix(prefix)] = text
    return found


def _workload(
    found: Imported, document: Document, policies: Mapping[str, str], annotations: Mapping[str, str],
    sightings: Sequence[Sighting],
) -> None:  # fmt: skip
    where = document.where
    if policies.get("ignore", "false") != "false":
        found.leave(where, "ignore: annotate it with kustomize.toolkit.fluxcd.io/reconcile: disabled")
    for key, text in policies.items():
        if not _CARRIED.fullmatch(key):
            found.leave(where, f"fluxcd.io/{key}: {text} is not carried over")
    if policies.get("automated") != "true":
        return
    mapped = _mapped(annotations)
    names = set()
    for each in sightings:
        name = _container(each, document.root, mapped)
        if name is None:
            found.leave(where, f"{each.shown}: Flux v1 does not see this image: it is not followed")
            continue
        names.add(name)
        pattern = policies.get(f"tag.{name}") or policies.get("tag_all", "glob:*")
        reading.follow(found, where, each, _locked(_policy(found, where, name, pattern, each.place.tag), policies))
    for key, text in policies.items():
        if key.startswith("tag.") and key.removeprefix("tag.") not in names:
            found.leave(where, f"filter {text} is for {key.removeprefix('tag.')}, which has no image that is seen")


def _policy(found: Imported, where: str, name: str, pattern: str, tag: str) -> Guess | None:
    if pattern.startswith("semver:"):
        return reading.semver(pattern.removeprefix("semver:").strip())
    cause = f"{name}: {pattern} takes the image that was built last, which no tag says"
    found.leave(where, f"{cause}: the policy is guessed from the tag in use")
    guessed = guessing.guess(tag)
    return guessed if isinstance(guessed, Guess) else None


def _locked(guess: Guess | None, policies: Mapping[str, str]) -> Guess | None:
    """Freeze what was locked."""
    if guess is None or policies.get("locked") != "true":
        return guess
    reason = {"reason": policies.get("locked_msg") or "locked in Flux v1"}
    by = {"by": policies["locked_user"]} if policies.get("locked_user") else {}
    return replace(
        guess, name=f"{guess.name}, locked", annotations={extensions.FREEZE: go_yaml.write({**reason, **by})}
    )


def _container(sighting: Sighting, root: Map, mapped: Mapping[tuple[str, ...], str]) -> str | None:
    """Return the name that Flux v1 has for a place: its container, or what leads to it in the values of a release."""
    path = sighting.place.path
    if root.text("kind") != "HelmRelease":
        return path[1] if path and path[0] in {"containers", "initContainers"} else None
    if path in mapped:
        return mapped[path]
    keys = [key for key in path[:-1] if key != "image"] if path[-1:] in {("tag",), ("image",)} else list(path)
    if len(keys) > 1 or (keys and path[-1] not in {"tag", "image"}):
        return None
    return keys[0] if keys else _CHART


def _mapped(annotations: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Return the paths of marked scalars by annotations: the tag's where one is given, else the repository's."""
    found: dict[str, str] = {}
    for prefix in _MAPPINGS:
        for key, text in annotations.items():
            if key.startswith(prefix):
                found[key.removeprefix(prefix)] = text
    return {tuple(text.split(".")): name for name, text in found.items()}


def _generated(found: Imported, document: Document) -> None:
    """Say of generated manifests what does the same."""
    root = document.root
    for way in ("patchUpdated", "commandUpdated"):
        settings = root.map(way)
        for each in settings.maps("generators"):
            cause = f"generator `{each.text('command')}`"
            found.leave(document.path, f"{cause}: a Kustomization builds the folder instead, and runs no commands")
        for each in settings.maps("updaters"):
            commands = ", ".join(f"`{text}`" for inner in each.entries for text in [each.map(inner).text("command")])
            found.leave(document.path, f"updaters {commands}: markers in the files take their place")
        if patch := settings.text("patchFile"):
            cause = "name it in the kustomization's patches, and mark images there"
            found.leave(document.path, f"patchFile {patch}: {cause}")
