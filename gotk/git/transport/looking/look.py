"""A look at a remote from this process: whether a reference still leads to what is here already.

Most conversations find nothing new. Those need neither libgit2, whose trust is the whole process's, nor a process of
their own, nor a handshake: one question over a connection that is the secret's and is kept for the next look. A look
finds out that nothing is new, or which references there are; whatever is not exactly that (a redirect, a refusal, an
answer that is late, long or odd, a reference that moved) is left to the operation, whose words and walls stay as they
are (ADR 0007, 0097).
"""

import os
import time
from pathlib import Path
from typing import TypeVar

import pygit2

from gotk.git import reference
from gotk.git import url as urls
from gotk.git.objects import commit as commits
from gotk.git.transport import tunnel
from gotk.git.transport.looking import over_http
from gotk.git.transport.looking.target import Target
from gotk.git.transport.operation import Fetch, Fetched, ListReferences, References, Remote

#: What has been no use once is left alone for so many seconds, so that it does not cost twice.
_REST, _MOST = 600.0, 1000
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

R = TypeVar("R", dict[Target, float], set[Target])

resting: dict[Target, float] = {}
_answered: set[Target] = set()


def unchanged(operation: Fetch) -> Fetched | None:
    """Return what a fetch finds that has nothing to transfer; None where it has to be made, for whatever reason."""
    target = _target(operation.remote)
    if not _can_look(target):
        return None
    if not _ever_fetched(operation.repository):
        return None
    # a commit is asked for by no name: what counts is that the repository is there and not empty
    pinned = reference.is_commit(operation.reference)
    found = _asked(target, "HEAD" if pinned else operation.reference)
    if found is None or not found.commits:
        return None
    commit = found.commits.get(operation.reference) or (operation.reference if pinned else "")
    if not commit:
        return None
    repository, tag = pygit2.Repository(operation.repository), found.tags.get(operation.reference, "")
    if not commits.is_complete(repository, commit) or (tag and tag not in repository):
        return None
    return Fetched(commit=commit, transferred=False, tag=tag)


def _ever_fetched(repository: str) -> bool:
    """Tell whether any fetch has brought a pack."""
    return any(Path(repository, "objects", "pack").glob("*.pack"))


def listed(operation: ListReferences) -> References | None:
    """Return the references of a remote that has answered a look before; None where it has to be asked otherwise."""
    target = _target(operation.remote)
    if target not in _answered or not _can_look(target):
        return None
    found = _asked(target, "")
    return found if found and found.commits else None


def _target(remote: Remote) -> Target:
    return Target(urls.parse(remote.url), remote.credentials, remote.timeout)


def _asked(target: Target, prefix: str) -> References | None:
    """Ask for the references that begin with a prefix; None where no list came."""
    try:
        found = _references(target, prefix)
    except tunnel.FAILURES:
        _answered.discard(target)
        _room_in(resting)[target] = time.monotonic() + _REST
        return None
    _room_in(_answered).add(target)
    return found


def _references(target: Target, prefix: str) -> References:
    if target.address.scheme != "ssh":
        return over_http.references(target, prefix)
    from gotk.git.transport.looking import over_ssh  # noqa: PLC0415 - 20 MB and 0.2 s, where nobody may have a key

    return over_ssh.references(target, prefix)


def _can_look(target: Target) -> bool:
    """Tell whether the way to a remote is one that is known here."""
    scheme, proxy = target.address.scheme, target.credentials.proxy
    if scheme not in {"http", "https", "ssh"} or resting.get(target, 0) > time.monotonic():
        return False
    if proxy:
        return scheme != "http" and proxy.startswith(("http:", "socks5"))
    return scheme == "ssh" or not any(map(os.environ.get, _PROXIES))


def _room_in(known: R) -> R:
    """Return what has room for one more."""
    if len(known) >= _MOST:
        known.clear()
    return known
