"""libgit2's process-wide settings, fixed once: every module that touches pygit2 imports it from here.

Nothing of the machine's or the user's Git configuration is read (an `insteadOf`, a proxy or a credential helper of
theirs is no business of a tenant's repository), hooks and filters do not exist in libgit2's bare repositories, and no
connection may hang for ever. Repositories may belong to another user, because volumes do.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel

CONNECT_SECONDS = 15
IDLE_SECONDS = 60

_NOWHERE = "/nonexistent"


def harden() -> None:
    """Set what holds for the whole process, and for every worker that is forked from it."""
    for level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.homedir = _NOWHERE
    pygit2.settings.owner_validation = False
    _wait(IDLE_SECONDS)


def configure(home: Path, *, idle: float, ca: Path | None = None) -> None:
    """Give the whole process a home and an authority, as only a worker of one operation has them."""
    pygit2.settings.homedir = str(home)
    _wait(idle)
    if ca is not None:
        pygit2.settings.set_ssl_cert_locations(str(ca), None)


def named(name: str) -> str:
    """Return a name to look something up by in a tree or among references.

    pygit2 1.21 keeps a reference to each text that it is given for that, for ever. Of an interned one there is no
    second, so that names stay in memory and not every time that one was asked for.
    """
    return sys.intern(name)


def read_configuration(home: Path) -> None:
    """Read the `.gitconfig` of this directory from now on."""
    pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(home)


_patience: list[float] = []
_patience_lock = threading.Lock()


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give servers so long to answer; among operations at the same time the most patient one counts."""
    with _patience_lock:
        _patience.append(seconds)
        _wait(max(_patience))
    try:
        yield
    finally:
        with _patience_lock:
            _patience.remove(seconds)
            _wait(max(_patience, default=IDLE_SECONDS))


def _wait(seconds: float) -> None:
    pygit2.settings.server_connect_timeout = max(round(min(seconds, CONNECT_SECONDS) * 1000), 1)
    pygit2.settings.server_timeout = max(round(min(seconds, IDLE_SECONDS) * 1000), 1)


harden()
