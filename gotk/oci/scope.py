"""What a registry wants a token to be good for, cut down to what is asked for. No input or output.

Answers to the distribution project's token scopes (`repository:NAME:ACTION,ACTION`, several apart by blanks). Those
with scope maps want `metadata_read` where others want `pull`, and proxies that rewrite paths want another name than the
one that was asked, so what they want is asked for, too: of repositories only, and only to read. Nothing that writes is
ever asked for, whatever the registry would like.
"""

import re

from gotk.oci.name import Repository

_NAME = re.compile(r"[A-Za-z0-9._~:/@+-]{1,512}", re.ASCII)
_READING = re.compile(r"pull|list|read|[a-z]{1,32}_read", re.ASCII)
_MOST = 4


def own(name: Repository) -> str:
    """Return the scope of reading a repository."""
    return f"repository:{name.path}:pull"


def reading(text: str) -> tuple[str, ...]:
    """Return the scopes of a challenge with their reading actions; those without any, and a long list's rest, go."""
    found: list[str] = []
    for each in text.split():
        kind, _, rest = each.partition(":")
        name, _, actions = rest.rpartition(":")
        kept = [action for action in actions.split(",") if _READING.fullmatch(action)]
        if kind == "repository" and kept and _NAME.fullmatch(name):
            found.append(f"repository:{name}:{','.join(kept)}")
    return tuple(dict.fromkeys(found))[:_MOST]


def joined(latest: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to ask for, the latest wish first: some token servers look at the first scope alone."""
    return tuple(dict.fromkeys((*latest, *before)))[:_MOST]
