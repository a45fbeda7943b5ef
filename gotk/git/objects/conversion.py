"""What Git makes of a work tree's file on its way into a commit: line ends and `$Id$`, as gitattributes say.

A commit must hold what `git add` would have put there. Instead of Git's whole machinery one question is asked: which
conversion that is in force here turns the file into the blob that HEAD has? That one turns the file's new bytes into
the new blob. What takes a program or another encoding is refused by name, not guessed. Answers to gitattributes(5) and
to `core.autocrlf` of git-config(1).
"""

import re
from collections.abc import Callable, Mapping

import pygit2

from gotk.git import errors
from gotk.git.objects import configuration

Convert = Callable[[bytes], bytes]

_IDENT = re.compile(rb"\$Id:[^$\n]*\$")
_TRUE = frozenset({"true", "yes", "on", "1", "input"})


def to_blob(
    repository: pygit2.Repository, environment: Mapping[str, str], path: str, before: bytes, committed: bytes
) -> Convert | None:
    """Return what turns the file's bytes into a blob's; None where the file is not what is committed.

    `before` are the file's bytes in the work tree, `committed` those of its blob at HEAD. Raises InvalidPath for a file
    that goes through a filter program or is kept in another encoding.
    """
    _refuse_programs(repository, path)
    if before == committed:
        return _same
    lines, ident = _converts_line_ends(repository, environment, path), bool(repository.get_attr(path, "ident"))
    for convert in (_lf if lines else None, _no_ident if ident else None, _both if lines and ident else None):
        if convert is not None and convert(before) == committed:
            return convert
    return None


def _refuse_programs(repository: pygit2.Repository, path: str) -> None:
    name = errors.printable(path)
    if isinstance(driver := repository.get_attr(path, "filter"), str):
        raise errors.InvalidPath(
            f"'{name}' goes through the filter '{errors.printable(driver)}' of .gitattributes, a program that is not "
            "run here: commit it with git, as `image-automation apply` and `git commit` do"
        )
    encoding = repository.get_attr(path, "working-tree-encoding")
    if isinstance(encoding, str) and encoding.upper() not in {"UTF-8", "UTF8"}:
        raise errors.InvalidPath(
            f"'{name}' is kept as {errors.printable(encoding)} by working-tree-encoding of .gitattributes, which is "
            "not converted here: commit it with git, as `image-automation apply` and `git commit` do"
        )


def _converts_line_ends(repository: pygit2.Repository, environment: Mapping[str, str], path: str) -> bool:
    """Tell whether Git turns CRLF into LF: by `text`, its elder `crlf`, `eol`, or `core.autocrlf` where none says."""
    text = repository.get_attr(path, "text")
    if text is None:
        text = repository.get_attr(path, "crlf")
    if text is None and repository.get_attr(path, "eol") in {"lf", "crlf"}:
        return True
    if text is None:
        return configuration.value(repository, environment, "core.autocrlf").lower() in _TRUE
    return bool(text)


def _same(content: bytes) -> bytes:
    return content


def _lf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _no_ident(content: bytes) -> bytes:
    return _IDENT.sub(b"$Id$", content)


def _both(content: bytes) -> bytes:
    return _lf(_no_ident(content))
