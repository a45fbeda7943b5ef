"""What other updaters were told, read as policies: Argo CD Image Updater, Keel, Watchtower.

Each reader takes its annotations or labels out of the manifests and says for which places of images they hold, with a
policy where one means the same. Where none does, the place gets the guess of its tag; that, and everything else that is
not carried over, is put into words.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gotk.api.image import AlphabeticalPolicy, ImagePolicyChoice, SemVerPolicy, TagFilter
from gotk.oci import name as names
from image_automation.proposing import drafting, nodes
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.nodes import Leaf, Map, Seq
from image_automation.update import documents, events

_ARGO: Final = "argocd-image-updater.argoproj.io/"
_KEEL: Final = "keel.sh/"
_WATCHTOWER: Final = "com.centurylinklabs.watchtower"
_VERSION = re.compile(r"v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.[0-9]+.*", re.ASCII)
_CARRIED_KEEL = frozenset({"policy", "trigger", "pollSchedule"})


@dataclass(slots=True)
class Imported:
    """The places that are followed, each with a policy or None for a guess; and what is not carried over."""

    decided: dict[Sighting, Guess | None] = field(default_factory=dict)
    apart: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Document:
    path: str
    part: int
    root: Map


def argocd_image_updater(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations of Argo CD's Applications."""
    found = Imported()
    for document in _documents(contents, _ARGO):
        settings = _texts(document.root.map("metadata").map("annotations"))
        own = {key.removeprefix(_ARGO): text for key, text in settings.items() if key.startswith(_ARGO)}
        if document.root.text("kind") != "Application" or not own:
            continue
        where = f"{document.path}: Application/{document.root.map('metadata').text('name')}"
        path = document.root.map("spec").map("source").text("path").strip("./")
        below = [each for each in sightings if each.path.startswith(f"{path}/")] if path else list(sightings)
        used = {"image-list"}
        for listed in filter(None, (each.strip() for each in own.get("image-list", "").split(","))):
            used |= _argo_image(found, where, listed, own, below)
        found.apart += [f"{where}: {key}: {text} is not carried over" for key, text in own.items() if key not in used]
    return found


def _argo_image(
    found: Imported, where: str, listed: str, own: Mapping[str, str], sightings: Sequence[Sighting]
) -> set[str]:
    """Read one image of a list, `alias=image:constraint`, and return the settings that were."""
    alias, _, image = listed.rpartition("=") if "=" in listed.partition(":")[0] else ("", "", listed)
    name, _, constraint = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "")
    keys = {setting: f"{alias}.{setting}" if alias else setting for setting in ("update-strategy", "allow-tags")}
    strategy = own.get(keys["update-strategy"]) or own.get("update-strategy", "semver")
    allowed = (own.get(keys["allow-tags"]) or own.get("allow-tags", "any")).removeprefix("regexp:")
    filter_ = TagFilter(pattern=allowed) if allowed != "any" else None
    guess: Guess | None = None
    if strategy == "semver":
        guess = Guess(f"semver {constraint or '*'}", _semver(constraint or "*"), filter_, constraint)
    elif strategy in {"name", "alphabetical"}:
        choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="asc"))
        guess = Guess("the last name", choice, filter_)
    else:
        cause = f"update-strategy {strategy} orders by what no tag says"
        found.apart.append(f"{where}: {name}: {cause}: the policy is guessed from the tag in use")
    followed = [each for each in sightings if drafting.canonical(each) == _canonical(name)]
    if not followed:
        found.apart.append(f"{where}: {name}: no place of this image is among the files of the application")
    found.decided |= dict.fromkeys(followed, guess)
    return {*keys.values(), *keys}


def keel(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations and labels of workloads."""
    found = Imported()
    for document in _documents(contents, _KEEL):
        metadata = document.root.map("metadata")
        told = {**_texts(metadata.map("labels")), **_texts(metadata.map("annotations"))}
        own = {key.removeprefix(_KEEL): text for key, text in told.items() if key.startswith(_KEEL)}
        where = f"{document.path}: {document.root.text('kind')}/{metadata.text('name')}"
        policy = own.get("policy", "never")
        if policy == "never":
            continue
        for each in sightings:
            if (each.path, each.part) == (document.path, document.part):
                found.decided[each] = _of_keel(found, where, policy, each.place.tag)
        ignored = {key: text for key, text in own.items() if key not in _CARRIED_KEEL}
        found.apart += [f"{where}: keel.sh/{key}: {text} is not carried over" for key, text in ignored.items()]
    return found


def _of_keel(found: Imported, where: str, policy: str, tag: str) -> Guess | None:
    """Read a policy for a tag in use; None for a guess."""
    version = _VERSION.fullmatch(tag)
    ranges = {"all": ">=0.0.0-0", "major": ">=0.0.0"}
    if version is not None:
        ranges |= {"minor": f"{version['major']}.x", "patch": f"{version['major']}.{version['minor']}.x"}
    if (range_ := ranges.get(policy)) is not None and version is not None:
        return Guess(f"semver {range_}", _semver(range_), variant=policy)
    if policy.startswith("regexp:") and "?P<compare>" in policy:
        choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="asc"))
        return Guess("the last match", choice, TagFilter(pattern=policy[7:], extract="$compare"))
    cause = f"keel.sh/policy: {policy} has no like for the tag '{tag}'"
    found.apart.append(f"{where}: {cause}: the policy is guessed from the tag in use")
    return None


def watchtower(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read labels of services in compose files."""
    found = Imported()
    for document in _documents(contents, _WATCHTOWER):
        for name, service in document.root.map("services").entries.items():
            labels = _labels(service.entries.get("labels")) if isinstance(service, Map) else {}
            own = {key.removeprefix(f"{_WATCHTOWER}."): text for key, text in labels.items() if _WATCHTOWER in key}
            where = f"{document.path}: service {name}"
            if own.get("enable", "false").lower() != "true":
                continue
            if own.get("monitor-only", "false").lower() == "true":
                found.apart.append(f"{where}: monitor-only: it is not updated, and gets no policy")
                continue
            for each in sightings:
                if (each.path, each.part, each.place.owner) == (document.path, document.part, f"service {name}"):
                    found.decided[each] = None
            ignored = {key: text for key, text in own.items() if key not in {"enable", "monitor-only"}}
            found.apart += [f"{where}: {key}: {text} is not carried over" for key, text in ignored.items()]
    if found.decided:
        found.apart.append("Watchtower pulls the same tag again; the policies guessed from the tags go to later ones")
    return found


#: The readers, by the word of the command line.
READERS: Final[Mapping[str, Callable[[Mapping[str, bytes], Sequence[Sighting]], Imported]]] = {
    "argocd-image-updater": argocd_image_updater,
    "keel": keel,
    "watchtower": watchtower,
}


def _documents(contents: Mapping[str, bytes], needle: str) -> Iterator[_Document]:
    """Yield the documents that are mappings and hold a text."""
    for path, data in contents.items():
        if needle.encode() not in data:
            continue
        for part, span in enumerate(documents.split(data)):
            try:
                root = nodes.tree(events.read(data[span.start : span.end].decode()))
            except (events.Unreadable, events.TooManyNodes, UnicodeDecodeError):
                continue
            if isinstance(root, Map):
                yield _Document(path, part, root)


def _texts(mapping: Map) -> dict[str, str]:
    return {key: node.value for key, node in mapping.entries.items() if isinstance(node, Leaf)}


def _labels(node: nodes.Node | None) -> dict[str, str]:
    """Read labels as compose has them: a mapping, or a list of `name=value`."""
    if isinstance(node, Map):
        return _texts(node)
    texts = [item.value for item in node.items if isinstance(item, Leaf)] if isinstance(node, Seq) else []
    return {key.strip(): value.strip().strip("\"'") for key, _, value in (text.partition("=") for text in texts)}


def _semver(range_: str) -> ImagePolicyChoice:
    return ImagePolicyChoice(semver=SemVerPolicy(range=range_))


def _canonical(image: str) -> str:
    try:
        return str(names.parse(image))
    except names.InvalidName:
        return ""
