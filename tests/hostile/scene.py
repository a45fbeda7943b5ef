"""A scene: an image that was scanned and chosen from in good times, and a registry that then turns hostile.

The real reconcilers run over the real client; only the cluster is in memory. `survives` is what every row comes down
to: the scan fails with the right condition, in bounded time, nothing in it is unprintable or secret, the tags stay, and
the policy keeps its choice.
"""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageRef, ImageRepository
from gotk.oci import name
from gotk.oci.client import RegistryClient
from gotk.runtime.blocking import Limiter
from image_automation.app.digests import RegistryDigests
from policies.image_policy import ImagePolicyReconciler
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import Authority, Handler, serving
from tests.hostile.registry import HostileRegistry, honest
from tests.reflector.cluster import Cache, Cluster, pull_secret, ref, repository, secret
from tests.running import NOON, Ended, run_once

PASSWORD = "hunter2-do-not-tell"
GOOD = ("1.0.0", "1.1.0", "1.2.0", "latest")
_BOUND = 60.0


class Time:
    """A clock that sleeping moves, and nothing else."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


class LoopTime(Time):
    """The event loop's time, for tests in virtual time; `passed` puts it forward without every timer going off."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.passed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Scene:
    """The image `app` of a registry, its ImageRepository and its ImagePolicy. Every scan is ten minutes later."""

    registry: HostileRegistry
    address: str
    client: RegistryClient
    store: TagStore
    limiter: Limiter
    time: Time
    logs: list[Any]
    image: ImageRepository
    policy: ImagePolicy
    authority: Authority | None = None
    moment: datetime = NOON
    secrets: list[str] = field(default_factory=lambda: [PASSWORD])

    async def scan(self) -> Ended[ImageRepository]:
        """Let the ImageRepository's reconciler run once, at the next interval."""
        reconciler = ImageRepositoryReconciler(
            cache=Cache(self.image), objects=self.cluster, registry=self.client, store=self.store
        )
        self.moment += timedelta(minutes=10)
        async with asyncio.timeout(_BOUND):
            ended = await run_once(reconciler, self.image, now=self.moment)
        self.image = ended.obj
        self._check_words(ended)
        return ended

    async def choose(self) -> Ended[ImagePolicy]:
        """Let the ImagePolicy's reconciler run once, as after a restart: with nothing remembered."""
        reconciler = ImagePolicyReconciler(
            objects=Cache(self.image),
            client=Cluster(self.image),
            tags=self.store,
            digests=RegistryDigests(objects=self.cluster, registry=self.client),
            image_names=name.parse,
            limiter=self.limiter,
            no_cross_namespace_refs=False,
            object_level_workload_identity=False,
            requeue_dependency=30.0,
        )
        async with asyncio.timeout(_BOUND):
            ended = await run_once(reconciler, self.policy, now=self.moment)
        self.policy = ended.obj
        self._check_words(ended)
        return ended

    async def good_times(self, *tags: str) -> None:
        """Scan and choose while the registry is honest."""
        self.registry.trick = honest(*tags or GOOD)
        assert (await self.scan()).ready[:2] == ("True", "Succeeded")
        assert (await self.choose()).ready[:2] == ("True", "Succeeded")

    def move(self, host: str) -> None:
        """Let the same registry be known by another name."""
        self.address = host
        spec = msgspec.structs.replace(self.image.spec, image=f"{host}/app")
        self.image = msgspec.structs.replace(self.image, spec=spec)

    def change_policy(self, **spec: Any) -> None:
        """Edit the policy, as its owner may."""
        metadata, status = self.policy.metadata, self.policy.status
        edited = _policy({"policy": msgspec.to_builtins(self.policy.spec.policy), **spec})
        metadata = msgspec.structs.replace(metadata, generation=metadata.generation + 1)
        self.policy = msgspec.structs.replace(edited, metadata=metadata, status=status)

    async def survives(self, trick: Handler, message: str) -> Ended[ImageRepository]:
        """Scan a registry that turned hostile: the failure is told, tags and choice are what they were."""
        tags, chosen = self.tags, self.chosen
        self.registry.trick = trick
        ended = await self.scan()
        assert ended.ready[:2] == ("False", "ReadOperationFailed"), message
        assert message in ended.ready[2], ended.ready[2]
        assert ended.ready[2].startswith("scan failed: ")
        assert self.tags == tags
        await self.choose()
        assert self.chosen == chosen
        return ended

    @property
    def cluster(self) -> Cluster:
        """The objects that the reconcilers may read: a pull secret for the registry, and its authority."""
        ca = self.authority.pair.certificate if self.authority else b""
        return Cluster(pull_secret("pull", self.address, "user", PASSWORD), secret("ca", ca_crt=ca))

    @property
    def tags(self) -> list[str]:
        """The tags that policies see."""
        return list(self.store.tags(f"{self.address}/app"))

    @property
    def chosen(self) -> ImageRef:
        """The policy's choice."""
        assert self.policy.status.latest_ref is not None
        return self.policy.status.latest_ref

    def _check_words(self, ended: Ended[Any]) -> None:
        said = [message for _, _, message in ended.conditions.values()]
        said += [event.message for event in ended.run.events] + [repr(entry) for entry in self.logs]
        for text in said:
            assert text.isprintable(), ascii(text)
            assert len(text) < 10_000
            assert not [secret for secret in self.secrets if secret in text]


@contextlib.asynccontextmanager
async def scene(
    *,
    tags: tuple[str, ...] = GOOD,
    time: Time | None = None,
    credentials: bool = False,
    policy: dict[str, Any] | None = None,
    certified: Path | None = None,
    **spec: Any,
) -> AsyncIterator[Scene]:
    """Set the scene and let good times pass. `spec` is the ImageRepository's, `policy` the ImagePolicy's.

    With a folder for certificates the registry speaks TLS.
    """
    registry, clock = HostileRegistry(honest(*tags)), time or Time()
    authority = Authority.make() if certified else None
    async with contextlib.AsyncExitStack() as stack:
        tls = authority.server_context(certified) if authority and certified else None
        address = await stack.enter_async_context(serving(registry, tls=tls))
        if credentials:
            spec["secret_ref"] = ref("pull")
        if authority:
            spec["cert_secret_ref"] = ref("ca")
        made = Scene(
            registry=registry,
            address=address,
            client=await stack.enter_async_context(RegistryClient(monotonic=clock.monotonic, sleep=clock.sleep)),
            store=stack.enter_context(TagStore(None)),
            limiter=stack.enter_context(Limiter(width=1)),
            time=clock,
            logs=stack.enter_context(structlog.testing.capture_logs()),
            image=repository(f"{address}/app", **spec),
            policy=_policy(policy or {"policy": {"semver": {"range": "1.x"}}}),
            authority=authority,
        )
        await made.good_times(*tags)
        yield made


def _policy(spec: dict[str, Any]) -> ImagePolicy:
    obj = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"namespace": "team", "name": "app", "generation": 1},
        "spec": {"imageRepositoryRef": {"name": "app"}, **spec},
    }
    return scheme.convert(obj, ImagePolicy)


@contextlib.contextmanager
def memory_within(limit: int) -> Iterator[None]:
    """Fail where more than so many bytes are in use at one time, beyond what was before."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= limit, f"{peak / (1 << 20):.1f} MiB in use, more than {limit / (1 << 20):.1f} MiB"
