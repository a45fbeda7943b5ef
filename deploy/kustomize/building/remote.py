"""Remote bases: what of another repository or server a kustomization names, and how that lies among the source's files.

Answers to kustomize's `RepoSpec` (`//` before the path, `?ref=`, `?version=`, `?timeout=`, `?submodules=`, `git::`,
addresses without a scheme) and its loader, which takes a URL for a file first. kustomize never fetches here: a base
that the operator allows is fetched by this process, and lies in a folder of its own, which the walk of `plan` reads
like the rest and does not leave.
"""

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from yarl import URL

from deploy.kustomize.building.source import Kind, Source
from gotk.duration import Duration

#: No repository may hold a folder of this name where remote bases are used.
FOLDER = ".remote-bases"
_FILE = re.compile(r"\.(?:ya?ml|json)$")
_HOSTED = frozenset({"github.com", "gitlab.com", "bitbucket.org"})
_TRUE = frozenset({"", "1", "t", "T", "true", "TRUE", "True"})
_LONGEST = 2048
_SCHEME = re.compile("^(?:https?|ssh)://", re.IGNORECASE)


class BadAddress(ValueError):
    """An address that no remote base can have. The message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a base is: a repository at a reference (HEAD where none is given), or a file where `path` is empty."""

    url: str
    repository: bool
    reference: str = ""
    path: str = ""
    timeout: float | None = None

    @property
    def host(self) -> str:
        """The host that is asked."""
        return URL(self.url).host or ""

    @property
    def place(self) -> str:
        """The folder among the source's files: one for each repository and reference, and for each file."""
        name = hashlib.sha256(f"{self.url}\n{self.repository}\n{self.reference}".encode()).hexdigest()[:16]
        return f"{FOLDER}/{name}"

    @property
    def target(self) -> str:
        """What a kustomization means by it, among the source's files."""
        if self.repository:
            return posixpath.normpath(posixpath.join(self.place, self.path))
        return posixpath.join(self.place, posixpath.basename(URL(self.url).path))

    def __str__(self) -> str:
        return f"{self.url}?ref={self.reference}" if self.reference else self.url


class Allows(Protocol):
    """What the operator lets builds fetch."""

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched, empty where it may be."""
        ...


class Fetches(Allows, Protocol):
    """Fetches what may be fetched."""

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:
        """Return the files of a repository, or the one file. Raises FetchError."""
        ...


class FetchError(ValueError):
    """A base that cannot be had. The message names it, and the cause."""


class Mounted:
    """A source, and remote bases in folders of their own."""

    def __init__(self, own: Source, mounts: Mapping[str, Source]) -> None:
        self._own = own
        self._mounts = mounts

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        if path == FOLDER:
            return "directory" if self._mounts else self._own.kind(path)
        mount, below = self._found(path)
        return mount.kind(below)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        mount, below = self._found(path)
        return mount.read(below)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        mount, below = self._found(path)
        return mount.entries(below)

    def _found(self, path: str) -> tuple[Source, str]:
        mount = self._mounts.get(tree_of(path))
        return (self._own, path) if mount is None else (mount, posixpath.relpath(path, tree_of(path)))


class OneFile:
    """A file that was fetched by itself."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name = name
        self._content = content

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        return "directory" if path == "." else "file" if path == self._name else "none"

    def read(self, path: str) -> bytes:  # noqa: ARG002 - there is one
        """Return the bytes of the file."""
        return self._content

    def entries(self, path: str) -> list[str]:  # noqa: ARG002 - there is one
        """Return its name."""
        return [self._name]


def tree_of(path: str) -> str:
    """Return the folder of the remote base that a path lies in, empty for the source itself."""
    parts = path.split("/", 2)
    return "/".join(parts[:2]) if parts[0] == FOLDER and len(parts) > 1 else ""


def parse(entry: str) -> Remote:
    """Read the name of a remote base. Raises BadAddress."""
    text = entry.strip()
    forced = text.startswith("git::")
    text = _SCHEME.sub(lambda found: found[0].lower(), text.removeprefix("git::"))
    if len(text) > _LONGEST:
        raise BadAddress(f"has more than {_LONGEST} signs")
    if text.startswith("ssh://") or re.match(r"[\w.-]+@[\w.-]+:", text):
        raise BadAddress("needs a key, and remote bases get no credentials: use its https address, or a GitRepository")
    if text.startswith(("github.com/", "github.com:")):
        text = f"https://github.com/{text[len('github.com/') :]}"
    if not text.startswith("https://"):
        raise BadAddress("is no https address")
    return _https(text, forced=forced)


def _https(text: str, *, forced: bool) -> Remote:
    bare, _, query = text.partition("?")
    try:
        url = URL(bare)
        asked = dict(URL(f"https://x/?{query}").query)
    except ValueError:
        raise BadAddress("is no address") from None
    if not url.host or url.user or url.password or url.fragment:
        raise BadAddress("has no host, or a user or fragment that it must not have")
    reference = asked.get("ref") or asked.get("version") or ""
    beyond = bare.removeprefix("https://")
    if not forced and not reference and _FILE.search(bare) and "//" not in beyond and ".git/" not in beyond:
        return Remote(str(URL(text)), repository=False)
    if asked.get("submodules", "") not in _TRUE | {"0", "f", "F", "false", "FALSE", "False"}:
        raise BadAddress("has a `submodules` that is neither true nor false")
    repository, path = _split(beyond, str(url.host))
    return Remote(f"https://{repository}", repository=True, reference=reference, path=path, timeout=_timeout(asked))


def _split(text: str, host: str) -> tuple[str, str]:
    """Split an address without its scheme into repository and path, by kustomize's marks in their order."""
    if "//" in text:
        repository, _, path = text.partition("//")
    elif ".git/" in text or text.endswith(".git"):
        repository, _, path = text.partition(".git")
        repository += ".git"
    elif host in _HOSTED:
        parts = text.split("/")
        repository, path = "/".join(parts[:3]), "/".join(parts[3:])
    else:
        repository, path = text, ""
    cleaned = posixpath.normpath(path.strip("/") or ".")
    if cleaned.startswith("..") or "\\" in cleaned:
        raise BadAddress("leads out of its repository")
    if repository.count("/") < 1 or not repository.rpartition("/")[2]:
        raise BadAddress("names no repository")
    return repository.rstrip("/"), cleaned


def _timeout(asked: Mapping[str, str]) -> float | None:
    given = asked.get("timeout")
    if given is None:
        return None
    try:
        found = float(given) if given.isdigit() else Duration.parse(given).seconds
    except ValueError:
        raise BadAddress("has a `timeout` that is no time") from None
    if found <= 0:
        raise BadAddress("has a `timeout` that is no time")
    return found
