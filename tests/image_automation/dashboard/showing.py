"""A dashboard over a cluster in memory, asked as a browser or a program asks."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.notification import Alert, Provider, Receiver
from gotk.kube import errors
from gotk.kube.cache import Caches
from gotk.runtime.clock import rfc3339
from image_automation.dashboard.access import Access
from image_automation.dashboard.door import Door
from image_automation.dashboard.page import Knows
from image_automation.dashboard.people import People
from image_automation.dashboard.server import Dashboard
from image_automation.dashboard.sessions import Sessions
from image_automation.dashboard.telling.heard import Heard
from tests.memory_cluster import MemoryCluster
from tests.running import NOON

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
KINDS = (
    ImageRepository, ImagePolicy, ImageUpdateAutomation, Kustomization, HelmRelease, Receiver, Alert, Provider,
)  # fmt: skip


class Noon:
    """A clock that stands still for pages, and runs for watches."""

    def now(self) -> Any:
        return NOON

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Held:
    """Whoever holds a token: a name, groups, and what they may: (verb, plural, namespace), "*" for any."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)
    rules: frozenset[tuple[str, str, str]] = frozenset()

    def may(self, verb: str, plural: str, namespace: str) -> bool:
        wanted = (verb, plural, namespace)
        return any(all(r in ("*", w) for r, w in zip(rule, wanted, strict=True)) for rule in self.rules)


class TokenCluster:
    """The cluster as the holder of a token reaches it: reviews are answered and writes allowed by their rules."""

    def __init__(self, cluster: MemoryCluster, holder: Held | None) -> None:
        self.cluster = cluster
        self.holder = holder
        self.asked: list[dict[str, Any]] = []

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        if self.holder is None:
            raise errors.Unauthorized(401, "Unauthorized", "Unauthorized")
        if obj["kind"] == "SelfSubjectReview":
            info = {"username": self.holder.name, "groups": list(self.holder.groups)}
            return {**obj, "metadata": {"creationTimestamp": rfc3339(NOON)}, "status": {"userInfo": info}}
        about = obj["spec"]["resourceAttributes"]
        self.asked.append(about)
        allowed = self.holder.may(about["verb"], about["resource"], about.get("namespace", ""))
        return {**obj, "status": {"allowed": allowed}}

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self._check("get", kind, namespace)
        found = self.cluster.objects.get((kind, namespace, name))
        if found is None:
            raise errors.NotFound(404, "NotFound", f'{kind} "{name}" not found')
        return found

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        self._check("list", kind, namespace)
        every = self.cluster.objects.items()
        found = [obj for (of, space, _), obj in every if of == kind and namespace in {"", space}]
        wanted = dict(each.split("=") for each in labels.split(",") if each)
        about = {each.split("=")[0].split(".")[1]: each.split("=")[1] for each in fields.split(",") if each}
        found = [each for each in found if wanted.items() <= each["metadata"].get("labels", {}).items()]
        return [each for each in found if about.items() <= each.get("involvedObject", about).items()]

    async def pod_log(
        self, namespace: str, pod: str, *, options: Mapping[str, str], lasts: float
    ) -> AsyncIterator[bytes]:
        self._check("get", "Log", namespace)
        logs = self.cluster.objects.get(("Log", namespace, pod))
        if logs is None:
            raise errors.NotFound(404, "NotFound", "the server could not find the requested resource")
        for line in logs["lines"][-int(options["tailLines"]) :]:
            yield line.encode()

    def _check(self, verb: str, kind: str, namespace: str) -> None:
        if self.holder is None:
            raise errors.Unauthorized(401, "Unauthorized", "Unauthorized")
        if not self.holder.may(verb, f"{kind.lower()}s", namespace):
            raise errors.Forbidden(403, "Forbidden", f"{self.holder.name} may not {verb} {kind.lower()}s")

    def _grant(self, verb: str, kind: type[Any], namespace: str, name: str = "") -> None:
        if self.holder is None:
            raise errors.Unauthorized(401, "Unauthorized", "Unauthorized")
        plural = scheme.resource_of(kind).plural
        if not self.holder.may(verb, plural, namespace):
            message = f'{plural} "{name}" is forbidden: User "{self.holder.name}" cannot {verb} resource'
            raise errors.Forbidden(403, "Forbidden", message)

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        self._grant("get", kind, namespace, name)
        return await self.cluster.get(kind, namespace, name)

    async def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        self._grant("list", kind, namespace or "")
        found, _ = await self.cluster.list_raw(kind, namespace)
        return [scheme.decode(each, kind) for each in found]

    async def merge_patch(self, kind: type[Any], namespace: str, name: str, patch: Mapping[str, Any]) -> Any:
        self._grant("patch", kind, namespace, name)
        return await self.cluster.merge_patch(kind, namespace, name, patch)


SERVICE = Held("service", rules=frozenset({("*", "*", "*")}))


class Tokens:
    def __init__(self, cluster: MemoryCluster, holders: Mapping[str, Held]) -> None:
        self.cluster = cluster
        self.holders = dict(holders)

    def with_token(self, token: str) -> TokenCluster:
        return TokenCluster(self.cluster, self.holders.get(token))


class Told(list[Any]):
    """The events that were told, as (kind, namespace, name, reason, message, metadata)."""

    def emit(self, about: Any, severity: str, reason: str, message: str, *, controller: str, metadata: Any) -> None:
        self.append((about.kind, about.namespace, about.name, reason, message, metadata))


def door(
    cluster: MemoryCluster,
    holders: Mapping[str, Held] | None = None,
    clock: Any = None,
    oidc: Any = None,
    certificates: Any = None,
) -> Door:
    clock = clock or Noon()
    people = People(Tokens(cluster, holders or {}), clock)
    access = Access(clock, own=TokenCluster(cluster, SERVICE))
    return Door(people=people, sessions=Sessions(clock), access=access, oidc=oidc, certificates=certificates)


@contextlib.asynccontextmanager
async def watching(caches: Caches) -> AsyncIterator[None]:
    """Keep caches up to date, from when they have seen everything."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.run()) for cache in caches]
        for cache in caches:
            await cache.synced.wait()
        yield
        for task in tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def shown(
    cluster: MemoryCluster,
    *,
    holders: Mapping[str, Held] | None = None,
    free: bool = True,
    clock: Any = None,
    told: Any = None,
    kinds: tuple[type[Any], ...] = KINDS,
    explains: Any = None,
    knows: Knows = Knows(),  # noqa: B008 - it is frozen
    heard: Heard | None = None,
    oidc: Any = None,
    certificates: Any = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve the pages over what the cluster holds now. The client keeps no cookies but those that a test sends."""
    caches = Caches(cluster, clock=Noon())
    for kind in kinds:
        caches.of(kind)
    clock = clock or Noon()
    dashboard = Dashboard(
        caches=caches,
        explains=explains,
        knows=knows,
        clock=clock,
        door=door(cluster, holders, clock, oidc, certificates),
        tells=told if told is not None else Told(),
        heard=heard or Heard(),
        free=free,
    )
    server = TestServer(dashboard.app())
    async with watching(caches):
        await server.start_server(**({"ssl": tls} if tls is not None else {}))
        async with TestClient(server, cookie_jar=DummyCookieJar()) as client:
            yield client


def condition(type_: str, status: str, message: str = "", reason: str = "Some") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T11:00:00Z",
        "observedGeneration": 1,
    }


def ready(status: str = "True", message: str = "fine") -> dict[str, Any]:
    return {"conditions": [condition("Ready", status, message)], "observedGeneration": 1}


def with_status(obj: Mapping[str, Any], **status: Any) -> dict[str, Any]:
    return {**obj, "status": {**obj.get("status", {}), **status}}


def automation(
    name: str = "auto", namespace: str = "default", *, report: dict[str, Any] | None = None, **status: Any
) -> dict[str, Any]:
    annotations = {"image-automation.dev/report": json.dumps(report)} if report else {}
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "fleet"}, "interval": "5m"},
        "status": status,
    }
