"""Fleet: `imageScans` of fleet.yaml, the markers that name them, and what a GitRepo says of its commits.

Answers to its `docs/imagescan.md`: a bundle is a folder with a fleet.yaml, in which a scan's `tagName` names it; the
markers `{"$imagescan": "NAME"}`, with `:name`, `:tag` or `:digest`, give way to ours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from gotk.api.image import AlphabeticalPolicy, ImagePolicyChoice
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Author, Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.reading import Document
from image_automation.proposing.nodes import Map

_FILE: Final = "fleet.yaml"
_MARKER: Final = re.compile(r'#\s*\{\s*"\$imagescan"\s*:\s*"(?P<name>[^":]+)(?::(?P<part>[^"]*))?"\s*\}[ \t]*')
_CARRIED = {"image", "tagName", "policy", "interval"}


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan, and the policy that it comes to."""

    where: str
    image: str
    guess: Guess


@dataclass(frozen=True, slots=True)
class _Marked:
    """A marker of Fleet's, with its line."""

    line: int
    name: str
    part: str


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read scans and their markers."""
    found = Imported(replaces=_MARKER)
    bundles: dict[str, dict[str, _Scan]] = {}
    for document in reading.mappings(contents, "imageScans"):
        if PurePosixPath(document.path).name == _FILE:
            folder = PurePosixPath(document.path).parent.as_posix()
            bundles.setdefault(folder, {}).update(_scans(found, document))
    lines = {(each.path, each.line): each for each in sightings}
    for path, data in contents.items():
        scans = _bundle(path, bundles)
        for marked in _markers(data):
            _follow(found, f"{path}:{marked.line}", marked, scans.get(marked.name), lines.get((path, marked.line)))
    for document in reading.mappings(contents, "imageScan"):
        if document.root.text("kind") == "GitRepo":
            _commits(found, document)
    return found


def _scans(found: Imported, document: Document) -> Iterator[tuple[str, _Scan]]:
    for each in document.root.maps("imageScans"):
        name = each.text("tagName")
        where = f"{document.path}: imageScans {name}"
        if each.text("suspend") == "true":
            found.leave(where, "suspend: it is not scanned, and gets no policy")
            continue
        for key, node in each.entries.items():
            if key not in _CARRIED:
                hint = (
                    ": name a Secret of the new objects' namespace in the ImageRepository" if key == "secretRef" else ""
                )
                found.leave(where, f"{key}: {reading.shown(node)} is not carried over{hint}")
        guess = _policy(each.map("policy"))
        if guess is None:
            found.leave(where, "its policy is neither semver nor alphabetical")
        else:
            yield name, _Scan(where, each.text("image"), guess)


def _policy(policy: Map) -> Guess | None:
    """Return the policy of a scan; semver counts where both are given."""
    if range_ := policy.map("semver").text("range"):
        return reading.semver(range_)
    if "alphabetical" in policy.entries:
        guess = reading.alphabetical()
        return _descending(guess) if policy.map("alphabetical").text("order").lower() == "desc" else guess
    return None


def _descending(guess: Guess) -> Guess:
    assert guess.choice.alphabetical is not None
    order = AlphabeticalPolicy(order="desc")
    return replace(guess, name="the first name", choice=ImagePolicyChoice(alphabetical=order))


def _bundle(path: str, bundles: Mapping[str, dict[str, _Scan]]) -> Mapping[str, _Scan]:
    """Return the scans of the nearest bundle that a file lies in."""
    parents = (parent.as_posix() for parent in PurePosixPath(path).parents)
    return next((bundles[parent] for parent in parents if parent in bundles), {})


def _markers(data: bytes) -> Iterator[_Marked]:
    if b"$imagescan" not in data:
        return
    for number, line in enumerate(data.decode(errors="replace").split("\n"), 1):
        if marked := _MARKER.search(line):
            yield _Marked(number, marked["name"], marked["part"] or "")


def _follow(found: Imported, where: str, marked: _Marked, scan: _Scan | None, sighting: Sighting | None) -> None:
    """Let the place of a marker follow its scan, where it is one that we mark."""
    if scan is None:
        found.leave(where, f"no imageScans of its bundle has the tagName {marked.name}")
    elif marked.part == "name":
        found.leave(where, 'the name alone is marked: write {"$imagepolicy": "NAMESPACE:POLICY:name"} by hand')
    elif sighting is None or sighting.place.part != ("tag" if marked.part == "tag" else ""):
        found.leave(where, "no image is seen at this marker: write ours by hand")
    elif sighting not in reading.places_of(scan.image, [sighting]):
        found.leave(where, f"{sighting.place.image} is not {scan.image}, which {scan.where} scans")
    else:
        guess = replace(scan.guess, digests="IfNotPresent") if marked.part == "digest" else scan.guess
        found.decided[sighting] = guess


def _commits(found: Imported, document: Document) -> None:
    """Read how a GitRepo commits."""
    spec = document.root.map("spec")
    commit = spec.map("imageScanCommit")
    message = commit.text("messageTemplate")
    if "{{" in message:
        found.leave(document.where, f"imageScanCommit.messageTemplate: {message} is not carried over")
        message = ""
    found.author = Author(commit.text("authorName"), commit.text("authorEmail"), message)
    if interval := spec.text("imageScanInterval"):
        found.leave(
            document.where, f"imageScanInterval: {interval} is not carried over: a new choice is written at once"
        )
