"""The files of a tree that are worth parsing, found by walking directories that nobody has walked before.

What was learnt of a directory or file is kept by its hash, which stands for what it holds. What patterns choose depends
on where a directory is and on the patterns besides, so both are part of the name that it is remembered by.
"""

import hashlib
import itertools
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeAlias

from gotk.bounded import Bounded
from gotk.git import errors as git
from image_automation import ports
from image_automation.update import screening
from image_automation.update.lines.kinds import Kind
from image_automation.update.texts import TextFiles
from image_automation.writing import marker_cache
from image_automation.writing.contents import Contents

_DEPTH_LIMIT: Final = 200
_LEAVES_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file worth parsing, or a link to one: its path below some directory, and its content's hash.

    `kind` is what kind of text it is; None for YAML.
    """

    path: str
    id: str
    link: bool = False
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """What was learnt of a directory: the leaves in it and below, and what its directories and files are known by."""

    leaves: tuple[Leaf, ...]
    below: tuple[bytes, ...]
    files: tuple[bytes, ...]

    @property
    def weight(self) -> int:
        """What it weighs in memory, in leaves: four names are one."""
        return 1 + len(self.leaves) + (len(self.below) + len(self.files)) // 4


class Leaves:
    """The leaves of directories, up to so many in all. For any thread."""

    def __init__(self, most: int) -> None:
        self._directories: Bounded[bytes, Directory] = Bounded(most, weigh=lambda each: each.weight)
        self._lock = Lock()

    def __len__(self) -> int:
        """How many directories are known."""
        return len(self._directories)

    def get(self, directory: bytes) -> tuple[Leaf, ...] | None:
        """Return those of a directory, by the name that it was remembered by."""
        found = self._directories.peek(directory)
        return None if found is None else found.leaves

    def put(self, name: bytes, directory: Directory) -> tuple[Leaf, ...]:
        """Remember a directory, and return its leaves."""
        with self._lock:
            self._directories.put(name, directory)
        return directory.leaves

    def supersede(self, old: Collection[bytes], new: Collection[bytes]) -> frozenset[bytes]:
        """Forget what is below some directories and not below others; return what files are known by that went.

        Both are compared level by level, and only where they differ: a directory that has moved to another level counts
        as gone. To forget too much costs a walk, never a right answer.
        """
        gone, stay = set[bytes](), set[bytes]()
        taken, others = set(old) - set(new), set(new)
        with self._lock:
            while taken:
                went = [each for name in taken if (each := self._directories.pop(name)) is not None]
                came = [each for name in others if (each := self._directories.peek(name)) is not None]
                gone.update(*(each.files for each in went))
                stay.update(*(each.files for each in came))
                before, after = ({name for each in some for name in each.below} for some in (went, came))
                taken, others = before - after, after - before
        return frozenset(gone - stay)


#: A file that may hold a marker: its name, its content's hash, and what kind of text it is, None for YAML. A plain
#: tuple, for a repository has many.
Candidate: TypeAlias = tuple[str, str, Kind | None]


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through the directories of a repository: for YAML, or for the text files that are opted in."""

    contents: Contents
    leaves: Leaves
    files: marker_cache.Marks
    chosen: TextFiles | None = None

    def below(self, tree_id: str, where: str = "", depth: int = 0) -> tuple[Leaf, ...]:
        """Return the files below a directory, itself at `where`, that are worth parsing."""
        known_by = name(tree_id, self.chosen, where)
        if (learnt := self.leaves.get(known_by)) is not None:
            return learnt
        if depth > _DEPTH_LIMIT:
            raise git.InvalidPath(f"the repository's directories are nested deeper than {_DEPTH_LIMIT} levels")
        nodes = self.contents.repository.children(tree_id)
        candidates = self._candidates(nodes, where)
        keys = [key(id_, kind) for _, id_, kind in candidates]
        found = {file: kind for file, _, kind in _marked(self.contents, candidates, keys, self.files)}
        worth = [node for node in nodes if node.name in found or not stat.S_ISREG(node.mode)]
        leaves = tuple(itertools.islice(self._walk(worth, found, where, depth), _LEAVES_LIMIT + 1))
        if len(leaves) > _LEAVES_LIMIT:
            raise git.TooLarge(f"the repository holds more than {_LEAVES_LIMIT} files with markers")
        below = tuple(name(node.id, self.chosen, inside) for node, inside in self._directories(worth, where))
        return self.leaves.put(known_by, Directory(leaves, below, tuple(keys)))

    def _walk(
        self, nodes: Iterable[ports.Node], found: Mapping[str, Kind | None], where: str, depth: int
    ) -> Iterator[Leaf]:
        for node in nodes:
            if stat.S_ISDIR(node.mode):
                for _, inside in self._directories([node], where):
                    for leaf in self.below(node.id, inside, depth + 1):
                        yield Leaf(f"{node.name}/{leaf.path}", leaf.id, leaf.link, leaf.kind)
            elif stat.S_ISLNK(node.mode) and self.chosen is None and screening.is_candidate(node.name):
                yield Leaf(node.name, node.id, link=True)
            elif node.name in found:
                yield Leaf(node.name, node.id, kind=found[node.name])

    def _directories(self, nodes: Iterable[ports.Node], where: str) -> Iterator[tuple[ports.Node, str]]:
        """Yield those that are walked, and where each one is."""
        for node in nodes:
            below = f"{where}{node.name}/"
            if stat.S_ISDIR(node.mode) and (self.chosen is None or self.chosen.reaches(below[:-1])):
                yield node, below

    def _candidates(self, nodes: Iterable[ports.Node], where: str) -> list[Candidate]:
        files = [node for node in nodes if stat.S_ISREG(node.mode)]
        if self.chosen is None:
            return [(node.name, node.id, None) for node in files if screening.is_candidate(node.name)]
        kinds = [self.chosen.kind(f"{where}{node.name}") for node in files]
        return [(node.name, node.id, kind) for node, kind in zip(files, kinds, strict=True) if kind is not None]


def name(tree_id: str, chosen: TextFiles | None = None, where: str = "") -> bytes:
    """Return what a directory is remembered by; what patterns choose in it depends on where it is."""
    if chosen is None:
        return bytes.fromhex(tree_id)
    wanted = "\0".join((where, *chosen.patterns))
    return bytes.fromhex(tree_id) + hashlib.sha256(wanted.encode("utf-8", "surrogateescape")).digest()


def key(id_: str, kind: Kind | None) -> bytes:
    """Return what a content is remembered by: the same bytes may be YAML here and a kind of text there."""
    return bytes.fromhex(f"{id_}{kind.key}" if kind else id_)


def is_marked(contents: Contents, candidate: Candidate, files: marker_cache.Marks) -> bool:
    """Tell whether a candidate is worth parsing."""
    return bool(_marked(contents, [candidate], [key(*candidate[1:])], files))


def _marked(
    contents: Contents, candidates: Sequence[Candidate], keys: Sequence[bytes], files: marker_cache.Marks
) -> list[Candidate]:
    """Return the candidates, known by these keys, that are worth parsing; only those whose content is new are read."""
    learnt = files.known(keys)
    unknown: dict[Kind | None, dict[str, bytes]] = {}
    for (_, id_, kind), known_by in zip(candidates, keys, strict=True):
        if known_by not in learnt:
            unknown.setdefault(kind, {})[id_] = known_by
    for kind, news in unknown.items():
        told = contents.look(news, kind)
        files.learn(told)
        learnt.update(told)
    return [each for each, known_by in zip(candidates, keys, strict=True) if learnt[known_by]]
