"""A client for tests: what a kubeconfig says, in aiohttp, with the answers as they are."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", "")) if isinstance(self.body, dict) else ""


class Caller:
    def __init__(self, kubeconfig: Path, *, token: str | None = None) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.url = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        self._token = config["users"][0]["user"]["token"] if token is None else token

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self.session = aiohttp.ClientSession(
            self.url,
            headers={"User-Agent": "acceptance/1", **headers},
            connector=aiohttp.TCPConnector(ssl=self.tls, limit=0),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": accept, **({"Content-Type": media} if data is not None else {})}
        async with self.session.request(method, path, data=data, headers=headers) as response:
            raw = await response.read()
            try:
                parsed: Any = json.loads(raw)
            except ValueError:
                parsed = raw.decode(errors="replace")
            return Answer(response.status, parsed, dict(response.headers), response.headers.getall("Warning", []))

    async def get(self, path: str, **how: Any) -> Answer:
        return await self.call("GET", path, **how)

    async def post(self, path: str, body: Any, **how: Any) -> Answer:
        return await self.call("POST", path, body, **how)

    async def put(self, path: str, body: Any, **how: Any) -> Answer:
        return await self.call("PUT", path, body, **how)

    async def patch(self, path: str, body: Any, media: str = MERGE, **how: Any) -> Answer:
        return await self.call("PATCH", path, body, media=media, **how)

    async def delete(self, path: str, body: Any = None, **how: Any) -> Answer:
        return await self.call("DELETE", path, body, **how)

    @asynccontextmanager
    async def watch(self, path: str, accept: str = "application/json") -> AsyncIterator["Events"]:
        async with self.session.get(path, headers={"Accept": accept}) as response:
            yield Events(response)


class Events:
    """What a watch says, one at a time."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            line = await self.response.content.readline()
        assert line, "the watch has ended"
        event: dict[str, Any] = json.loads(line)
        return event

    async def take(self, count: int) -> list[tuple[str, str]]:
        """Return types and names of the next events."""
        found = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in found]

    async def error(self) -> tuple[int, str]:
        """Return code and reason of the error that the watch ends with."""
        event = await self.next()
        assert event["type"] == "ERROR"
        assert await self.ended()
        return event["object"]["code"], event["object"]["reason"]

    async def ended(self) -> bool:
        async with asyncio.timeout(60):
            return not await self.response.content.readline()
