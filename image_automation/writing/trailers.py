"""Trailers of a commit for those whose word let it through, below whatever message there is.

They are what remains: annotations are written over, events are gone within the hour, but a commit is kept by everybody
who has the repository. Names and reasons come out of an annotation, so each is one harmless line.
"""

import re
from collections.abc import Iterable
from typing import Final

from gotk.git import errors as git
from image_automation.update.proposal import Grant

APPROVED: Final = "Approved-by"
ALLOWED: Final = "Allowed-by"
_KEYS: Final = {"approve": APPROVED, "allow": ALLOWED}
_TRAILER: Final = re.compile(r"[A-Za-z0-9-]+: \S.*")


def added(message: str, grants: Iterable[Grant]) -> str:
    """Put trailers of grants under a message."""
    return under(message, map(_line, grants))


def under(message: str, trailers: Iterable[str]) -> str:
    """Put trailers under a message: into its last paragraph where that is made of trailers, else behind it."""
    lines = [git.printable(each) for each in trailers]
    if not lines:
        return message
    body = message.rstrip("\n")
    subject, _, last = body.rpartition("\n\n")
    joins = bool(subject) and all(_TRAILER.fullmatch(line) for line in last.split("\n"))
    return body + ("\n" if joins else "\n\n") + "\n".join(lines)


def _line(grant: Grant) -> str:
    """Write who, for which version, why and when: `Approved-by: jane (web 1.2.0 of acme/web: seen on staging; ...)`."""
    why = f": {grant.reason}" if grant.reason else ""
    when = f"; {grant.at}" if grant.at else ""
    return f"{_KEYS[grant.verdict]}: {grant.by} ({grant.policy} {grant.tag} of {grant.image}{why}{when})"
