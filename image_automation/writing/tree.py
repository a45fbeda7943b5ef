"""The rewriter on the tree of a commit: marked files are read from the object database, nothing is checked out.

Flux clones into a temporary directory and reads every file on every run. Here what was learnt of a directory or file
is kept by its hash, which stands for what it holds: after the first run only changed directories are walked, and only
files whose content, or whose policies' choice, is new are parsed.
"""

import posixpath
import stat
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gotk.git import errors as git
from gotk.git.objects import commit as commits
from image_automation import ports
from image_automation.update import screening, texts
from image_automation.update.lines.kinds import Kind
from image_automation.update.place import Place
from image_automation.update.proposal import Proposal
from image_automation.update.result import FileResult, Problem
from image_automation.update.texts import TextFiles
from image_automation.writing import leaves, marker_cache
from image_automation.writing.contents import Contents
from image_automation.writing.leaves import Leaves, Walk
from image_automation.writing.views import Gone, View, Views

NONE_HELD: Mapping[str, Collection[Place]] = {}
_LINKS_LIMIT, _LINK_LIMIT = 40, 4096


class Known:
    """What was learnt of directories and files by hash; true whatever the repository and the run.

    Of files it outlives the process where `path` says in which file. What a view is not of any more, in this run nor in
    the last one, is let go: every commit of ours brings hashes that take the place of others.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.leaves = Leaves(1_000_000)
        self.files = marker_cache.Marks(path)
        self._views = Views()

    def look(self, view: View | None, directory: bytes, *, what: Hashable = None) -> None:
        """Take note that a directory is looked at, by what it is known by; without a view nothing is let go for it."""
        if view is not None:
            self._let_go(self._views.look(view, directory, what=what))

    def leave(self, of: str) -> None:
        """Let go of what one looked at who does not look again."""
        self._let_go(self._views.leave(of))

    def _let_go(self, gone: Iterable[Gone]) -> None:
        for old, new in gone:
            self.files.forget(self.leaves.supersede(old, new))


def below(path: str) -> str:
    """Write `update.path` as a path from the repository's root; `..` cannot climb above it."""
    return posixpath.normpath(f"/{path}").lstrip("/")


def resolved(repository: ports.Repository, commit: str, path: str, *, strict: bool = False) -> str:
    """Follow the links on a path, as in a checkout that none of them leads out of. Raises PathNotFound, InvalidPath.

    What would lead out ends at the root; with `strict` it is an InvalidPath.
    """
    pending, done, links = path.split("/")[::-1], list[str](), 0
    while pending:
        name = pending.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            if strict and not done:
                raise git.InvalidPath(f"'{git.printable(path)}' leads out of the repository")
            del done[-1:]
            continue
        node = repository.node(commit, "/".join([*done, name]))
        if not stat.S_ISLNK(node.mode):
            done.append(name)
            continue
        links += 1
        if links > _LINKS_LIMIT or repository.size(node.id) > _LINK_LIMIT:
            raise git.InvalidPath(f"'{git.printable(path)}' leads over too many links")
        target = repository.read(node.id).decode("utf-8", "surrogateescape")
        if strict and target.startswith("/"):
            raise git.InvalidPath(f"'{git.printable(path)}' leads out of the repository")
        done = [] if target.startswith("/") else done
        pending += target.split("/")[::-1]
    return "/".join(done)


def apply(
    repository: ports.Repository,
    commit: str,
    path: str,
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Mapping[str, Collection[Place]] = NONE_HELD,
    text_files: TextFiles = texts.NONE,
    view: View | None = None,
) -> Proposal:
    """Rewrite the marked files of a commit below a path, held places excepted. Raises the errors of `gotk.git`.

    `text_files` are looked into besides YAML. What `view` was of before makes room for what is looked at now.
    """
    try:
        path = resolved(repository, commit, path)
        contents = Contents(repository)
        files = _files(contents, commit, path, text_files, known, view=view)
        results = [
            _rewritten(contents, where, found, setters, known, held=held.get(where, ()))
            for where, found in files.items()
        ]
        return Proposal(tuple(each for each in results if each.followed or each.problems))
    finally:
        known.files.save()


def _files(
    contents: Contents, commit: str, path: str, text_files: TextFiles, known: Known, *, view: View | None
) -> Mapping[str, tuple[str, Kind | None]]:
    """Return the content's hash of each file that is worth parsing, and what kind of text it is; None for YAML."""
    node = contents.repository.node(commit, path)
    if not stat.S_ISDIR(node.mode):
        name = posixpath.basename(path)
        kind = text_files.kind(name)
        is_candidate = stat.S_ISREG(node.mode) and (kind is not None or screening.is_candidate(name))
        marked = is_candidate and leaves.is_marked(contents, (name, node.id, kind), known.files)
        return {path: (node.id, kind)} if marked else {}
    found: dict[str, tuple[str, Kind | None]] = {}
    for where, blob in _yaml(contents, commit, path, node.id, known):
        found[where] = (blob, None)
    known.look(view, leaves.name(node.id))
    if text_files.patterns:
        for leaf in Walk(contents, known.leaves, known.files, text_files).below(node.id):
            found.setdefault(posixpath.join(path, leaf.path), (leaf.id, leaf.kind))
        known.look(view, leaves.name(node.id, text_files), what=TextFiles)
    return found


def _yaml(contents: Contents, commit: str, path: str, tree_id: str, known: Known) -> Iterator[tuple[str, str]]:
    """Yield the path and the content's hash of each file; for a link those of the file that it leads to, as Flux does.

    Passed over are links that lead nowhere, to a directory or out of the repository.
    """
    for leaf in Walk(contents, known.leaves, known.files).below(tree_id):
        where = posixpath.join(path, leaf.path)
        if not leaf.link:
            yield where, leaf.id
            continue
        try:
            target = resolved(contents.repository, commit, where, strict=True)
            node = contents.repository.node(commit, target)
        except (git.PathNotFound, git.InvalidPath):
            continue
        if stat.S_ISREG(node.mode) and leaves.is_marked(contents, (leaf.path, node.id, None), known.files):
            yield target, node.id


def _rewritten(
    contents: Contents,
    path: str,
    found: tuple[str, Kind | None],
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Collection[Place],
) -> FileResult:
    blob, kind = found
    key = leaves.key(blob, kind)
    learnt = known.files.known([key]).get(key)
    if isinstance(learnt, marker_cache.UpToDate) and all(
        setters.get(setter) == value for setter, value in learnt.values.items()
    ):
        return replace(learnt.result, path=path)
    if (problem := _refuse_path(path)) is not None:
        return FileResult(git.printable(path), problems=(problem,))
    content = contents.take(blob)
    if isinstance(content, Problem):
        return FileResult(git.printable(path), problems=(content,))
    result = texts.rewritten(path, content, setters, held, kind=kind)
    if not (result.changes or held):
        known.files.learn({key: marker_cache.UpToDate({each: setters.get(each) for each in result.followed}, result)})
    return result


def _refuse_path(path: str) -> Problem | None:
    """Say why a file cannot be written under its name, as some names in a hostile repository cannot."""
    try:
        path.encode()
        commits.check_path(path)
    except (UnicodeEncodeError, git.InvalidPath):
        return Problem("the file's name is none that may be written", "rename it", level="error")
    return None
