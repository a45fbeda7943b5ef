"""Submodules of a commit, fetched through the mirrors and laid where their directories are.

Answers to go-git's recursive update, by which Flux goes: ten levels below the first, the commit that the superproject
names, from addresses relative to its own. Other than there our credentials stay with the repository's origin, an author
cannot lead us to an address more private than the repository's, and number and time are bounded.
"""

import posixpath
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.source.checkouts.layers import Conflict, Layers
from gotk.git import errors, submodules
from gotk.git import url as urls
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.tree import SUBMODULE, Entry
from gotk.http.egress import Reach, reach_of

_LEVELS = 10
_MOST = 200
_FILE = 0o100000


@dataclass(frozen=True, slots=True)
class Within:
    """A module in the tree of modules: its path, where its Git directory would be, how deep it is."""

    at: str = ""
    git: str = ".git"
    level: int = 0

    def below(self, found: submodules.Submodule) -> "Within":
        """Return the place of a submodule of this module."""
        git = f"{self.git}/modules/{found.name}"
        return Within(posixpath.join(self.at, found.path), git, self.level + 1)

    @property
    def git_file(self) -> bytes:
        """What stands in a submodule's `.git`, which go-git leaves in the work tree, and Flux in the artifact."""
        return f"gitdir: {posixpath.relpath(self.git, self.at)}\n".encode("utf-8", "surrogateescape")


ROOT = Within()


class Fetcher:
    """Fetches the submodules of one commit, and those of theirs. Raises the errors of `gotk.git.errors`."""

    def __init__(self, mirrors: Mirrors, layers: Layers, *, tenant: str, timeout: float) -> None:
        self._mirrors = mirrors
        self._layers = layers
        self._tenant = tenant
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._met = 0

    def lay(self, mirror: Mirror, commit: str, entries: Iterable[Entry], within: Within = ROOT) -> None:
        """Lay the submodules among a commit's entries, which themselves lie within a module."""
        wanted = [entry for entry in entries if entry.mode == SUBMODULE]
        listed = _listed(mirror, commit) if wanted else {}
        for entry in wanted:
            if (found := listed.get(entry.path)) is not None:
                try:
                    self._fetch(mirror, found, entry.blob_id, within.below(found))
                except errors.Error as error:
                    raise type(error)(f"unable to fetch submodule '{entry.path}': {error.message}") from error

    def _fetch(self, parent: Mirror, found: submodules.Submodule, commit: str, module: Within) -> None:
        self._met += 1
        if self._met > _MOST:
            raise errors.TooLarge(f"there are more than {_MOST} submodules")
        above = parent.remote
        url = submodules.address(above.url, found.url)
        check_reach(above.url, url)
        credentials = submodules.credentials(above.url, above.credentials, url)
        mirror = self._mirrors.open(url, credentials, tenant=self._tenant, timeout=self._left(url), depth=0)
        if not mirror.has(commit):
            mirror.bring(commit, tags=True)
        entries = list(mirror.files(commit, submodules=True))
        try:
            self._layers.lay(entries, mirror.read, at=module.at)
            self._layers.lay([Entry(".git", _FILE, "")], lambda _: module.git_file, at=module.at)
        except Conflict as error:
            raise errors.TooLarge(str(error)) from error
        if module.level <= _LEVELS:
            self.lay(mirror, commit, entries, module)

    def _left(self, url: str) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise errors.TimedOut(f"'{urls.redact(url)}' was not reached within {self._timeout:g}s")
        return left


def _listed(mirror: Mirror, commit: str) -> dict[str, submodules.Submodule]:
    """Read what a commit says of its submodules; nothing where its list is no ordinary file."""
    try:
        node = mirror.node(commit, submodules.FILE)
    except errors.PathNotFound:
        return {}
    if node.mode & 0o170000 != _FILE:
        return {}
    if mirror.size(node.id) > submodules.FILE_LIMIT:
        raise errors.TooLarge(f"'{submodules.FILE}' has more than {submodules.FILE_LIMIT} bytes")
    return submodules.parse(mirror.read(node.id))


def check_reach(parent: str, url: str) -> None:
    """Refuse an address that is more private than the one that names it. Raises Unreachable and InvalidUrl."""
    above, below = urls.parse(parent), urls.parse(url)
    if below.scheme == "file" or below.host == above.host:
        return
    reach = _reach(below.host)
    if reach is not None and reach > (_reach(above.host) or Reach.PUBLIC):
        raise errors.Unreachable(
            f"'{below.host}' is a more private address than '{above.host}', which must not name it"
        )


def _reach(host: str) -> Reach | None:
    """Return how private a host is; None where only a proxy knows it."""
    try:
        return max(reach_of(str(found[4][0])) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except UnicodeError:
        raise errors.InvalidUrl(f"'{host[:200]}' is no name of a host") from None
    except OSError:
        return None
