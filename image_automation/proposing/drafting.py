"""The proposal as a record: which images get which policy, which places follow it, and what is left to a person.

Places of one image that would be chosen for alike share a policy: production on 1.x and a canary on 2.x get two. What
the repository has already is used: an ImageRepository of the image, and the one policy of it that takes the tag in use.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from gotk.api.image import ImagePolicy, ImagePolicySpec
from gotk.api.meta import NamespacedObjectReference
from gotk.oci import name as names
from image_automation.proposing import files, guessing
from image_automation.proposing.files import File, Sighting
from image_automation.proposing.guessing import Guess, Undecided
from image_automation.proposing.imported import Imported

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
    annotations: Mapping[str, str] = field(default_factory=dict)


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
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    replaces: re.Pattern[str] | None = None
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
    imported: Imported | None = None,
) -> Draft:  # fmt: skip
    """Draft the proposal. `registries` are by canonical name; an importer's is for the places that it decided alone."""
    going, left = wanted(found)
    if imported is not None:
        going = [each for each in going if each in imported.decided]
        left = [each for each in left if each.sighting in imported.decided]
    made = Draft(open=left, followed=sum(each.marked for file in found for each in file.sightings))
    if imported is not None:
        made.excluded, made.replaces = imported.excluded, imported.replaces
    naming = _Naming(existing)
    groups: dict[tuple[str, str], Followed] = {}
    for sighting in going:
        image = str(canonical(sighting))
        registry = registries.get(image, Registry(asked=False))
        outcome = _decide(sighting, registry, existing, image, imported.decided[sighting] if imported else None)
        if isinstance(outcome, Undecided):
            made.open.append(Open(sighting, outcome.cause))
            continue
        key = (image, outcome.name or repr((outcome.spec, outcome.annotations)))
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
    latest = _latest(spec, tag, registry, asked=decided is None) if registry.asked else ""
    if isinstance(latest, Undecided):
        return latest
    if sighting.place.digest and spec.digest_reflection_policy == "Never":
        spec = msgspec.structs.replace(spec, digest_reflection_policy="IfNotPresent")
    if taking:
        return Followed(name, repository, image, how, tag, latest, None, [])
    annotations = guess.annotations if isinstance(guess, Guess) else {}
    return Followed(name, repository, image, how, tag, latest, spec, [], annotations)


def _latest(spec: ImagePolicySpec, tag: str, registry: Registry, *, asked: bool) -> str | Undecided:
    """Return what a policy chooses. A guess must take the tag in use; what was asked for need not."""
    return guessing.chosen(spec, tag, registry.tags) if asked else guessing.best(spec, registry.tags)


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
        data, causes = files.write(file, setters, made.replaces)
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
        variant = _label(group.how.removeprefix("semver ").removeprefix("the digest of ")) if several else ""
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
    return image.removeprefix(f"{names.DOCKER_HUB}/").removeprefix("library/").split("/")


def _label(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:_NAME_LIMIT].strip("-") or "image"
