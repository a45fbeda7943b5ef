"""Scan and choose, once: the reconcilers of ImageRepositories and ImagePolicies over the world, registries in parallel.

What a suspended object would have chosen is not known without the cluster; that is its cause then.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from gotk.api.image import ImagePolicy, ImageRepository
from gotk.api.meta import Condition, Object
from gotk.cloud.caller import Caller
from gotk.cloud.registries.login import Logins
from gotk.http import route
from gotk.oci import name
from gotk.oci.client import RegistryClient
from gotk.runtime import conditions
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.metrics import Metrics
from image_automation.app import clouds
from image_automation.app.digests import RegistryDigests
from image_automation.app.settings import Settings
from image_automation.oneshot import turn
from image_automation.oneshot.world import Asking, Reading, World
from policies import wakes
from policies.image_policy import ImagePolicyReconciler
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore

_SUSPENDED: Final = ("Suspended", "it is suspended")
#: Nobody waits here: the delay only words the message of a policy without tags, as the service words it.
_AGAIN: Final = 30.0


class Chooser:
    """Chooses for the policies of a world."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        *,
        registry: RegistryClient,
        logins: Logins,
        tags: TagStore,
        work: Limiter,
        clock: Clock,
    ) -> None:
        asking, reading = Asking(world), Reading(world)
        self._world = world
        self._tags = tags
        self._clock = clock
        self._scans = ImageRepositoryReconciler(
            cache=reading, objects=asking, registry=registry, store=tags, logins=logins
        )
        self._choices = ImagePolicyReconciler(
            objects=reading,
            client=asking,
            tags=tags,
            digests=RegistryDigests(objects=asking, registry=registry, logins=logins),
            image_names=name.parse,
            limiter=work,
            no_cross_namespace_refs=settings.no_cross_namespace_refs,
            object_level_workload_identity=settings.workload_identity,
            requeue_dependency=_AGAIN,
        )

    async def choose(self) -> None:
        """Scan what policies refer to and let them choose; status and conditions of the objects tell how it went."""
        policies = self._world.list(ImagePolicy)
        wanted = {wakes.repository_of(policy) for policy in policies if not policy.spec.suspend}
        await self.scan([found for key in sorted(wanted) if (found := self._world.find(ImageRepository, *key))])
        async with asyncio.TaskGroup() as group:
            for policy in policies:
                group.create_task(self._choose(policy))

    async def scan(self, repositories: Iterable[ImageRepository]) -> None:
        """Scan repositories; their status and conditions tell how it went."""
        async with asyncio.TaskGroup() as group:
            for repository in repositories:
                group.create_task(self._scan(repository))

    def tags(self, repository: ImageRepository) -> Sequence[str]:
        """Return the tags that the scan of a repository found."""
        return self._tags.tags(repository.status.canonical_image_name)

    def first_seen(self) -> dict[tuple[str, str], datetime]:
        """Return since when chosen tags, by policy (`namespace/name`), are known; not those of an image's first scan.

        Raises OSError.
        """
        found = {}
        for policy in self._world.list(ImagePolicy):
            repository = self._world.find(ImageRepository, *wakes.repository_of(policy))
            chosen = policy.status.latest_ref
            known = self._tags.first_seen(repository.status.canonical_image_name) if repository else None
            if chosen is None or known is None or chosen.tag not in known.names:
                continue
            seen = known.first[known.names.index(chosen.tag)]
            if seen != known.began:
                name = f"{policy.metadata.namespace}/{policy.metadata.name}"
                found[name, chosen.tag] = datetime.fromtimestamp(seen, UTC)
        return found

    async def _scan(self, repository: ImageRepository) -> None:
        if repository.spec.suspend:
            self._fail(repository, *_SUSPENDED)
            return
        self._world.put((await turn.take(self._scans, repository, self._clock)).obj)

    async def _choose(self, policy: ImagePolicy) -> None:
        if policy.spec.suspend:
            self._fail(policy, *_SUSPENDED)
            return
        if (cause := self._not_scanned(policy)) is not None:
            self._fail(policy, *cause)
            return
        self._world.put((await turn.take(self._choices, policy, self._clock)).obj)

    def _not_scanned(self, policy: ImagePolicy) -> tuple[str, str] | None:
        """Return why the policy's repository was not scanned: a better cause than that there are no tags."""
        key = wakes.repository_of(policy)
        repository = self._world.find(ImageRepository, *key)
        if repository is None or repository.status.last_scan_result is not None:
            return None
        ready = next((c for c in repository.status.conditions if c.type == conditions.READY), None)
        return (ready.reason, f"ImageRepository {key}: {ready.message}") if ready else None

    def _fail(self, obj: ImageRepository | ImagePolicy, reason: str, message: str) -> None:
        failed = Condition(
            type=conditions.READY,
            status="False",
            reason=reason,
            message=message,
            last_transition_time=rfc3339(self._clock.now()),
        )
        status = msgspec.structs.replace(obj.status, conditions=(failed,))
        put: Object = msgspec.structs.replace(obj, status=status)
        self._world.put(put)


@contextlib.asynccontextmanager
async def chooser(world: World, settings: Settings, *, state: Path | None, clock: Clock) -> AsyncIterator[Chooser]:
    """Open what scans need: connections, threads, and the tags seen before where a folder keeps them.

    Raises OSError for a folder that cannot be used, ValueError for a proxy of the environment that is no URL.
    """
    way = route.from_environment(settings.environment)
    known = clouds.identities(settings, Asking(world), clock, Metrics(process=False))
    async with contextlib.AsyncExitStack() as stack:
        caller = await stack.enter_async_context(Caller(route=way))
        yield Chooser(
            world,
            settings,
            registry=await stack.enter_async_context(RegistryClient(route=way, trusted_realms=settings.trusted_realms)),
            logins=clouds.logins(settings, known, clock, caller),
            tags=stack.enter_context(TagStore(state / "tags.db" if state else None)),
            work=stack.enter_context(Limiter(width=2, name="work")),
            clock=clock,
        )
