"""The client of one cluster: typed objects of our own kinds, plain dicts of any other, patches instead of puts.

Answers to `sigs.k8s.io/controller-runtime/pkg/client`. Requests are raw and bodies are decoded with msgspec: the
generated Python clients do a fifth of the requests per second and hold every kind's model in memory.
"""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import msgspec

from gotk.api import scheme
from gotk.api.meta import Object
from gotk.kube import discovery, errors
from gotk.kube.config import Config
from gotk.kube.credentials import constant
from gotk.kube.transport import Answer, Stream, Transport

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module
T = TypeVar("T")
PatchType = Literal["merge", "json", "strategic"]

_PATCHES: dict[str, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY = "application/apply-patch+yaml"
_PAGE = "500"
_MOST_PAGES = 1000
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _RawList(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Version(msgspec.Struct, rename="camel"):
    name: str
    resource_version: str = ""


class _Versioned(msgspec.Struct):
    metadata: _Version


class _Versions(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Versioned] | None = None


class _WatchEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Client:
    """Reads and patches objects; an async context manager. Every method raises the errors of `gotk.kube.errors`."""

    def __init__(
        self,
        config: Config,
        *,
        timeout: float = 30.0,
        grace: float = 5.0,
        write_time: Callable[[], float] | None = None,
    ) -> None:
        """Open no connection yet.

        `timeout` is for one answer, `grace` for how long a watch may outlast its time before its connection counts as
        dead; `write_time` tells for how many seconds this process may write still.
        """
        self._transport = Transport(config, timeout=timeout, grace=grace, write_time=write_time)
        # Who impersonates shares the mapper: it must not keep this client, which is let go once it is closed.
        self._mapper = discovery.RESTMapper(functools.partial(_discover, self._transport))

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    @property
    def config(self) -> Config:
        """How the cluster is reached."""
        return self._transport.config

    def acting_as(self, user: str, groups: Sequence[str] = ()) -> "Client":
        """Return a client that impersonates a user, for as long as this one is open.

        Which kinds there are is asked as ourselves, once for all: that does not depend on who asks.
        """
        return _Acting(self._transport.acting_as(user, groups), self._mapper)

    @asynccontextmanager
    async def unproven(self) -> AsyncIterator["Unproven"]:
        """Give connections to the same server that prove nothing, for people who prove who they are."""
        async with await self._transport.unproven() as transport:
            yield Unproven(transport, self._mapper)

    async def version(self) -> str:
        """Return the server's version, such as `v1.37.1`."""
        document = msgspec.json.decode(await self._transport.request("GET", "/version"))
        return str(document.get("gitVersion", ""))

    @asynccontextmanager
    async def raw(self, path: str, query: Mapping[str, str], *, accept: str) -> AsyncIterator[Answer]:
        """Ask for what an encoded path holds, as this client, and give the answer as it comes, whatever it is."""
        async with self._transport.raw(path, query, accept=accept) as answer:
            yield answer

    # Typed objects of the kinds in the scheme.

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return one object."""
        body = await self._transport.request("GET", _mapping(kind).path(namespace, name))
        return scheme.decode(body, kind)

    async def list_raw(
        self, kind: type[O], namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[bytes], str]:
        """Return objects as JSON, read page by page, and the resource version to watch from."""
        return await self._listed(
            _mapping(kind).path(namespace or ""), {"labelSelector": labels, "fieldSelector": fields}
        )

    async def newest(self, kind: type[Object], namespace: str | None = None) -> str:
        """Return the resource version of now: what a list of one object says of itself."""
        query = {"limit": "1"}
        body = await self._transport.request("GET", _mapping(kind).path(namespace or ""), query=query)
        return msgspec.json.decode(body, type=_RawList).metadata.resource_version

    async def watch(
        self,
        kind: type[O],
        *,
        resource_version: str,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (type, object as JSON) from a resource version on, bookmarks included, until the stream ends.

        `timeout_seconds` is for how long the server lets it last, and so how soon a dead connection is noticed.
        Raises Expired when the version is too old: list again.
        """
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        path = _mapping(kind).path(namespace or "")
        async with aclosing(self._watch(path, resource_version, timeout_seconds, selectors)) as events:
            async for event in events:
                yield event

    async def merge_patch(
        self,
        kind: type[O],
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> O:
        """Merge fields into an object (or its status) and return what it became."""
        body = await self._transport.request(
            "PATCH",
            _mapping(kind).path(namespace, name, subresource),
            query={"fieldManager": field_manager},
            body=patch,
            content_type=_PATCHES["merge"],
        )
        return scheme.decode(body, kind)

    async def create_subresource(
        self, kind: type[Object], namespace: str, name: str, subresource: str, obj: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Create a subresource, such as a service account's `token`, and return it."""
        path = _mapping(kind).path(namespace, name, subresource)
        return _decode(await self._transport.request("POST", path, body=obj))

    # Plain objects of any kind.

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return one object of any kind."""
        mapping = await self._mapper.mapping(api_version, kind)
        return _decode(await self._transport.request("GET", mapping.path(namespace, name)))

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Return the objects of any kind in a namespace, or in all."""
        mapping = await self._mapper.mapping(api_version, kind)
        query = {"labelSelector": labels, "fieldSelector": fields}
        items = _decode(await self._transport.request("GET", mapping.path(namespace), query=query)).get("items") or ()
        return [{"apiVersion": api_version, "kind": kind} | item for item in items]

    async def versions(self, api_version: str, kind: str, namespace: str) -> dict[str, str]:
        """Return the resource version of each object of a kind in a namespace, by name; nothing else is transferred.

        The server may be a stranger's: a list that does not end is none.
        """
        path = (await self._mapper.mapping(api_version, kind)).path(namespace)
        query, found = {"limit": _PAGE}, dict[str, str]()
        for _ in range(_MOST_PAGES):
            body = await self._transport.request("GET", path, query=query, accept=_METADATA)
            page = _typed(body, _Versions)
            found |= {each.metadata.name: each.metadata.resource_version for each in page.items or ()}
            if not page.metadata.continue_:
                return found
            query["continue"] = page.metadata.continue_
        raise errors.Unreachable(0, "Unreachable", f"a list of {path} has more than {_MOST_PAGES} pages")

    async def create_object(self, obj: Mapping[str, Any], *, field_manager: str = "") -> dict[str, Any]:
        """Create an object."""
        mapping, namespace, _ = await self._locate(obj)
        query = {"fieldManager": field_manager}
        return _decode(await self._transport.request("POST", mapping.path(namespace), query=query, body=obj))

    async def apply_object(
        self,
        obj: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        strict: bool = False,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Apply an object, or its status, on the server's side; with `dry_run` nothing is stored.

        With `strict` a field that the kind does not have is refused, and not left out.
        """
        mapping, namespace, name = await self._locate(obj)
        query = {
            "fieldManager": field_manager,
            "force": "true" if force else "",
            "dryRun": "All" if dry_run else "",
            "fieldValidation": "Strict" if strict else "",
        }
        path = mapping.path(namespace, name, subresource)
        try:
            body = await self._transport.request("PATCH", path, query=query, body=obj, content_type=_APPLY)
        except errors.NotFound as error:
            if not error.details.get("name"):  # else it is an object that is missing, such as a namespace
                await self._mapper.look_again(str(obj["apiVersion"]), str(obj["kind"]))
            raise
        return _decode(body)

    async def patch_object(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        *,
        type: PatchType = "merge",  # noqa: A002 - kubectl's own name for it
        subresource: str = "",
        field_manager: str = "",
    ) -> dict[str, Any]:
        """Patch an object of any kind."""
        mapping = await self._mapper.mapping(api_version, kind)
        body = await self._transport.request(
            "PATCH",
            mapping.path(namespace, name, subresource),
            query={"fieldManager": field_manager},
            body=patch,
            content_type=_PATCHES[type],
        )
        return _decode(body)

    async def delete_object(
        self, api_version: str, kind: str, namespace: str, name: str, *, propagation: str = "Background", uid: str = ""
    ) -> None:
        """Delete an object; with `uid` only if it is still the same one."""
        mapping = await self._mapper.mapping(api_version, kind)
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        await self._transport.request("DELETE", mapping.path(namespace, name), body=options)

    async def watch_objects(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        resource_version: str = "0",
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield (type, object) for objects of any kind; from version `0`, or none, what exists comes first."""
        path = (await self._mapper.mapping(api_version, kind)).path(namespace)
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        watch = self._watch if resource_version not in {"", "0"} else self._watch_from_start
        async with aclosing(watch(path, resource_version, timeout_seconds, selectors)) as events:
            async for type_, item in events:
                yield type_, {"apiVersion": api_version, "kind": kind} | _decode(item)

    async def pod_log(
        self, namespace: str, pod: str, *, options: Mapping[str, str], lasts: float
    ) -> AsyncIterator[bytes]:
        """Yield the lines of a container's log; `lasts` is for how many seconds at most.

        `options` are the API's: `container`, `follow`, `sinceSeconds`, `sinceTime`, `tailLines`.
        """
        path = discovery.Mapping("v1", "pods", namespaced=True).path(namespace, pod, "log")
        async with self._transport.stream(path, options, lasts=lasts) as stream, aclosing(_lines(stream)) as lines:
            async for line in lines:
                yield line

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether objects of a kind live in namespaces. Raises NoMatch when it is not served."""
        return (await self._mapper.mapping(api_version, kind)).namespaced

    async def kind_of(self, word: str, api_version: str = "") -> tuple[str, str]:
        """Return version and kind of a word for a kind, such as `deploy` or `ks`. Raises NoMatch."""
        return await self._mapper.named(word, api_version)

    async def namespaced_kinds(self) -> list[tuple[str, str]]:
        """Return the version and kind of everything that lives in namespaces and can be listed and deleted."""
        return await self._mapper.namespaced()

    async def _listed(self, path: str, selectors: Mapping[str, str]) -> tuple[list[bytes], str]:
        """Return what a path holds, read page by page, and the resource version to watch from."""
        query = {"limit": _PAGE, **selectors}
        items: list[bytes] = []
        while True:
            page = msgspec.json.decode(await self._transport.request("GET", path, query=query), type=_RawList)
            items.extend(bytes(item) for item in page.items or ())
            if not page.metadata.continue_:
                return items, page.metadata.resource_version
            query["continue"] = page.metadata.continue_

    async def _watch(
        self, path: str, resource_version: str, timeout_seconds: int, selectors: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, bytes]]:
        async with aclosing(self._events(path, resource_version, timeout_seconds, selectors)) as events:
            async for type_, item in events:
                if type_ == "ERROR":
                    raise _failure(item)
                yield type_, item

    async def _watch_from_start(
        self, path: str, resource_version: str, timeout_seconds: int, selectors: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """Watch from no version; list first where the server's storage cannot stream what exists, as etcd 3.4's."""
        begun = False
        async with aclosing(self._events(path, resource_version, timeout_seconds, selectors)) as events:
            async for type_, item in events:
                if type_ != "ERROR":
                    begun = True
                    yield type_, item
                elif begun or isinstance(_failure(item), errors.Expired):
                    raise _failure(item)
                else:
                    break
            else:
                return
        items, listed = await self._listed(path, selectors)
        for item in items:
            yield "ADDED", item
        async with aclosing(self._watch(path, listed, timeout_seconds, selectors)) as events:
            async for event in events:
                yield event

    async def _events(
        self, path: str, resource_version: str, timeout_seconds: int, selectors: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, bytes]]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        decoder = msgspec.json.Decoder(_WatchEvent)
        async with self._transport.stream(path, {**query, **selectors}, lasts=timeout_seconds) as stream:
            async for line in _lines(stream):
                event = decoder.decode(line)
                yield event.type, bytes(event.object)

    async def _locate(self, obj: Mapping[str, Any]) -> tuple[discovery.Mapping, str, str]:
        metadata = obj.get("metadata") or {}
        mapping = await self._mapper.mapping(str(obj["apiVersion"]), str(obj["kind"]))
        return mapping, str(metadata.get("namespace") or ""), str(metadata.get("name") or "")

    # Last, because its name hides the builtin within the class.

    async def list(self, kind: type[O], namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[O]:
        """Return the objects of a namespace, or of all, that match the selectors."""
        items, _ = await self.list_raw(kind, namespace, labels=labels, fields=fields)
        return [scheme.decode(item, kind) for item in items]


class Labelled:
    """What a cluster has of objects with some labels, for whoever watches them."""

    def __init__(self, client: Client, labels: str) -> None:
        self._client = client
        self._labels = labels

    async def list_raw(self, kind: type[O], namespace: str | None = None) -> tuple[Sequence[bytes], str]:
        """Return the objects as JSON, and the resource version to watch from."""
        return await self._client.list_raw(kind, namespace, labels=self._labels)

    async def newest(self, kind: type[O], namespace: str | None = None) -> str:
        """Return the resource version of now."""
        return await self._client.newest(kind, namespace)

    def watch(
        self, kind: type[O], *, resource_version: str, namespace: str | None = None, timeout_seconds: int
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (type, object as JSON); an object that loses the labels is DELETED."""
        return self._client.watch(
            kind,
            resource_version=resource_version,
            namespace=namespace,
            labels=self._labels,
            timeout_seconds=timeout_seconds,
        )


class _Acting(Client):
    """A client over the connections of another one."""

    def __init__(self, transport: Transport, mapper: discovery.RESTMapper) -> None:
        self._transport = transport
        self._mapper = mapper


class Unproven:
    """Connections that prove nothing by themselves: no certificate of ours counts before somebody's token."""

    def __init__(self, transport: Transport, mapper: discovery.RESTMapper) -> None:
        self._transport = transport
        self._mapper = mapper

    def with_token(self, token: str) -> Client:
        """Return a client for whoever holds a token."""
        return _Acting(self._transport.proving(constant(f"Bearer {token}")), self._mapper)


def _mapping(kind: type[Object]) -> discovery.Mapping:
    resource = scheme.resource_of(kind)
    return discovery.Mapping(resource.api_version, resource.plural, resource.namespaced)


async def _discover(transport: Transport, path: str) -> Any:
    return _decode(await transport.request("GET", path))


def _decode(body: bytes) -> dict[str, Any]:
    return _typed(body, dict[str, Any])


def _typed(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError:
        raise errors.Unreachable(0, "Unreachable", "the answer is not one of a Kubernetes API") from None


def _failure(status: bytes) -> errors.APIError:
    """Make the error of the Status that ends a watch."""
    found = msgspec.json.decode(status)
    return errors.from_status(int(found.get("code") or 500), found)


async def _lines(stream: Stream) -> AsyncGenerator[bytes]:
    """Split a stream into lines of any length."""
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
