"""Following objects: each one that is new or has changed, until somebody interrupts."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, MutableMapping
from typing import Any, Protocol

from gotk.kube import errors
from image_automation.cli import kinds

#: What was shown: uid of an object -> its resource version.
Shown = MutableMapping[str, str]


def remember(shown: Shown, obj: kinds.Json) -> bool:
    """Note that an object is shown; False where it has been, as it is."""
    uid, version = str(kinds.dig(obj, "metadata", "uid")), str(kinds.dig(obj, "metadata", "resourceVersion"))
    if shown.get(uid) == version:
        return False
    shown[uid] = version
    return True


class Watched(Protocol):
    """What is followed. `gotk.kube.client.Client` fits."""

    def watch_objects(
        self, api_version: str, kind: str, namespace: str = "", *, resource_version: str, labels: str, fields: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield (type, object) from a resource version on; from none what exists comes first. Raises Expired."""
        ...


async def changes(
    client: Watched,
    api_version: str,
    kind: str,
    namespace: str,
    *,
    shown: Shown,
    labels: str = "",
    fields: str = "",
) -> AsyncIterator[kinds.Json]:
    """Yield objects as they come and change, those in `shown` only when they are others than they were shown as."""
    version = ""
    while True:
        try:
            async for type_, obj in client.watch_objects(
                api_version, kind, namespace, resource_version=version, labels=labels, fields=fields
            ):
                version = obj["metadata"]["resourceVersion"]
                if type_ == "DELETED":
                    shown.pop(str(obj["metadata"].get("uid")), None)
                elif type_ != "BOOKMARK" and remember(shown, obj):
                    yield obj
        except errors.Expired:
            version = ""


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Follow several things at once; the first that fails ends them all, with its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
