"""The build status of a commit as both Bitbuckets have it."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gotk.forge.status import State, Status

STATES = {State.SUCCESS: "SUCCESSFUL", State.FAILURE: "FAILED", State.PENDING: "INPROGRESS"}


def key_of(wanted: Status) -> str:
    """Return the key that a status is found by; the API takes at most 40 characters."""
    return hashlib.sha1(wanted.name.encode(), usedforsecurity=False).hexdigest()


def same(found: Any, wanted: Mapping[str, str], *names: str) -> bool:
    """Tell whether what was found says the same."""
    return isinstance(found, dict) and all(found.get(name) == wanted[name] for name in names)


def progress(state: str) -> State:
    """Return what the state of a build means; one that was stopped did not succeed."""
    words = {"SUCCESSFUL": State.SUCCESS, "INPROGRESS": State.PENDING}
    return words.get(state, State.FAILURE)
