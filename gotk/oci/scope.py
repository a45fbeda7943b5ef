"""What a registry wants a token to be good for, cut down to what is asked for. No input or output.

Answers to the distribution project's token scopes (`repository:NAME:ACTION,ACTION`, several apart by blanks). Those
with scope maps want `metadata_read` where others want `pull`, and proxies that rewrite paths want another name than the
one that was asked, so what they want is asked for, too: of repositories only, and only to read. Nothing that writes is
ever asked for, whatever the registry would like, but by a client that was made to push.
"""

import re

from gotk.oci.name import Repository

_NAME = re.compile(r"[A-Za-z0-9._~:/@+-]{1,512}", re.ASCII)
_READING = re.compile(r"pull|list|read|[a-z]{1,32}_read", re.ASCII)
_WRITING = re.compile(r"push|write|[a-z]{1,32}_write", re.ASCII)
_MOST = 4


def own(name: Repository, *, pushes: bool = False) -> str:
    """Return the scope of reading a repository, or of reading and writing it."""
    return f"repository:{name.path}:pull{',push' if pushes else ''}"


def wished(text: str, *, pushes: bool = False) -> tuple[str, ...]:
    """Return the scopes of a challenge with the actions that may be; those without any, and a long list's rest, go."""
    found: list[str] = []
    for each in text.split():
        kind, _, rest = each.partition(":")
        name, _, actions = rest.rpartition(":")
        kept = [action for action in actions.split(",") if _may(action, pushes=pushes)]
        if kind == "repository" and kept and _NAME.fullmatch(name):
            found.append(f"repository:{name}:{','.join(kept)}")
    return tuple(dict.fromkeys(found))[:_MOST]


def _may(action: str, *, pushes: bool) -> bool:
    return bool(_READING.fullmatch(action) or (pushes and _WRITING.fullmatch(action)))


def joined(latest: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to ask for, the latest wish first: some token servers look at the first scope alone."""
    return tuple(dict.fromkeys((*latest, *before)))[:_MOST]
