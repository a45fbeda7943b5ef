"""The address of a remote base, taken apart as kustomize takes it apart.

Answers to kustomize's `RepoSpec`, with the real one beside it in the tests: `git::`, a scheme or none, the short form
`user@host:path`, what stands for github.com, the marks that part a repository from a path in it (`_git/`, `//`, `.git`,
or the second name), and the query (`ref`, `version`, `timeout`, `submodules`; of the last two, what cannot be read is
left out). Only https and ssh are taken. Pure.
"""

import posixpath
import re
from collections.abc import Mapping

from yarl import URL

from deploy.kustomize.building.bases.remote import Remote
from gotk.duration import Duration
from gotk.git import errors
from gotk.git import url as urls

_FILE = re.compile(r"\.(?:ya?ml|json)$")
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_LONGEST = 2048
_FORCED = re.compile("git::", re.IGNORECASE)
_SCHEME = re.compile("(?:https?|ssh|file)://", re.IGNORECASE)
_USER = re.compile("([A-Za-z][A-Za-z0-9-]*)@")
_GITHUB = re.compile("github.com([/:])", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_REPOSITORY_NAMES = 2  # of a repository without a mark


class BadAddress(ValueError):
    """An address that no remote base can have. The message says what it lacks."""


def parse(entry: str) -> Remote:
    """Read the name of a remote base. Raises BadAddress."""
    text = entry.strip()
    if len(text) > _LONGEST:
        raise BadAddress(f"has more than {_LONGEST} signs")
    forced = bool(_FORCED.match(text))
    if forced:
        text = text[len("git::") :]
    scheme = _SCHEME.match(text)
    given = scheme[0].lower() if scheme else ""
    rest = text[len(given) :]
    user = _USER.match(rest)
    rest = rest[user.end() :] if user else rest
    if given not in {"", "https://", "ssh://"} or not (given or user or _GITHUB.match(rest)):
        raise BadAddress("is neither an https nor an ssh address")
    if given == "https://" and not forced and (file := _file(f"{given}{rest}")) is not None:
        return file
    return _repository(given, user[1] if user else "", rest)


def _file(text: str) -> Remote | None:
    """Return the one file that an https address names, if it names one and no folder of a repository."""
    url, bare = _url(text), text.partition("?")[0]
    beyond = bare.removeprefix("https://")
    repository = url.query.get("ref") or url.query.get("version") or "//" in beyond or ".git/" in beyond
    if repository or not _FILE.search(bare):
        return None
    _check(url, beyond.partition("/")[0])
    return Remote(str(url), repository=False)


def _repository(scheme: str, user: str, rest: str) -> Remote:
    short = not scheme and (bool(user) or bool(_GITHUB.match(rest)))
    bare, _, query = rest.partition("?")
    host, names = _host(bare, short=short)
    behind = bare[len(host) :]
    host = host.lower()
    if _GITHUB.match(rest):
        scheme = "ssh://" if scheme == "ssh://" or user else "https://"
        user = user if scheme == "ssh://" else ""
    elif short and not behind.startswith(":"):
        raise BadAddress("has no ':' behind its host")
    repository, path = _split(names)
    if scheme == "https://":
        whole = f"https://{host}/{repository}"
    else:
        whole = f"ssh://{user or 'git'}@{host}/{repository.lstrip('/')}"
    _check(_url(whole), host)
    try:
        urls.parse(whole)
    except errors.InvalidUrl as error:
        raise BadAddress(f"is no address: {error}") from None
    asked = _url(f"https://x/?{query}").query
    if "#" in query:
        raise BadAddress("has a fragment")
    return Remote(
        whole,
        repository=True,
        reference=asked.get("ref") or asked.get("version") or "",
        path=path,
        timeout=_timeout(asked),
        submodules=asked.get("submodules", "") not in _FALSE,
    )


def _host(bare: str, *, short: bool) -> tuple[str, str]:
    """Part the host from what is behind it: a slash, or in the short form a colon where that comes first."""
    end = bare.find("/")
    colon = bare.find(":") if short else -1
    if 0 < colon < end or (colon > 0 and end < 0):
        end = colon
    if end <= 0:
        raise BadAddress("names no repository")
    return bare[:end], bare[end + 1 :]


def _split(names: str) -> tuple[str, str]:
    """Split what is behind the host into repository and path, by kustomize's marks in their order."""
    if "_git/" in names:
        before, _, behind = names.partition("_git/")
        name, _, path = behind.partition("/")
        repository = f"{before}_git/{name}"
    elif "//" in names:
        repository, _, path = names.partition("//")
    elif ".git" in names:
        before, _, path = names.partition(".git")
        repository = f"{before}.git"
    else:
        parts = names.split("/")
        if len(parts) < _REPOSITORY_NAMES:
            raise BadAddress("names no repository: mark where it ends with '//'")
        repository, path = "/".join(parts[:_REPOSITORY_NAMES]), "/".join(parts[_REPOSITORY_NAMES:])
    if not repository.strip("/"):
        raise BadAddress("names no repository")
    cleaned = posixpath.normpath(path.strip("/") or ".")
    if cleaned == ".." or cleaned.startswith("../") or "\\" in cleaned:
        raise BadAddress("leads out of its repository")
    return repository.rstrip("/"), cleaned


def _check(url: URL, host: str) -> None:
    if not url.host or not _HOST.fullmatch(host) or url.fragment:
        raise BadAddress("has no host, or a password or fragment that it must not have")


def _url(text: str) -> URL:
    try:
        url = URL(text)
        url.host  # noqa: B018 - which is read only now, and may turn out to be none
    except (ValueError, IndexError):
        raise BadAddress("is no address") from None
    return url


def _timeout(asked: Mapping[str, str]) -> float | None:
    given = asked.get("timeout", "")
    try:
        found = float(given) if given.isascii() and given.isdigit() else Duration.parse(given).seconds
    except ValueError:
        return None
    return found if found > 0 else None
