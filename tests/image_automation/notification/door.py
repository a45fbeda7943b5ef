"""An open door with a small cluster behind it, for the tests of receivers."""

import contextlib
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gotk.api import scheme
from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.api.notification import Receiver
from gotk.http.transport import Transport
from gotk.kube import errors
from gotk.kube.cache import KindCache
from gotk.runtime.clock import SystemClock
from image_automation.notification import receiver
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.journal import Journal
from image_automation.notification.webhooks import annotator, hooks
from image_automation.notification.webhooks.tokens import Issuers

TOKEN = b"s3cret"


@dataclass
class Cluster:
    """Objects in memory, by kind and name, and how often each was asked to reconcile."""

    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    patched: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    token: bytes = TOKEN
    more: Mapping[str, bytes] = field(default_factory=dict)

    async def get(self, kind: Any, namespace: str, name: str) -> Any:
        assert kind is Secret
        metadata = ObjectMeta(name=name, namespace=namespace)
        return Secret(api_version="v1", kind="Secret", metadata=metadata, data={"token": self.token, **self.more})

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        try:
            return self.objects[kind, namespace, name]
        except KeyError:
            raise errors.NotFound(404, "NotFound", f"{kind} {name} not found") from None

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = ""
    ) -> list[dict[str, Any]]:
        wanted = dict(pair.split("=") for pair in labels.split(","))
        return [
            obj
            for (each, place, _), obj in self.objects.items()
            if (each, place) == (kind, namespace) and wanted.items() <= obj["metadata"].get("labels", {}).items()
        ]

    async def patch_object(
        self, api_version: str, kind: str, namespace: str, name: str, patch: Any, *, field_manager: str = ""
    ) -> dict[str, Any]:
        obj = await self.get_object(api_version, kind, namespace, name)
        annotations = patch["metadata"]["annotations"]
        self.patched.append((name, annotations))
        return obj

    def add(self, kind: str, name: str, namespace: str = "apps", **spec: Any) -> None:
        self.objects[kind, namespace, name] = {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": spec,
        }


@dataclass
class Door:
    """Where to call, and what is behind."""

    url: str
    path: str
    cluster: Cluster
    session: aiohttp.ClientSession
    journal: Journal

    async def call(self, path: str | None = None, *, body: bytes = b"{}", **headers: str) -> int:
        given = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        async with self.session.post(f"{self.url}{path or self.path}", data=io.BytesIO(body), headers=given) as answer:
            assert await answer.read() == b""
            return answer.status


def a_receiver(type_: str = "generic-hmac", *, token: bytes = TOKEN, annotations: Any = None, **spec: Any) -> Receiver:
    named = {} if type_ == "generic-oidc" else {"secretRef": {"name": "hook"}}
    secret = b"" if type_ == "generic-oidc" else token
    return scheme.convert(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1",
            "kind": "Receiver",
            "metadata": {
                "name": "hook", "namespace": "apps", "uid": "u-1", "resourceVersion": "1",
                "annotations": annotations or {},
            },
            "spec": {"type": type_, "resources": [{"kind": "ImageRepository", "name": "web"}]} | named | spec,
            "status": {
                "webhookPath": receiver.path_of(secret, "hook", "apps"),
                "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "",
                                "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            },
        },
        Receiver,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def door(obj: Receiver, *, cross_namespace: bool = True) -> AsyncIterator[Door]:
    clock, cluster = SystemClock(), Cluster()
    journal = Journal(clock, lambda: None)
    cluster.add("ImageRepository", "web", image="registry.example/team/web")
    cache: KindCache[Receiver] = KindCache(Receiver, client=None, clock=clock)
    cache.learn(obj)
    async with aiohttp.ClientSession() as session, Transport() as transport, Evaluator(clock=clock) as cel:
        opened = hooks.Hooks(
            index=hooks.Index(cache),
            objects=cluster,
            issuers=Issuers(transport=transport, clock=clock),
            cel=cel,
            annotator=annotator.Annotator(objects=cluster, cel=cel, clock=clock, cross_namespace=cross_namespace),
            journal=journal,
            clock=clock,
        )
        async with hooks.serve("127.0.0.1:0", opened.app()) as port:
            yield Door(f"http://127.0.0.1:{port}", obj.status.webhook_path, cluster, session, journal)
