"""Argo CD Image Updater: annotations of Applications, and the ImageUpdater kind that took their place.

Answers to its `docs/configuration/images.md`, `applications.md` and `docs/basics/update-strategies.md`: strategies and
their older names, constraints behind the image's name, `allow-tags`, `ignore-tags`, and which Applications a reference
selects.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gotk import go_yaml, selectors
from gotk.api import extensions
from gotk.api.image import TagFilter
from image_automation.proposing import guessing
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.reading import Document
from image_automation.proposing.nodes import Map, Node

_GROUP = "argocd-image-updater.argoproj.io"
_PREFIX = f"{_GROUP}/"
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_CARRIED = ("updateStrategy", "allowTags", "ignoreTags")
_NO_TAGS = "no tag matches, and it is never updated"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for one image."""

    image: str
    constraint: str
    strategy: str = "semver"
    allowed: str = "any"
    ignored: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Application:
    """An Application, or what an ApplicationSet makes of its template."""

    where: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    paths: Sequence[str] = field(default_factory=list)

    def places(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Return the places in its folders; where it names none, all."""
        found = [each for path in self.paths for each in reading.below(path, sightings)]
        return found if self.paths else list(sightings)


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations of Applications, and ImageUpdaters over them."""
    found = Imported()
    applications = [made for each in reading.mappings(contents, "argoproj.io/") for made in _applications(each)]
    for each in applications:
        _annotated(found, each, sightings)
    for document in reading.mappings(contents, _GROUP):
        if document.root.text("kind") == "ImageUpdater":
            _updater(found, document, applications, sightings)
    return found


def _applications(document: Document) -> Iterator[_Application]:
    root = document.root
    if root.text("kind") == "ApplicationSet":
        root = root.map("spec").map("template")
    elif root.text("kind") != "Application":
        return
    metadata, spec = root.map("metadata"), root.map("spec")
    sources = [spec.map("source"), *spec.maps("sources")]
    paths = [_folder(path) for each in sources if (path := each.text("path"))]
    labels, annotations = reading.texts(metadata.map("labels")), reading.texts(metadata.map("annotations"))
    yield _Application(document.where, metadata.text("name"), labels, annotations, paths)


def _folder(path: str) -> str:
    """Return the folder that all paths of a template lie in."""
    known, template, _ = path.partition("{{")
    return known.rpartition("/")[0] if template else known


def _annotated(found: Imported, application: _Application, sightings: Sequence[Sighting]) -> None:
    own = {key.removeprefix(_PREFIX): text for key, text in application.annotations.items() if key.startswith(_PREFIX)}
    used = {"image-list", "update-strategy", "allow-tags", "ignore-tags"}
    for listed in filter(None, (each.strip() for each in own.get("image-list", "").split(","))):
        alias, _, image = listed.partition("=") if "=" in listed.partition(":")[0] else ("", "", listed)
        name, constraint = reading.split(image)
        prefix = f"{alias.replace('/', '_')}." if alias else ""
        strategy, allowed, ignored = (
            own.get(f"{prefix}{key}") or own.get(key, "") for key in ("update-strategy", "allow-tags", "ignore-tags")
        )
        patterns = [each.strip() for each in ignored.split(",") if each.strip()]
        wanted = _Wanted(name, constraint, strategy or "semver", allowed or "any", patterns)
        _image(found, application.where, wanted, application.places(sightings))
        used |= {f"{prefix}{key}" for key in ("update-strategy", "allow-tags", "ignore-tags")}
    for key, text in own.items():
        if key == "write-back-method" and text.startswith("git"):
            continue
        if key not in used:
            found.leave(application.where, f"{key}: {text} is not carried over")


def _image(found: Imported, where: str, wanted: _Wanted, sightings: Sequence[Sighting]) -> None:
    """Let the places of an image follow what is asked for it."""
    places = reading.places_of(wanted.image, sightings)
    if not places:
        found.leave(where, f"{wanted.image}: no place of this image is among the files of the application")
        return
    guess = _policy(found, where, wanted)
    if guess == _NO_TAGS:
        return
    for each in places:
        for pattern in wanted.ignored:
            found.exclude(where, each, reading.path_glob(pattern))
        reading.follow(found, where, each, guess if isinstance(guess, Guess) else None)


def _policy(found: Imported, where: str, wanted: _Wanted) -> Guess | str | None:
    """Return the policy that means the same, or None for a guess."""
    function, _, pattern = wanted.allowed.partition(":")
    if "*" in wanted.ignored or (wanted.allowed.lower() != "any" and function.lower() != "regexp"):
        setting = "ignore-tags: *" if "*" in wanted.ignored else f"allow-tags: {wanted.allowed}"
        found.leave(where, f"{wanted.image}: {setting}: {_NO_TAGS}")
        return _NO_TAGS
    filter_ = TagFilter(pattern=pattern) if pattern else None
    match wanted.strategy.lower():
        case "alphabetical" | "name":
            return reading.alphabetical(filter_)
        case "digest" if wanted.constraint:
            return guessing.moving(wanted.constraint)
        case "newest-build" | "latest" | "digest" as strategy:
            cause = f"update-strategy {strategy} orders by what no tag says"
            found.leave(where, f"{wanted.image}: {cause}: the policy is guessed from the tag in use")
            return None
    return reading.semver(wanted.constraint or "*", filter_, variant=wanted.constraint)


def _updater(
    found: Imported, document: Document, applications: Sequence[_Application], sightings: Sequence[Sighting]
) -> None:
    """Read an ImageUpdater. An Application follows the most specific reference that selects it."""
    spec = document.root.map("spec")
    _left(found, document.where, spec, {"applicationRefs", "commonUpdateSettings", "writeBackConfig"})
    _write_back(found, document.where, spec.map("writeBackConfig"))
    references = sorted(spec.maps("applicationRefs"), key=_specificity)
    taken = dict[str, Map]()
    for application in applications:
        chosen = next((each for each in references if _selects(each, application)), None)
        if chosen is not None:
            taken[application.where] = chosen
    for reference in references:
        pattern = reference.text("namePattern")
        where = f"{document.where}: {pattern}"
        carried = {"namePattern", "labelSelectors", "images", "commonUpdateSettings", "writeBackConfig"}
        _left(found, where, reference, {*carried, "useAnnotations"})
        _write_back(found, where, reference.map("writeBackConfig"))
        if reference.text("useAnnotations") == "true":
            continue  # they were read from the Applications
        selected = [each for each in applications if taken.get(each.where) is reference]
        if not applications:
            found.leave(where, "no Application is among the files: its images are looked for in all of them")
        elif not selected:
            found.leave(where, "it selects no Application among the files")
            continue
        within = [place for each in selected for place in each.places(sightings)] if applications else sightings
        for image in reference.maps("images"):
            settings = [each.map("commonUpdateSettings") for each in (image, reference, spec)]
            _image(found, where, _asked(found, where, image, settings), within)


def _asked(found: Imported, where: str, image: Map, settings: Sequence[Map]) -> _Wanted:
    """Join the settings of an image, its reference and the object, the nearest first."""
    name, constraint = reading.split(image.text("imageName"))
    merged: dict[str, Node] = {}
    for each in reversed(settings):
        merged |= each.entries
    for key, node in merged.items():
        if key not in {*_CARRIED, "forceUpdate"}:
            found.leave(where, f"{name}: {key}: {reading.shown(node)} is not carried over")
    _left(found, f"{where}: {name}", image, {"alias", "imageName", "commonUpdateSettings"})
    strategy, allowed = reading.shown(merged.get("updateStrategy")), reading.shown(merged.get("allowTags"))
    ignored = reading.listed(merged.get("ignoreTags"))
    return _Wanted(name, constraint, strategy or "semver", allowed or "any", ignored)


def _left(found: Imported, where: str, mapping: Map, carried: set[str]) -> None:
    for key, node in mapping.entries.items():
        if key not in carried:
            found.leave(where, f"{key}: {reading.shown(node)} is not carried over")


def _write_back(found: Imported, where: str, config: Map) -> None:
    """Carry pull requests over; everything else is said by the automation's GitRepository."""
    git = config.map("gitConfig")
    request = git.map("pullRequest")
    if "pullRequest" in git.entries:
        labels = reading.listed(request.entries.get("labels"))
        wanted = {"per": "all", "labels": labels} if labels else {"per": "all"}
        found.annotations[extensions.PULL_REQUEST] = go_yaml.write(wanted)
    for key in (key for key in git.entries if key != "pullRequest"):
        found.leave(where, f"writeBackConfig: {key}: {reading.shown(git.entries[key])} is not carried over")


def _specificity(reference: Map) -> tuple[bool, int]:
    """Sort exact names first, then patterns by their letters; labels add to them."""
    pattern = reference.text("namePattern")
    labels = len(reference.map("labelSelectors").entries)
    letters = sum(character not in "*?[]" for character in pattern)
    return any(character in pattern for character in "*?["), -letters - 100 * labels


def _selects(reference: Map, application: _Application) -> bool:
    if not fnmatch.fnmatchcase(application.name, reference.text("namePattern")):
        return False
    selector = reference.map("labelSelectors")
    wanted = reading.texts(selector.map("matchLabels"))
    if any(application.labels.get(key) != text for key, text in wanted.items()):
        return False
    return all(_requirement(each).matches(application.labels) for each in selector.maps("matchExpressions"))


def _requirement(expression: Map) -> selectors.Requirement:
    values = tuple(reading.listed(expression.entries.get("values")))
    return selectors.Requirement(expression.text("key"), _OPERATORS.get(expression.text("operator"), "in"), values)
