"""Whose a commit is: an automation's, by the address of its author or by what it says of itself, or somebody else's."""

from collections.abc import Iterator
from typing import Final

from gotk.git.objects.history import Past
from image_automation.writing import commit_message as commits
from image_automation.writing import provenance

#: How many commits of a branch are looked at, and fetched.
DEPTH: Final = 50


def is_ours(past: Past, author: str) -> bool:
    """Tell whether a commit is of the automation with this address, whole or squashed by whoever merged it."""
    message, address = past.message.casefold(), author.casefold()
    if "this reverts commit" in message:
        return False  # by a person, even one who lends the automation an address
    if address in {past.author.email.casefold(), past.committer.email.casefold()}:
        return True
    return f"co-authored-by:{address}" in _co_authors(message) or (
        provenance.TRAILER.casefold() in message and commits.DEFAULT.casefold() in message
    )


def name(past: Past) -> str:
    """Return who made a commit."""
    return past.author.name or past.author.email or "somebody"


def _co_authors(message: str) -> Iterator[str]:
    for line in message.splitlines():
        if line.startswith("co-authored-by:"):
            yield f"co-authored-by:{line.rpartition('<')[2].rstrip('> ')}"
