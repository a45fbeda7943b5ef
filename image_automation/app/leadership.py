"""One replica acts, the others stand by: the service behind a lease, and the label by which Services find the leader.

Standing by costs a request every few seconds; everything else begins with the lease. Whoever loses it ends, as Flux's
controllers do, and is started again by the kubelet: what a half-finished run knows is older than what the next leader
decides. Webhooks, artifacts and posted events belong to the leader, so the Services of the kit select its label.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from gotk.api import extensions
from gotk.kube import errors
from gotk.kube.client import Client
from gotk.runtime.leader_election import Elector, LeadershipLost

T = TypeVar("T")

LABEL = extensions.PREFIX + "leader"
_LEASE = "image-automation-leader-election"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The pod that this process runs in, as the downward API names it."""

    namespace: str
    name: str


def lease_name(selector: str) -> str:
    """Return the lease's name: each shard elects a leader of its own."""
    digest = hashlib.sha256(selector.encode()).hexdigest()[:8]
    return f"{_LEASE}-{digest}" if selector else _LEASE


async def lead(elector: Elector, work: Callable[[], Awaitable[None]], stop: asyncio.Event, mark: "Mark") -> None:
    """Wait for the lease, work while it is held and give it back. Raises LeadershipLost.

    Work that the loss of the lease cancels gets no grace: another replica may act already.
    """
    if await unless(stop, elector.acquire()) is None:
        return
    try:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(elector.renew(), name="leader election")
            group.create_task(mark.set(), name="leader's label")
            await work()
            renewing.cancel()
    except ExceptionGroup as failures:
        lost, others = failures.split(LeadershipLost)
        raise (others or lost or failures).exceptions[0] from None
    finally:
        await elector.release()


async def unless(stop: asyncio.Event, waiting: Awaitable[T]) -> asyncio.Task[T] | None:
    """Wait for something and return it as a task that has ended, or None where `stop` is set first."""
    async with asyncio.TaskGroup() as group:
        wanted = group.create_task(_of(waiting), name="awaited")
        stopping = group.create_task(stop.wait(), name="stop")
        await asyncio.wait((wanted, stopping), return_when=asyncio.FIRST_COMPLETED)
        came = wanted.done()
        wanted.cancel()
        stopping.cancel()
    return wanted if came else None


async def _of(waiting: Awaitable[T]) -> T:
    return await waiting


class Mark:
    """The leader's label on our own pod. Outside of a pod there is nothing to mark."""

    def __init__(self, client: Client, pod: Pod | None) -> None:
        self._client = client
        self._pod = pod

    async def set(self) -> None:
        """Label our pod, and no other replica of the same workload."""
        if self._pod is None:
            return
        with _forgiven("label this pod as the leader"):
            own = await self._client.get_object("v1", "Pod", self._pod.namespace, self._pod.name)
            for pod in await self._client.list_objects("v1", "Pod", self._pod.namespace, labels=f"{LABEL}=true"):
                if pod["metadata"]["name"] != self._pod.name and _workload(pod) == _workload(own):
                    with contextlib.suppress(errors.NotFound):
                        await self._label(pod["metadata"]["name"], None)
            await self._label(self._pod.name, "true")

    async def _label(self, name: str, value: str | None) -> None:
        assert self._pod is not None
        patch = {"metadata": {"labels": {LABEL: value}}}
        await self._client.patch_object("v1", "Pod", self._pod.namespace, name, patch)


def _workload(pod: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that replicas of one workload share, whichever version of its template they are of."""
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return {name: value for name, value in labels.items() if name not in {LABEL, "pod-template-hash"}}


@contextlib.contextmanager
def _forgiven(what: str) -> Iterator[None]:
    """Go on without what the API refuses: the log says what does not work then."""
    try:
        yield
    except errors.APIError as error:
        structlog.get_logger().warning(f"cannot {what}; Services that select it find nobody", error=error.message)
