"""From what somebody shows to who they are: the cluster says so, and nobody else.

A token is the person's own and goes with each of their requests; whose it is, is asked of the API server with it
(SelfSubjectReview). Who has no name or no group is nobody: a request as nobody would be one as the service.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from gotk.bounded import Bounded
from gotk.kube import errors
from gotk.runtime.clock import Clock
from image_automation.dashboard.access import Cluster, Person

_WHO_AM_I: Final = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
#: How many strangers are asked about at once, how long an answer about a program's token holds, and how many are kept.
_AT_ONCE: Final = 8
_FRESH: Final = 60.0
_REMEMBERED: Final = 1000
_LONGEST_TOKEN: Final = 16 << 10
_SYSTEM: Final = "system:"


class NobodyError(Exception):
    """The cluster does not know who this is: the message says why."""


class Tokens(Protocol):
    """The cluster for whoever holds a token."""

    def with_token(self, token: str) -> Cluster:
        """Return the cluster as the holder of a token reaches it."""
        ...


class Impersonates(Protocol):
    """The cluster for whoever the service says somebody is."""

    def acting_as(self, user: str, groups: Sequence[str]) -> Cluster:
        """Return the cluster as a user and member of groups reaches it."""
        ...


def check_identity(name: str, groups: Iterable[str]) -> None:
    """See that the cluster may be told that somebody is this. Raises NobodyError.

    An empty name or group would be a request as the service, one of the system's own more than anybody was given.
    """
    for word in (name, *groups):
        # What stands at the edge of a header is cut off on its way, and may be all that tells two names apart.
        good = word.isprintable() and word.isascii() and word == word.strip() and word
        if not good or word.startswith(_SYSTEM):
            raise NobodyError("this is a name or a group that is not one of a person")


class People:
    """Finds out who somebody is."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._known: Bounded[bytes, tuple[Person, float]] = Bounded(_REMEMBERED)

    async def by_token(self, token: str) -> Person:
        """Return whose token it is. Raises NobodyError, and APIError where the cluster does not say."""
        if not token or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise NobodyError("that is no token: a token is one line of letters, digits and signs")
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() < known[1]:
            return known[0]
        async with self._turns:
            person = await self._ask(self._tokens.with_token(token))
        self._known.put(key, (person, self._clock.monotonic() + _FRESH))
        return person

    async def _ask(self, cluster: Cluster) -> Person:
        try:
            review = await cluster.create_object(_WHO_AM_I)
        except errors.Unauthorized:
            raise NobodyError(
                "the cluster does not accept this token: it has ended, or is for another cluster"
            ) from None
        info = (review.get("status") or {}).get("userInfo") or {}
        name, groups = str(info.get("username") or ""), tuple(str(each) for each in info.get("groups") or ())
        if not name or not groups or name == "system:anonymous":
            raise NobodyError("the cluster gives the holder of this token no name or no group")
        return Person(name, groups, cluster)
