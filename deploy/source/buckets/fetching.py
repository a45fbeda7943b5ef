"""A bucket's objects on this machine: listed, and fetched side by side into a folder, within a sum of bytes.

Answers to `fetchEtagIndex` and `fetchIndexFiles` of source-controller: tags are those of what was fetched, and what
vanished between listing and fetching is left out.
"""

import asyncio
import functools
from pathlib import Path

from deploy.source.buckets import listing
from deploy.source.buckets.listing import ListingError
from deploy.source.buckets.store import Missing, Store, StoreError
from deploy.source.ignore import IGNORE_FILE
from gotk.runtime.blocking import Limiter

_SIDE_BY_SIDE = 16
_IGNORE_LIMIT = 1 << 20
#: A Kustomization reads no larger artifact.
LARGEST = 512 << 20


class Fetching:
    """Brings one bucket here; what it is told is wrong is a StoreError or a ListingError."""

    def __init__(self, bucket: Store, blocking: Limiter, folder: Path, *, most: int = LARGEST) -> None:
        """Take the bucket and an empty folder; `most` is how many bytes its objects may have together."""
        self._bucket = bucket
        self._blocking = blocking
        self._folder = folder
        self._left = most
        self._most = most

    async def tags(self, name: str, prefix: str, ignore: str | None) -> dict[str, str]:
        """Return the keys that count, and their tags; the bucket's rules lie in the folder then."""
        try:
            there = await self._bucket.exists()
        except StoreError as error:
            raise StoreError(f"failed to confirm existence of '{name}' bucket: {error}") from error
        if not there:
            raise StoreError(f"bucket '{name}' not found")
        try:
            rules = await self._rules()
        except StoreError as error:
            raise StoreError(f"failed to get Etag for '{IGNORE_FILE}' object: {error}") from error
        try:
            return listing.select(await self._bucket.tags(prefix), rules, ignore)
        except (StoreError, ListingError) as error:
            raise StoreError(f"indexation of objects from bucket '{name}' failed: {error}") from error

    async def files(self, name: str, tags: dict[str, str]) -> dict[str, str]:
        """Fetch the objects, and return their tags as they were fetched."""
        found: dict[str, str] = {}
        places = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(key: str) -> None:
            async with places:
                try:
                    found[key] = await self._one(key)
                except Missing:
                    return

        try:
            async with asyncio.TaskGroup() as group:
                for key in tags:
                    group.create_task(one(key))
        except* (StoreError, OSError) as raised:
            error = raised.exceptions[0]
            cause = error.strerror if isinstance(error, OSError) else error
            raise StoreError(f"fetch from bucket '{name}' failed: {cause}") from error
        return found

    async def _rules(self) -> str:
        parts: list[bytes] = []
        try:
            await self._bucket.fetch(IGNORE_FILE, parts.append, limit=_IGNORE_LIMIT)
        except Missing:
            return ""
        content = b"".join(parts)
        await self._blocking.run((self._folder / IGNORE_FILE).write_bytes, content)
        return content.decode("utf-8", "surrogateescape")

    async def _one(self, key: str) -> str:
        file = self._folder.joinpath(*key.split("/"))
        try:
            await self._blocking.run(functools.partial(file.parent.mkdir, parents=True, exist_ok=True))
            with file.open("wb") as target:

                def sink(piece: bytes) -> None:
                    self._left -= len(piece)
                    if self._left < 0:
                        raise StoreError(f"the objects have more than {self._most} bytes together")
                    target.write(piece)

                return await self._bucket.fetch(key, sink, limit=self._most)
        except (NotADirectoryError, IsADirectoryError, FileExistsError):
            raise StoreError(f"the key {key[:200]!r} names a folder and an object at once") from None
        except Missing:
            file.unlink(missing_ok=True)
            raise
