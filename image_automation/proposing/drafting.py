"""The proposal as a record: which images get which policy, which places follow it, and what is left to a person.

Places of one image that would be chosen for alike share a policy: production on 1.x and a canary on 2.x get two. What
the repository has already is used: an ImageRepository of the image, and the one policy of it that takes the tag in use.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImagePolicySpec, ImageRepository
from gotk.api.meta import NamespacedObjectReference
from gotk.oci import name as names
from image_automation.proposing import files, guessing
from image_automation.proposing.files import File, Sighting
from image_automation.proposing.guessing import Guess, Undecided

_API_VERSION = "image.toolkit.fluxcd.io/v1"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NAME_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Registry:
    """What a registry said of an image: its tags, or why they are not known. `asked` is False where nobody asked."""

    tags: Sequence[str] = ()
    failure: str = ""
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Existing:
    """The objects of the namespace that are there already."""

    repositories: Mapping[str, str] = field(default_factory=dict)
    policies: Sequence[ImagePolicy] = ()
    names: Collection[str] = frozenset()


@dataclass(slots=True)
class Followed:
    """A policy with the places that follow it. `spec` is None for one that is there; `latest` is what it chooses."""

    name: str
    repository: str
    image: str
    how: str
    tag: str
    latest: str
    spec: ImagePolicySpec | None
    places: list[Sighting]


@dataclass(frozen=True, slots=True)
class Open:
    """A place that was left to a person, and why."""

    sighting: Sighting
    cause: str


@dataclass(slots=True)
class Draft:
    """Everything that is proposed, but the automation: policies, new repositories (by name), edits, open questions."""

    policies: list[Followed] = field(default_factory=list)
    repositories: dict[str, str] = field(default_factory=dict)
    edits: dict[str, bytes] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    followed: int = 0

    @property
    def markers(self) -> int:
        """How many markers come in."""
        return sum(len(policy.places) for policy in self.policies)


def canonical(sighting: Sighting) -> str | Undecided:
    """Return the name by which a registry knows an image."""
    try:
        return str(names.parse(sighting.place.image))
    except names.InvalidName:
        return Undecided(f"'{sighting.place.image}' is no image name")


def wanted(found: Iterable[File]) -> tuple[list[Sighting], list[Open]]:
    """Sort the places of files: those to follow, and those that cannot be."""
    found = list(found)
    replaced = {image: file.path for file in found for image in file.replaced}
    going, left = list[Sighting](), list[Open]()
    for sighting in (each for file in found for each in file.sightings if not each.marked):
        place, name = sighting.place, canonical(sighting)
        if place.cause:
            left.append(Open(sighting, place.cause))
        elif not place.part and place.image in replaced:
            continue  # the kustomization decides, and has its own place
        elif isinstance(name, Undecided):
            left.append(Open(sighting, name.cause))
        elif not place.tag and place.digest:
            left.append(Open(sighting, "it is pinned to a digest without a tag: write the tag, too"))
        else:
            going.append(sighting)
    return going, left


def draft(
    found: Sequence[File], registries: Mapping[str, Registry], existing: Existing, namespace: str,
    decided: Mapping[Sighting, Guess | None] | None = None,
) -> Draft:  # fmt: skip
    """Draft the proposal. `registries` are by canonical name; `decided` places alone are an importer's."""
    going, left = wanted(found)
    if decided is not None:
        going = [each for each in going if each in decided]
        left = [each for each in left if each.sighting in decided]
    made = Draft(open=left, followed=sum(each.marked for file in found for each in file.sightings))
    naming = _Naming(existing)
    groups: dict[tuple[str, str], Followed] = {}
    for sighting in going:
        image = str(canonical(sighting))
        registry = registries.get(image, Registry(asked=False))
        outcome = _decide(sighting, registry, existing, image, (decided or {}).get(sighting))
        if isinstance(outcome, Undecided):
            made.open.append(Open(sighting, outcome.cause))
            continue
        key = (image, outcome.name or repr(outcome.spec))
        if (group := groups.get(key)) is None:
            group = groups[key] = outcome
        if sighting.place.tag not in group.tag.split(", "):
            group.tag = f"{group.tag}, {sighting.place.tag}"
        group.places.append(sighting)
    _place(found, groups.values(), naming, made, namespace)
    return made


def _decide(
    sighting: Sighting, registry: Registry, existing: Existing, image: str, decided: Guess | None
) -> Followed | Undecided:
    """Find the policy of a place: one that is there, or a guess that holds."""
    tag = sighting.place.tag
    if registry.failure:
        return Undecided(registry.failure)
    repository = existing.repositories.get(image, "")
    taking = _taking(existing, repository, tag)
    if len(taking) > 1:
        listed = ", ".join(policy.metadata.name for policy in taking)
        return Undecided(f"several policies take '{tag}': {listed}; write the marker of one of them")
    guess = decided or guessing.guess(tag, registry.tags if registry.asked else None)
    if taking:
        name, how, spec = taking[0].metadata.name, "the policy that is there", taking[0].spec
    elif isinstance(guess, Guess):
        name, how, spec = "", guess.name, guess.spec("")
    else:
        return guess
    latest = guessing.chosen(spec, tag, registry.tags) if registry.asked else ""
    if isinstance(latest, Undecided):
        return latest
    if sighting.place.digest:
        spec = msgspec.structs.replace(spec, digest_reflection_policy="IfNotPresent")
    return Followed(name, repository, image, how, tag, latest, None if taking else spec, [])


def _taking(existing: Existing, repository: str, tag: str) -> list[ImagePolicy]:
    """Return the policies of a repository that could have chosen a tag."""
    return [
        policy
        for policy in existing.policies
        if repository and policy.spec.image_repository_ref.name == repository
        and not isinstance(guessing.chosen(policy.spec, tag, [tag]), Undecided)
    ]  # fmt: skip


def _place(found: Sequence[File], groups: Iterable[Followed], naming: "_Naming", made: Draft, namespace: str) -> None:
    """Name policies, put the markers, and keep of each policy the places that could be marked."""
    groups = list(groups)
    shared = [group.image for group in groups]
    for group in groups:
        if group.spec is None:
            continue
        group.repository = group.repository or naming.repository(group.image)
        several = shared.count(group.image) > 1
        group.name = naming.policy(group, several=several)
        reference = NamespacedObjectReference(name=group.repository)
        group.spec = msgspec.structs.replace(group.spec, image_repository_ref=reference)
    refused: dict[Sighting, str] = {}
    for file in found:
        setters = {}
        at = {}
        for group in groups:
            for each in (each for each in group.places if each.path == file.path):
                key = (each.part, each.place.scalar.number)
                part = f":{each.place.part}" if each.place.part else ""
                setters[key], at[key] = (each.place, f"{namespace}:{group.name}{part}"), each
        if not setters:
            continue
        data, causes = files.write(file, setters)
        refused |= {at[key]: cause for key, cause in causes.items()}
        if data != file.data:
            made.edits[file.path] = data
    for group in groups:
        made.open += [Open(each, refused[each]) for each in group.places if each in refused]
        group.places = [each for each in group.places if each not in refused]
        if group.places:
            made.policies.append(group)
            if group.spec is not None and group.repository not in naming.there:
                made.repositories[group.repository] = group.image
    made.open.sort(key=lambda each: (each.sighting.path, each.sighting.line))


def objects(made: Draft, namespace: str) -> list[dict[str, Any]]:
    """Return the ImageRepositories and ImagePolicies of a proposal, as they are written."""
    found: list[dict[str, Any]] = []
    for name, image in made.repositories.items():
        spec: dict[str, Any] = {"image": _short(image), "interval": "5m0s"}
        if names.parse(image).is_local:
            spec["insecure"] = True
        found.append(_object("ImageRepository", name, namespace, spec))
    for policy in made.policies:
        if policy.spec is None:
            continue
        found.append(_object("ImagePolicy", policy.name, namespace, _written(policy.spec)))
    return found


def _written(spec: ImagePolicySpec) -> dict[str, Any]:
    """Write a policy's spec with what was decided, defaults of orders included."""
    choice, filter_ = spec.policy, spec.filter_tags
    written: dict[str, Any] = {"imageRepositoryRef": {"name": spec.image_repository_ref.name}}
    if choice.semver is not None:
        written["policy"] = {"semver": {"range": choice.semver.range}}
    elif choice.alphabetical is not None:
        written["policy"] = {"alphabetical": {"order": choice.alphabetical.order}}
    elif choice.numerical is not None:
        written["policy"] = {"numerical": {"order": choice.numerical.order}}
    if filter_ is not None:
        parts = {"pattern": filter_.pattern, "extract": filter_.extract}
        written["filterTags"] = {key: value for key, value in parts.items() if value}
    if spec.digest_reflection_policy != "Never":
        written["digestReflectionPolicy"] = spec.digest_reflection_policy
    return written


def repository_for(image: str, name: str, namespace: str) -> ImageRepository:
    """Return an ImageRepository of an image, to ask its registry with."""
    spec = {"image": image, "interval": "5m0s", "insecure": names.parse(image).is_local}
    return scheme.convert(_object("ImageRepository", name, namespace, spec), ImageRepository)


def _object(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _short(image: str) -> str:
    """Write an image as people do: `nginx`, not `index.docker.io/library/nginx`."""
    return image.removeprefix(f"{names.DOCKER_HUB}/").removeprefix("library/")


class _Naming:
    """Gives names to new objects: the image's last word, more of them where it is taken."""

    def __init__(self, existing: Existing) -> None:
        self.there = set(existing.repositories.values())
        self._taken = {"ImageRepository": set(existing.names), "ImagePolicy": set(existing.names)}
        self._of: dict[str, str] = {}

    def repository(self, image: str) -> str:
        """Return the name of an image's repository."""
        if image not in self._of:
            self._of[image] = self._free("ImageRepository", _words(image))
        return self._of[image]

    def policy(self, group: Followed, *, several: bool) -> str:
        """Return the name of a new policy."""
        variant = _label(group.how.removeprefix("semver ")) if several else ""
        wanted = f"{group.repository}-{variant}" if variant else group.repository
        return self._free("ImagePolicy", [wanted])

    def _free(self, kind: str, words: Sequence[str]) -> str:
        """Return the shortest ending of words, else a number behind all of them, that is not taken."""
        endings = [_label("-".join(words[-count:])) for count in range(1, len(words) + 1)]
        numbered = (f"{endings[-1]}-{number}" for number in range(2, len(self._taken[kind]) + 3))
        name = next(name for name in [*endings, *numbered] if name not in self._taken[kind])
        self._taken[kind].add(name)
        return name


def _words(image: str) -> list[str]:
    return _short(image).split("/")


def _label(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:_NAME_LIMIT].strip("-") or "image"
