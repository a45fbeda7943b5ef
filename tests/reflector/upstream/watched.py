"""What a cluster holds, as its watches tell it; whoever waits for a change is woken by it and asks for nothing."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from gotk.kube import errors
from gotk.kube.client import Client

Found: TypeAlias = dict[str, Any]
#: How the name of the namespace beside that of a scene ends.
BESIDE = "-there"


class Watched:
    """The objects of some kinds, by namespace and name."""

    def __init__(self) -> None:
        self._objects: defaultdict[tuple[str, str], dict[str, Found]] = defaultdict(dict)
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def of(self, kind: str, namespace: str) -> list[Found]:
        """Return the objects of a kind in a namespace."""
        return list(self._objects[kind, namespace].values())

    def tell(self, namespace: str) -> None:
        """Wake who waits for a change in a namespace, which the one beside it is a part of."""
        self._news[namespace.removesuffix(BESIDE)].set()

    async def change(self, namespace: str) -> None:
        """Wait for the next change in a namespace."""
        news = self._news[namespace]
        news.clear()
        await news.wait()

    async def follow(self, client: Client, api_version: str, kind: str) -> None:
        """Learn of a kind's objects for good."""
        while True:
            with contextlib.suppress(errors.Expired):
                async for type_, obj in client.watch_objects(api_version, kind):
                    self._learn(type_, kind, obj)

    def _learn(self, type_: str, kind: str, obj: Found) -> None:
        if type_ not in {"ADDED", "MODIFIED", "DELETED"}:
            return
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        if type_ == "DELETED":
            self._objects[kind, namespace].pop(name, None)
        else:
            self._objects[kind, namespace][name] = obj
        self.tell(namespace)


@contextlib.asynccontextmanager
async def watching(client: Client, kinds: Sequence[tuple[str, str]]) -> AsyncIterator[Watched]:
    """Watch kinds, each an API version and a name, as long as the block lasts."""
    found = Watched()
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(found.follow(client, *kind)) for kind in kinds]
        yield found
        for each in following:
            each.cancel()
