"""A cluster in a dict, for tests in virtual time: lists, watches, merge patches, conflicts, finalizers, deletion.

It does what `gotk.kube.client.Client` offers and no more, and can be made to fail: streams broken, versions expired,
requests refused. What a real API server does besides is tested against one.
"""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from gotk.api import scheme
from gotk.kube import errors

Identity = tuple[str, str, str]


class MemoryCluster:
    def __init__(self) -> None:
        self.objects: dict[Identity, dict[str, Any]] = {}
        self.version = 100
        self.lists = 0
        self.patches: list[tuple[Identity, str, dict[str, Any]]] = []
        self.refusals: list[Exception] = []
        self.list_failures: list[Exception] = []
        self._history: list[tuple[int, str, str, str, bytes]] = []
        self._forgotten = 0
        self._changed = asyncio.Event()
        self._epoch = 0

    # What a test does to the cluster.

    def put(self, obj: Mapping[str, Any], *, kind: str = "") -> dict[str, Any]:
        """Create an object, or change one; a changed spec is a new generation."""
        new = copy.deepcopy(dict(obj))
        metadata = new["metadata"]
        identity = (kind or new["kind"], metadata.get("namespace", ""), metadata["name"])
        old = self.objects.get(identity)
        metadata.setdefault("uid", (old or {}).get("metadata", {}).get("uid", f"uid-{self.version}"))
        if old is None:
            metadata.setdefault("generation", 1)
            new.setdefault("status", {"observedGeneration": -1})
        else:
            changed = old.get("spec") != new.get("spec")
            metadata["generation"] = old["metadata"]["generation"] + changed
        return self._store(identity, new, "MODIFIED" if old else "ADDED")

    def change(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge into an object as its owner would."""
        return self.put(merged(self.objects[kind, namespace, name], patch), kind=kind)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object, or mark it where a finalizer holds it."""
        obj = copy.deepcopy(self.objects[kind, namespace, name])
        if obj["metadata"].get("finalizers"):
            obj["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
            obj["metadata"]["generation"] += 1
            self._store((kind, namespace, name), obj, "MODIFIED")
        else:
            self._drop((kind, namespace, name), obj)

    def break_streams(self) -> None:
        """End every watch with an error."""
        self._epoch += 1
        self._wake()

    def forget_history(self) -> None:
        """Expire every version up to now."""
        self._forgotten = self.version

    def conditions(self, kind: str, namespace: str, name: str) -> dict[str, dict[str, Any]]:
        listed = self.objects[kind, namespace, name].get("status", {}).get("conditions", [])
        return {condition["type"]: condition for condition in listed}

    # What a client does.

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        obj = self.objects.get((scheme.resource_of(kind).kind, namespace, name))
        if obj is None:
            raise errors.NotFound(404, "NotFound", f'{kind.__name__} "{name}" not found')
        return scheme.convert(obj, kind)

    async def list_raw(self, kind: type[Any], namespace: str | None = None) -> tuple[list[bytes], str]:
        self.lists += 1
        await asyncio.sleep(0)
        if self.list_failures:
            raise self.list_failures.pop(0)
        wanted = scheme.resource_of(kind).kind
        items = [
            msgspec.json.encode(obj)
            for (of, within, _), obj in self.objects.items()
            if of == wanted and namespace in {None, within}
        ]
        return items, str(self.version)

    async def newest(self, kind: type[Any], namespace: str | None = None) -> str:
        await asyncio.sleep(0)
        if self.list_failures:
            raise self.list_failures.pop(0)
        return str(self.version)

    async def watch(
        self, kind: type[Any], *, resource_version: str, namespace: str | None = None, timeout_seconds: int = 300
    ) -> AsyncIterator[tuple[str, bytes]]:
        end = asyncio.get_running_loop().time() + timeout_seconds
        wanted, seen, epoch = scheme.resource_of(kind).kind, int(resource_version), self._epoch
        if seen < self._forgotten:
            raise errors.Expired(410, "Expired", f"too old resource version: {seen}")
        while True:
            for version, of, within, type_, raw in self._history:
                if version > seen and of == wanted and namespace in {None, within}:
                    seen = version
                    yield type_, raw
            if asyncio.get_running_loop().time() >= end:
                yield "BOOKMARK", b'{"metadata":{"resourceVersion":"%d"}}' % self.version
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            if epoch != self._epoch:
                raise errors.Unreachable(0, "Unreachable", "connection reset")

    async def merge_patch(
        self,
        kind: type[Any],
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> Any:
        obj = await self._patch((scheme.resource_of(kind).kind, namespace, name), patch, subresource)
        return scheme.convert(obj, kind)

    async def patch_object(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> dict[str, Any]:
        return await self._patch((kind, namespace, name), patch, subresource)

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        return self.put(obj)

    async def _patch(self, identity: Identity, patch: Mapping[str, Any], subresource: str) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        old = self.objects.get(identity)
        if old is None:
            raise errors.NotFound(404, "NotFound", f'{identity[0]} "{identity[2]}" not found')
        expected = patch.get("metadata", {}).get("resourceVersion")
        if expected is not None and expected != old["metadata"]["resourceVersion"]:
            raise errors.Conflict(409, "Conflict", "the object has been modified")
        self.patches.append((identity, subresource, copy.deepcopy(dict(patch))))
        new = merged(old, {"status": patch["status"]} if subresource == "status" else patch)
        if new == old:
            return old
        if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
            return self._drop(identity, new)
        return self._store(identity, new, "MODIFIED")

    def _store(self, identity: Identity, obj: dict[str, Any], type_: str) -> dict[str, Any]:
        self.objects[identity] = obj
        return self._publish(identity, obj, type_)

    def _drop(self, identity: Identity, obj: dict[str, Any]) -> dict[str, Any]:
        del self.objects[identity]
        return self._publish(identity, obj, "DELETED")

    def _publish(self, identity: Identity, obj: dict[str, Any], type_: str) -> dict[str, Any]:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._history.append((self.version, identity[0], identity[1], type_, msgspec.json.encode(obj)))
        self._wake()
        return obj

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(copy.deepcopy(old)) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def image_repository(name: str = "app", namespace: str = "default", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"image": "example.com/app", "interval": "10m0s", **spec},
    }


def image_policy(name: str = "app", namespace: str = "default", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"imageRepositoryRef": {"name": "app"}, "policy": {"alphabetical": {}}, **spec},
    }
