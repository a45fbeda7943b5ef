"""The clone that a remote base stands for: a commit in a mirror, and the commits of its submodules.

Answers to what kustomize does with git: `fetch` of one reference, and `submodule update --init --recursive` unless the
address says `submodules=false`. Submodules come from hosts that remote bases may come from, and from no other.
"""

import time
from collections.abc import Callable

from deploy.kustomize.building.bases import ssh
from deploy.kustomize.building.bases.commit import Commit
from deploy.kustomize.building.bases.remote import Allows, FetchError, Remote
from deploy.kustomize.building.source import TooLarge
from gotk.git import errors, reference, submodules
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.tree import SUBMODULE

_TENANT = "remote bases"
_LEVELS, _MOST = 10, 200
_SCHEMES = ("https://", "ssh://")


class Clone:
    """Makes one clone, in so many seconds altogether."""

    def __init__(
        self, mirrors: Mirrors, *, allows: Allows, credentials: Callable[[Remote], Credentials], timeout: float
    ) -> None:
        self._mirrors = mirrors
        self._allows = allows
        self._credentials = credentials
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._met = 0

    def made(self, remote: Remote) -> Commit:
        """Return the commit of a base. Blocks. Raises FetchError."""
        try:
            return self._made(remote)
        except (errors.Error, FetchError) as error:
            raise FetchError(f"failed to fetch remote base '{remote}': {error}") from error

    def _made(self, remote: Remote, level: int = 0) -> Commit:
        credentials = self._credentials(remote)
        pinned = reference.is_commit(remote.reference)
        mirror = self._mirrors.open(
            remote.url, credentials, tenant=_TENANT, timeout=self._left(), depth=0 if pinned else 1
        )
        try:
            commit = _pinned(mirror, remote.reference) if pinned else _named(mirror, remote.reference)
        except (errors.AuthenticationFailed, errors.HostKeyMismatch) as error:
            raise FetchError(_advice(error, remote, credentials)) from error
        modules = self._modules(mirror, commit, level) if remote.submodules and level <= _LEVELS else {}
        return Commit(mirror, commit, modules)

    def _modules(self, mirror: Mirror, commit: str, level: int) -> dict[str, Commit]:
        """Fetch the submodules of a commit, and those of theirs, by their paths."""
        found = {}
        for path, module in _listed(mirror, commit).items():
            wanted = _submodule(mirror, commit, path)
            if not wanted:
                continue
            self._met += 1
            if self._met > _MOST:
                raise FetchError(f"there are more than {_MOST} submodules")
            try:
                found[path] = self._module(mirror, module.url, wanted, level)
            except (errors.Error, FetchError) as error:
                raise FetchError(f"submodule '{errors.printable(path)}': {error}") from error
        return found

    def _module(self, above: Mirror, given: str, commit: str, level: int) -> Commit:
        url = submodules.address(above.remote.url, given)
        remote = Remote(url, repository=True, reference=commit)
        if not url.startswith(_SCHEMES):
            raise FetchError(f"'{remote}' is neither an https nor an ssh address")
        if refused := self._allows.refusal(remote):
            raise FetchError(f"'{remote}' {refused}")
        return self._made(remote, level + 1)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise FetchError(f"no answer within {self._timeout:g}s")
        return left


def _named(mirror: Mirror, ref: str) -> str:
    """Bring what a reference means: HEAD, a tag or a branch, as `git fetch` would find it."""
    if ref in {"", "HEAD"}:
        return mirror.fetch("HEAD")
    listed = mirror.references().commits
    for name in (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}"):
        if name.startswith("refs/") and name in listed:
            return mirror.fetch(name)
    raise errors.ReferenceNotFound(f"there is neither a tag nor a branch '{errors.printable(ref)}'")


def _pinned(mirror: Mirror, commit: str) -> str:
    """Bring a commit, wherever in a branch or tag it is; nobody is asked for one that is here."""
    return commit if mirror.has(commit) else mirror.bring(commit, tags=True).commit


def _listed(mirror: Mirror, commit: str) -> dict[str, submodules.Submodule]:
    """Read what a commit says of its submodules. Raises FetchError for more than is read."""
    files = Commit(mirror, commit)
    if files.kind(submodules.FILE) != "file":
        return {}
    try:
        return submodules.parse(files.read(submodules.FILE, most=submodules.FILE_LIMIT))
    except TooLarge as error:
        raise FetchError(f"'{submodules.FILE}' is {error}") from None


def _submodule(mirror: Mirror, commit: str, path: str) -> str:
    """Return the commit that a submodule's place names, empty where the tree has none there."""
    try:
        node = mirror.node(commit, path)
    except (errors.PathNotFound, errors.InvalidPath):
        return ""
    return node.id if node.mode == SUBMODULE else ""


def _advice(error: errors.Error, remote: Remote, credentials: Credentials) -> str:
    """Say what helps where a server is not let in, or does not let us in: no object has a secret for it."""
    if isinstance(error, errors.HostKeyMismatch):
        return f"the server's key is not in the file of {ssh.KNOWN_HOSTS}"
    if not remote.over_ssh:
        return "there is no such repository, or it wants credentials, which a remote base gets over SSH alone"
    if not credentials.identity:
        return f"the server wants a key: give one for remote bases with {ssh.IDENTITY}"
    return f"the server does not take the key of {ssh.IDENTITY}"
