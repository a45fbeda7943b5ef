"""Debian's Chromium, led by its own protocol over one websocket: pages, keys, sizes, pictures. No driver in between.

Whatever a page logs as an error (an exception, a refusal of the content security policy) is kept in `complaints`.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars",
    "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_LIMIT = 30.0
DESKTOP, PHONE = (1280, 900), (390, 844)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._session = ""

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        async for message in self._socket:
            said = json.loads(message.data)
            if (answer := self._answers.pop(said.get("id", 0), None)) is not None:
                answer.set_result(said)
            elif said.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))
            elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.complaints.append(said["params"]["entry"]["text"])

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        said = {"id": number, "method": method, "params": params}
        await self._socket.send_json({**said, "sessionId": self._session} if self._session else said)
        async with asyncio.timeout(_LIMIT):
            answer = await self._answers[number]
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    async def begin(self) -> None:
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")
        await self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.ask("Page.bringToFront")

    async def size(self, size: tuple[int, int], *, dark: bool = False) -> None:
        width, height = size
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask(
            "Emulation.setEmulatedMedia", features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}]
        )

    async def open(self, url: str) -> None:
        async with self.loading():
            await self.ask("Page.navigate", url=url)

    @contextlib.asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Wait until what the block does has loaded another page."""
        self._loaded.clear()
        yield
        async with asyncio.timeout(_LIMIT):
            await self._loaded.wait()

    async def run(self, expression: str) -> Any:
        """Return what an expression comes to."""
        answer = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until something is so."""
        look = f"const look = () => ({expression}) ? done() : requestAnimationFrame(look); look();"
        failing = "setTimeout(() => failed(new Error('it never was so')), 20000);"
        await self.run(f"new Promise((done, failed) => {{ {failing} {look} }})")

    async def press(self, *keys: str) -> None:
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, 0)
            about = {"key": key, "windowsVirtualKeyCode": code, **text}
            await self.ask("Input.dispatchKeyEvent", type="keyDown", **about)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def picture(self) -> bytes:
        return base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    """Start the browser with a folder of its own, and give a tab."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, f"--user-data-dir={folder}", stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        address = await _address(process)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(page.listen())
                await page.begin()
                yield page
                listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(_LIMIT):
        async for line in process.stderr:
            if (found := re.search(rb"DevTools listening on (ws://\S+)", line)) is not None:
                return found[1].decode()
    raise AssertionError("the browser ended before it listened")
