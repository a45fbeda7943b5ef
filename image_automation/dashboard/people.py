"""From what somebody shows to who they are: the cluster says so, and nobody else.

A token is the person's own and goes with each of their requests; whose it is, is asked of the API server with it
(SelfSubjectReview). Who has no name or no group is nobody: a request as nobody would be one as the service.
"""

import asyncio
import hashlib
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


class NobodyError(Exception):
    """The cluster does not know who this is: the message says why."""


class Tokens(Protocol):
    """The cluster for whoever holds a token."""

    def with_token(self, token: str) -> Cluster:
        """Return the cluster as the holder of a token reaches it."""
        ...


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
