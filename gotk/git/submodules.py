"""Submodules as a repository's `.gitmodules` names them: where they lie, where they come from, and who we are there.

Answers to gitmodules(5) and go-git's reading of it, by which Flux goes: an address that begins with no scheme is
relative to the repository's own. The file is whoever's who may commit: nothing of it is run, included or looked up, and
our credentials go to the origin of the repository alone. Pure.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from gotk.git import auth, errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.url import Url

FILE = ".gitmodules"

#: No list of submodules is longer.
FILE_LIMIT = 1 << 20

_SECTION = re.compile(r'\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\](.*)', re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*)", re.DOTALL)
_SHORT = re.compile(r"(?:([^@/:]+)@)?([^:/\s@]+):(?!//)(.+)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule as the file has it."""

    name: str
    path: str
    url: str


def parse(content: bytes) -> dict[str, Submodule]:
    """Read a `.gitmodules` file: submodules by path, those without a path or an address left out."""
    found: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in _lines(content.decode("utf-8", "surrogateescape")):
        rest = line.strip()
        if rest.startswith("["):
            section = _SECTION.fullmatch(rest)
            values = found.setdefault(re.sub(r"\\(.)", r"\1", section[1]), {}) if section else {}
            rest = section[2].strip() if section else ""
        if variable := _VARIABLE.fullmatch(rest):
            values[variable[1].lower()] = _value(variable[2])
    named = (Submodule(name, each.get("path", "").rstrip("/"), each.get("url", "")) for name, each in found.items())
    return {each.path: each for each in named if each.path and each.url}


def address(parent: str, url: str) -> str:
    """Return the whole address of a submodule of the repository at `parent`.

    Raises InvalidUrl for one that we do not speak to; a file of this machine is only for a parent that is one.
    """
    above = urls.parse(parent)
    short = None if _SCHEME.match(url) else _SHORT.fullmatch(url)
    if short is not None:
        user = f"{quote(short[1], safe='')}@" if short[1] else ""
        whole = f"ssh://{user}{short[2]}/{short[3].removeprefix('/')}"
    elif _SCHEME.match(url):
        whole = url
    else:
        whole = _below(above, url)
    urls.parse(whole, allow_file=above.scheme == "file")
    return whole


def credentials(parent: str, ours: Credentials, url: str) -> Credentials:
    """Return who we are to a submodule's remote: as to the parent's where it is of the same origin, else nobody.

    Whom we trust and which proxy leads there stays. Raises InvalidCredentials where nobody is not enough.
    """
    above, below = urls.parse(parent), urls.parse(url)
    if above.trusts(below):
        return replace(ours, username=below.user or "git") if below.scheme == "ssh" else ours
    if below.scheme == "ssh":
        cause = f"'{below.origin}' is another origin than '{above.origin}', and the secret is for that one only"
        raise errors.InvalidCredentials(f"an ssh address needs an identity: {cause}")
    return replace(auth.from_url(url), ca=ours.ca, proxy=ours.proxy)


def _below(above: Url, url: str) -> str:
    path = posixpath.normpath(posixpath.join(above.path.partition("?")[0], url))
    if above.scheme == "file":
        return f"file://{quote(path)}"
    if url.startswith("/"):
        raise errors.InvalidUrl(f"failed to parse url '{urls.redact(url)}': it is a file of this machine")
    return str(replace(above, path=path))


def _lines(text: str) -> Iterator[str]:
    """Join lines that a backslash continues, and leave comments out that stand alone."""
    begun, is_blank = list[str](), True
    for line in text.replace("\r\n", "\n").split("\n"):
        is_comment = is_blank and line.lstrip().startswith(("#", ";"))
        if not is_comment and _continues(line):
            begun.append(line[:-1])
            is_blank = is_blank and not begun[-1].strip()
            continue
        if not is_comment:
            yield "".join((*begun, line))
        begun, is_blank = [], True
    yield "".join(begun)


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _value(text: str) -> str:
    """Take quotes, escapes and a comment at the end out of a value."""
    out: list[str] = []
    quoted, kept, position = False, 0, 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and position < len(text):
            out.append(_ESCAPES.get(text[position], text[position]))
            position += 1
            kept = len(out)
        elif char == '"':
            quoted = not quoted
            kept = len(out)
        elif char in "#;" and not quoted:
            break
        else:
            out.append(char)
            kept = len(out) if quoted or not char.isspace() else kept
    return "".join(out[:kept])
