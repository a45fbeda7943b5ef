"""Record what the real notification-controller says of the receivers and calls in tests/, for ours to be compared.

Usage: python scripts/record_receivers.py [NOTIFICATION-CONTROLLER]

The program is looked for on the path where it is not given. It runs on our embedded control plane, with an issuer of
tokens on loopback. The certificates of Google's tokens, whose address is fixed, come from the same issuer: by a proxy
that the program is told of, under a certificate that is thrown away.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator

from aiohttp import web

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gotk.kube import config  # noqa: E402 - the path comes first
from gotk.kube.client import Client  # noqa: E402
from image_automation.app import embedded  # noqa: E402
from tests.image_automation.notification import issuer as tokens  # noqa: E402
from tests.image_automation.notification.receivers import play  # noqa: E402
from tests.real import authority  # noqa: E402

TARGET = ROOT / "tests" / "image_automation" / "notification" / "receivers" / "upstream.json"
GOOGLE = "www.googleapis.com"


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def google(key: tokens.Key, folder: pathlib.Path) -> AsyncIterator[dict[str, str]]:
    """Serve Google's keys behind a proxy and give the environment that leads there."""

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [tokens.jwk(key)]})

    made = authority.make(folder, hosts=(GOOGLE,))
    (folder / "authority.pem").write_text(made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    app = web.Application()
    app.router.add_get("/oauth2/v3/certs", keys)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with proxy:
        at = proxy.sockets[0].getsockname()[1]
        yield {"SSL_CERT_FILE": str(folder / "authority.pem"), "HTTPS_PROXY": f"http://127.0.0.1:{at}"}
    await runner.cleanup()


async def record(program: str, folder: pathlib.Path) -> play.Answers:
    """Run the program on a fresh control plane and return what it answers."""
    key, other = tokens.an_rsa_key(), tokens.an_rsa_key()
    async with contextlib.AsyncExitStack() as stack:
        plane = await stack.enter_async_context(embedded.control_plane(folder / "data"))
        issuer = await stack.enter_async_context(tokens.issuing(key))
        environment = await stack.enter_async_context(google(key, folder))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            program, f"--receiverAddr=127.0.0.1:{port}", *(f"--{each}-addr=127.0.0.1:{free_port()}" for each in
                                                            ("events", "health", "metrics")),
            env=os.environ | environment | {"KUBECONFIG": str(plane.kubeconfig), "RUNTIME_NAMESPACE": "default"},
            stderr=(folder / "log").open("wb"), stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while not await listens(port):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.1)
            stage = play.Stage(
                client=client, url=f"http://127.0.0.1:{port}", issuer=issuer, keys={"good": key, "other": other}
            )
            return await play.play(stage)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def listens(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def main() -> None:
    """Record, and write it down."""
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("notification-controller")
    if not program:
        sys.exit("notification-controller is not on the path: give its place as the first argument")
    with tempfile.TemporaryDirectory() as folder:
        answers = asyncio.run(record(program, pathlib.Path(folder)))
    TARGET.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
