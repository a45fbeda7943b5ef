"""Remote bases are fetched by this process: repositories into mirrors, files with the guarded HTTP client.

Without credentials of ours, from hosts that the operator names, over https, bounded in time and size. Answers to what
kustomize does by cloning with git; what a repository holds is read out of its objects, and nothing is checked out.
"""

import asyncio
import contextlib
import posixpath
from collections.abc import Callable, Iterator
from typing import TypeVar

from yarl import URL

from deploy.kustomize.building.remote import FetchError, OneFile, Remote
from deploy.kustomize.building.source import Kind, Source, TooLarge
from gotk.git import auth, errors, reference
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.tree import DIRECTORY, Node
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError
from gotk.http.tls import TLS
from gotk.http.transport import Request, Transport
from gotk.runtime.blocking import Limiter

R = TypeVar("R")

_FLAG = "--remote-bases"
_TENANT = "remote bases"
_LARGEST_FILE = 16 << 20
_REGULAR = frozenset({0o100644, 0o100755, 0o100664})


class NoRemoteBases:
    """Fetches nothing."""

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched: always."""
        return f"is remote and is not fetched: keep a copy in the source, or allow {remote.host} with {_FLAG}"

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:  # noqa: ARG002 - the port's
        """Refuse."""
        raise FetchError(f"{remote} {self.refusal(remote)}")


class RemoteBases:
    """Fetches from some hosts. `tls` says whom they are taken for."""

    def __init__(
        self, *, hosts: frozenset[str], mirrors: Mirrors, transport: Transport, limiter: Limiter, tls: TLS
    ) -> None:
        self._hosts = hosts
        self._mirrors = mirrors
        self._transport = transport
        self._limiter = limiter
        self._tls = tls

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched, empty where it may be."""
        if remote.host in self._hosts:
            return ""
        return f"is remote and not of a host that {_FLAG} allows: keep a copy in the source, or add {remote.host} there"

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:
        """Return the files of a repository, or the one file. Raises FetchError."""
        if refused := self.refusal(remote):
            raise FetchError(f"'{remote}' {refused}")
        timeout = min(timeout, remote.timeout or timeout)
        if not remote.repository:
            return await self._file(remote, timeout)
        ca = auth.Credentials(ca=self._tls.ca.decode())
        try:
            mirror = self._mirrors.open(remote.url, ca, tenant=_TENANT, timeout=timeout)
            return Commit(mirror, await self._limiter.run(_commit, mirror, remote.reference))
        except errors.Error as error:
            raise FetchError(f"failed to fetch remote base '{remote}': {error}") from error

    async def _file(self, remote: Remote, timeout: float) -> Source:
        request = Request(
            method="GET", url=URL(remote.url), headers={}, limit=_LARGEST_FILE, most=Reach.LOOPBACK,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                answer = await self._transport.send(request, tls=self._tls)
        except TimeoutError:
            raise FetchError(f"failed to fetch remote base '{remote}': no answer within {timeout:g}s") from None
        except HTTPError as error:
            raise FetchError(f"failed to fetch remote base '{remote}': {error}") from error
        if answer.status != 200:
            raise FetchError(f"failed to fetch remote base '{remote}': status {answer.status}")
        return OneFile(posixpath.basename(remote.target), answer.body)


class Commit:
    """The files of a commit, read out of a mirror. Links and submodules are nothing, as in an unpacked artifact.

    What the mirror does not have is a FetchError.
    """

    def __init__(self, mirror: Mirror, commit: str) -> None:
        self._mirror = mirror
        self._commit = commit
        self._nodes: dict[str, Node | None] = {}

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        node = self._node(path)
        if node is None:
            return "none"
        return "directory" if node.mode == DIRECTORY else "file" if node.mode in _REGULAR else "none"

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        node = self._node(path)
        if node is None:
            raise TooLarge("not there")
        with _reading(path):
            if self._mirror.size(node.id) > _LARGEST_FILE:
                raise TooLarge(f"larger than {_LARGEST_FILE} bytes")
            return self._mirror.read(node.id)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        node = self._node(path)
        with _reading(path):
            return sorted(child.name for child in self._mirror.children(node.id)) if node else []

    def _node(self, path: str) -> Node | None:
        if path not in self._nodes:
            with _reading(path):
                self._nodes[path] = _or_none(lambda: self._mirror.node(self._commit, path))
        return self._nodes[path]


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except errors.Error as error:
        raise FetchError(f"failed to read '{path}' of a remote base: {error}") from error


def _or_none(find: Callable[[], R]) -> R | None:
    try:
        return find()
    except (errors.PathNotFound, errors.InvalidPath):
        return None


def _commit(mirror: Mirror, ref: str) -> str:
    """Bring what a reference means: HEAD, a commit, a tag or a branch, as `git fetch` would find it."""
    if not ref or reference.is_commit(ref):
        return mirror.fetch(ref or "HEAD")
    listed = mirror.references().commits
    for name in (ref, f"refs/tags/{ref}", f"refs/heads/{ref}"):
        if name.startswith("refs/") and name in listed:
            return mirror.fetch(name)
    raise errors.ReferenceNotFound(f"there is neither a tag nor a branch '{errors.printable(ref)}'")
