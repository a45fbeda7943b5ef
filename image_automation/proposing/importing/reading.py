"""What all importers read alike: documents, texts, the patterns of other updaters, and policies that mean the same."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gotk import goregexp
from gotk.api.image import AlphabeticalPolicy, ImagePolicyChoice, SemVerPolicy, TagFilter
from gotk.oci import name as names
from image_automation.proposing import drafting, nodes
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.nodes import Leaf, Map, Seq
from image_automation.update import documents, events
from policies import choose

#: An ImageRepository's list has room for so many patterns besides its own.
_EXCLUDED = 24


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a file that is a mapping."""

    path: str
    part: int
    root: Map

    @property
    def where(self) -> str:
        """Name it for people."""
        return f"{self.path}: {self.root.text('kind')}/{self.root.map('metadata').text('name')}".rstrip("/")

    def holds(self, sighting: Sighting) -> bool:
        """Tell whether a place lies in this document."""
        return (sighting.path, sighting.part) == (self.path, self.part)


def mappings(contents: Mapping[str, bytes], needle: str) -> Iterator[Document]:
    """Yield the documents that are mappings, and hold a text somewhere in their file."""
    for path, data in contents.items():
        if needle.encode() not in data:
            continue
        for part, span in enumerate(documents.split(data)):
            try:
                root = nodes.tree(events.read(data[span.start : span.end].decode()))
            except (events.Unreadable, events.TooManyNodes, UnicodeDecodeError):
                continue
            if isinstance(root, Map):
                yield Document(path, part, root)


def texts(mapping: Map) -> dict[str, str]:
    """Return the entries of a mapping that are scalars."""
    return {key: node.value for key, node in mapping.entries.items() if isinstance(node, Leaf)}


def listed(node: nodes.Node | None) -> list[str]:
    """Return the scalars of a list."""
    return [item.value for item in node.items if isinstance(item, Leaf)] if isinstance(node, Seq) else []


def shown(node: nodes.Node | None) -> str:
    """Write a setting for people, on one line."""
    match node:
        case Leaf():
            return node.value
        case Seq():
            return f"[{', '.join(shown(item) for item in node.items)}]"
        case Map():
            return f"{{{', '.join(f'{key}: {shown(each)}' for key, each in node.entries.items())}}}"
    return ""


def canonical(image: str) -> str:
    """Return the name by which a registry knows an image; empty for none."""
    try:
        return str(names.parse(image))
    except names.InvalidName:
        return ""


def places_of(image: str, sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the places of an image."""
    name = canonical(image)
    return [each for each in sightings if name and drafting.canonical(each) == name]


def below(path: str, sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the places below a folder, as repositories write it: `apps/web`, `./apps/web`, `.`."""
    folder = path.removeprefix("./").strip("/").removeprefix(".")
    return [each for each in sightings if not folder or each.path.startswith(f"{folder}/")]


def split(image: str) -> tuple[str, str]:
    """Split `image:tag`, whatever the tag's part holds."""
    name, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "")
    return name, tag


def semver(range_: str, filter_: TagFilter | None = None, *, variant: str = "") -> Guess:
    """Choose the highest version in a range."""
    choice = ImagePolicyChoice(semver=SemVerPolicy(range=range_))
    return Guess(f"semver {range_}", choice, filter_, variant or range_)


def alphabetical(filter_: TagFilter | None = None, name: str = "the last name") -> Guess:
    """Choose the last tag in byte order."""
    return Guess(name, ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="asc")), filter_)


def simple_glob(pattern: str) -> str:
    """Write a pattern whose `*` is anything as a regular expression."""
    return f"^{'.*'.join(map(re.escape, pattern.split('*')))}$".replace(r"\-", "-")


def path_glob(pattern: str) -> str:
    r"""Write a pattern of Go's `filepath.Match` as a regular expression: `*`, `?`, `[a-z]`, `[^a]`, `\*`."""
    pieces = re.findall(r"\\.|\[\^?[^]]+\]|.", pattern, re.DOTALL)
    words = {"*": "[^/]*", "?": "[^/]"}
    written = (
        words.get(piece) or (piece if piece.startswith("[") and piece.endswith("]") else re.escape(piece[-1]))
        for piece in pieces
    )
    return f"^{''.join(written)}$".replace(r"\-", "-")


def check(found: Imported) -> None:
    """Part with policies that cannot be read: no range, no regular expression. The other updater had none either."""
    for sighting, guess in list(found.decided.items()):
        if guess is None:
            continue
        try:
            choose.ranked(guess.spec(""), ())
        except choose.InvalidPolicy as error:
            del found.decided[sighting]
            found.leave(
                sighting.shown, f"{sighting.place.image}: its policy cannot be read: {error}: it is not followed"
            )


def grant(found: Imported) -> None:
    """Leave tags of an image out that all its places wish to; an ImageRepository has one list for all its policies."""
    places: dict[str, set[Sighting]] = {}
    for each in found.decided:
        places.setdefault(str(drafting.canonical(each)), set()).add(each)
    wished: dict[tuple[str, str], set[Sighting]] = {}
    for wish in found.wishes:
        wished.setdefault((str(drafting.canonical(wish.sighting)), wish.pattern), set()).add(wish.sighting)
    for (image, pattern), wishing in wished.items():
        granted = found.excluded.setdefault(image, [])
        if wishing >= places.get(image, set()) and len(granted) < _EXCLUDED and _is_readable(pattern):
            granted.append(pattern)
    for wish in found.wishes:
        if wish.pattern not in found.excluded[str(drafting.canonical(wish.sighting))]:
            cause = f"{wish.sighting.place.image}: tags like {wish.pattern} are not left out"
            found.leave(wish.where, f"{cause}: other places of the image follow the same list, or it is too long")


def _is_readable(pattern: str) -> bool:
    try:
        goregexp.Regexp(pattern)
    except ValueError:
        return False
    return True


def finds(pattern: str, text: str) -> bool:
    """Tell whether a regular expression of the other updater's finds something; one that cannot be read does."""
    try:
        return goregexp.Regexp(pattern).matches(text)
    except ValueError:
        return True


def follow(found: Imported, where: str, sighting: Sighting, guess: Guess | None) -> None:
    """Let a place follow a policy; one that reads digests where the place has room for one."""
    if guess is not None and guess.digests == "Always" and sighting.place.part:
        found.leave(where, f"{sighting.shown}: a tag alone has no room for a digest: write the image on one line")
        return
    found.decided[sighting] = guess
