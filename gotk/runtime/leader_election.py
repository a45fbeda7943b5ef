"""Leader election: of several replicas one acts, and one that has lost its lease writes nothing more.

Answers to `k8s.io/client-go/tools/leaderelection` over a `coordination.k8s.io/v1` Lease: the same fields, so that
`kubectl get lease` shows the holder and other implementations take part. Nobody compares the clocks of machines: a
lease counts as free once it has not changed for its duration, by the clock of the one who looks.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from gotk.kube import errors
from gotk.runtime.clock import Clock

_API = ("coordination.k8s.io/v1", "Lease")
_JITTER = 1.2


class LeadershipLost(Exception):
    """The lease was not renewed in time, or another replica holds it."""


class Leases(Protocol):
    """What is needed of a client. Every method raises the errors of `gotk.kube.errors`."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Read an object."""
        ...

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        ...

    async def patch_object(
        self, api_version: str, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Merge fields into an object."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """Which lease is competed for, and how. Seconds; `identity` is unique among the replicas."""

    namespace: str
    name: str
    identity: str
    lease_duration: float
    renew_deadline: float
    retry_period: float
    release_on_cancel: bool

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > _JITTER * self.retry_period > 0:
            raise ValueError(
                "leader election: the lease duration must be longer than the renew deadline, and that longer than "
                f"{_JITTER} retry periods (given: {self.lease_duration:g}s, {self.renew_deadline:g}s, "
                f"{self.retry_period:g}s)"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a Lease says. Nobody holds it where `holder` is empty."""

    holder: str = ""
    duration: int = 0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> "Record":
        """Read a Lease; what is absent or null is empty."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            duration=spec.get("leaseDurationSeconds") or 0,
            acquired=spec.get("acquireTime") or "",
            renewed=spec.get("renewTime") or "",
            transitions=spec.get("leaseTransitions") or 0,
        )

    def as_spec(self) -> dict[str, Any]:
        """Return the Lease's spec."""
        return {
            "holderIdentity": self.holder or None,
            "leaseDurationSeconds": self.duration,
            "acquireTime": self.acquired or None,
            "renewTime": self.renewed or None,
            "leaseTransitions": self.transitions,
        }


def bid(found: Record | None, election: Election, *, unchanged: float, now: datetime) -> Record | None:
    """Return what to write into the Lease, or None where another one holds it.

    `unchanged` is for how many seconds the record has been seen as it is.
    """
    moment = micro_time(now)
    fresh = Record(holder=election.identity, duration=round(election.lease_duration), acquired=moment, renewed=moment)
    if found is None:
        return fresh
    if found.holder == election.identity:
        return replace(fresh, acquired=found.acquired or moment, transitions=found.transitions)
    if found.holder and unchanged < found.duration:
        return None
    return replace(fresh, transitions=found.transitions + 1)


def released(held: Record, now: datetime) -> Record:
    """Return the record of a lease that its holder gives back."""
    moment = micro_time(now)
    return Record(duration=1, acquired=moment, renewed=moment, transitions=held.transitions)


def micro_time(moment: datetime) -> str:
    """Print a time as the API's MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def machine_time() -> float:
    """Return seconds that go on while the machine sleeps: a lease runs out then, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Fence:
    """Whether this process may write. Everything that changes the world outside asks it at the last moment.

    Without a lease it is open for good. With one it is open for `renew_deadline` seconds after the last renewal was
    sent, by a clock that goes on while the machine sleeps: so a replica that wakes up after its lease went to another
    finds it closed before it has looked at anything.
    """

    def __init__(self, *, guarded: bool, elapsed: "Elapsed" = machine_time) -> None:
        self.elapsed = elapsed
        self._open_until = 0.0 if guarded else float("inf")

    def left(self) -> float:
        """For how many seconds it is open still; 0 where it is closed."""
        return max(0.0, self._open_until - self.elapsed())

    def extend(self, until: float) -> None:
        """Keep it open until a moment of its clock."""
        self._open_until = until

    def close(self) -> None:
        """Let nothing through any more."""
        self._open_until = 0.0


class Elapsed(Protocol):
    """A clock of seconds from an arbitrary start."""

    def __call__(self) -> float:
        """Return the seconds."""
        ...


class Elector:
    """Competes for one lease. `fence` is open while it is held."""

    def __init__(self, *, client: Leases, election: Election, fence: Fence, clock: Clock) -> None:
        self._client = client
        self._election = election
        self._fence = fence
        self._clock = clock
        self._elapsed = fence.elapsed
        self._seen = Record()
        self._seen_at = 0.0
        self._failing_since: float | None = None
        self._failure = ""
        self._log = structlog.get_logger().bind(logger="leader-election", lease=election.name)

    @property
    def leader(self) -> str:
        """Who was seen to hold the lease last."""
        return self._seen.holder

    @property
    def unreached(self) -> tuple[float, str] | None:
        """For how many seconds the lease could not be read or written, and what was said last."""
        return None if self._failing_since is None else (self._elapsed() - self._failing_since, self._failure)

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        self._log.info("waiting for the lease", identity=self._election.identity)
        while not await self._try():
            await self._clock.sleep(self._election.retry_period)
        self._log.info("became the leader", identity=self._election.identity)

    async def renew(self) -> None:
        """Renew the lease until that fails for too long. Raises LeadershipLost."""
        while True:
            await self._clock.sleep(self._election.retry_period)
            if not await self._try() and (self._seen.holder != self._election.identity or not self._fence.left()):
                self._fence.close()
                holder = self._seen.holder
                cause = f"{holder} holds it" if holder != self._election.identity else "it could not be renewed"
                raise LeadershipLost(f"lost the lease {self._election.namespace}/{self._election.name}: {cause}")

    async def release(self) -> None:
        """Give the lease back, so that another replica need not wait for its end. Fails in silence."""
        self._fence.close()
        if not self._election.release_on_cancel or self._seen.holder != self._election.identity:
            return
        try:
            async with asyncio.timeout(self._election.retry_period):
                lease = await self._client.get_object(*_API, self._election.namespace, self._election.name)
                if (held := Record.of(lease)).holder == self._election.identity:
                    await self._write(lease, released(held, self._clock.now()))
        except (errors.APIError, TimeoutError) as error:
            self._log.info("the lease was not given back", error=str(error))

    async def _try(self) -> bool:
        """Take or renew the lease; False where another one holds it or the API did not let us."""
        began = self._elapsed()
        limit = self._election.renew_deadline / 2
        if self._fence.left():
            limit = min(limit, self._fence.left())
        try:
            async with asyncio.timeout(limit):
                held = await self._bid()
        except (errors.APIError, TimeoutError) as error:
            self._failure = str(error) or "no answer in time"
            self._failing_since = began if self._failing_since is None else self._failing_since
            self._log.info("cannot take the lease", error=self._failure)
            return False
        self._failing_since = None
        if held:
            self._fence.extend(began + self._election.renew_deadline)
        return held

    async def _bid(self) -> bool:
        try:
            lease = await self._client.get_object(*_API, self._election.namespace, self._election.name)
        except errors.NotFound:
            lease = None
        found = Record.of(lease) if lease is not None else None
        if found is not None and found != self._seen:
            self._seen, self._seen_at = found, self._elapsed()
        wanted = bid(found, self._election, unchanged=self._elapsed() - self._seen_at, now=self._clock.now())
        if wanted is None:
            return False
        try:
            await self._write(lease, wanted)
        except (errors.Conflict, errors.AlreadyExists):
            return False
        self._seen, self._seen_at = wanted, self._elapsed()
        return True

    async def _write(self, lease: Mapping[str, Any] | None, record: Record) -> None:
        """Write the record, if the Lease is still as it was read."""
        api_version, kind = _API
        where = {"namespace": self._election.namespace, "name": self._election.name}
        if lease is None:
            body = {"apiVersion": api_version, "kind": kind, "metadata": where, "spec": record.as_spec()}
            await self._client.create_object(body)
            return
        patch = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}, "spec": record.as_spec()}
        await self._client.patch_object(api_version, kind, where["namespace"], where["name"], patch)
