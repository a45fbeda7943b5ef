"""A server that remembers what it is asked, and a proxy that brings every request of a program to it."""

import asyncio
import contextlib
import datetime as dt
import json
import pathlib
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.image_automation.notification.providers.upstream.case import (
    AUTHORITY,
    CERTIFICATE,
    DIRECT,
    KEY,
    PRIVATE,
    PROXY,
    Case,
)

#: Hosts that programs know by themselves.
KNOWN = {"localhost", "api.telegram.org", "slack.com", "api.github.com"}
#: Headers that say nothing about the notification.
DULL = {
    "host", "user-agent", "content-length", "accept-encoding", "accept", "connection", "proxy-connection",
    "traceparent", "transfer-encoding",
}  # fmt: skip


def hosts(text: str) -> set[str]:
    """Return the hosts of all https addresses in a text."""
    return {host.lower() for host in re.findall(r"https://(?:[^/@\s\"]*@)?([\w.-]+)", text)}


@dataclass(frozen=True)
class Authority:
    """An authority that a Secret must name: its server's chain, and what stands for its parts in a case."""

    chain: pathlib.Path
    texts: dict[str, str]


@dataclass
class Server:
    """Where requests arrive: `plain` is its host and port for http, `proxy` leads there from any host."""

    authority: pathlib.Path
    private: Authority
    plain: str = ""
    proxy: str = ""
    asked: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    case: Case | None = None

    def begin(self, case: Case) -> None:
        """Forget what was asked and answer for this case."""
        self.requests.clear()
        self.times.clear()
        self.case = case

    def real(self, text: str) -> str:
        """Write what stands for something as what it stands for; the text is JSON."""
        for sign, found in {**self.private.texts, DIRECT: self.plain, PROXY: self.asked}.items():
            text = text.replace(sign, json.dumps(found)[1:-1])
        return text

    def restored(self, text: str) -> str:
        """Write our own addresses as the case has them."""
        return text.replace(self.plain, DIRECT).replace(self.asked, PROXY)

    async def take(self, request: web.Request) -> web.Response:
        """Remember a request and answer it."""
        self.times.append(asyncio.get_running_loop().time())
        body = await request.read()
        raw = request.raw_path
        path = raw if raw.startswith("/") else urlsplit(raw)._replace(scheme="", netloc="").geturl()
        scheme = "https" if request.transport and request.transport.get_extra_info("ssl_object") else "http"
        try:
            text = {"body": _quiet(self.restored(body.decode()), request.content_type)}
        except UnicodeDecodeError:
            text = {"hex": body.hex()}
        headers = sorted((name, value) for name, value in request.headers.items() if name.lower() not in DULL)
        said = {"request": f"{request.method} {scheme}://{self.restored(request.host)}{path}", "headers": dict(headers)}
        client = _client(request)
        self.requests.append({**said, **text, **({"client": client} if client else {})})
        if self.case is None:
            return web.Response(status=404)
        reply = self.case.reply(request.method, path)
        kind = {"Content-Type": "application/json", **reply.headers}
        return web.Response(status=reply.status, body=reply.body.encode(), headers=kind)


def _quiet(body: str, kind: str) -> str:
    """Drop what a client says of itself and its machine."""
    if kind != "application/x-sentry-envelope":
        return body
    head, size, event = (json.loads(line) for line in body.strip().split("\n"))
    for name in ("modules", "sdk", *(["server_name"] if event.get("type") == "transaction" else [])):
        event.pop(name, None)
    event["contexts"] = {name: each for name, each in event["contexts"].items() if name in {"metadata", "trace"}}
    head = {name: head[name] for name in ("event_id", "sent_at")}
    lines = (head, {"type": size["type"]}, event)
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


@contextlib.asynccontextmanager
async def serve(home: pathlib.Path, names: Iterable[str]) -> AsyncIterator[Server]:
    """Serve http, https with a certificate for these hosts, and two proxies, until the block ends.

    The second proxy is there to be asked by name; it leaves the header that it is asked with to be seen.
    """
    authority, chain = _certificates(home, {*names, *KNOWN} - {PRIVATE})
    private = _private(home)
    server = Server(authority, private)
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    inner = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=private.texts[AUTHORITY])
    inner.load_cert_chain(private.chain)
    inner.verify_mode = ssl.CERT_OPTIONAL

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = inner if name == PRIVATE else context

    context.sni_callback = choose
    for each in (None, context):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=each).start()
    plain, secure = (address[1] for address in runner.addresses)
    server.plain = f"127.0.0.1:{plain}"

    async def proxied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _proxy(reader, writer, plain, secure)
        writer.close()

    proxies = [await asyncio.start_server(proxied, "127.0.0.1", 0) for _ in range(2)]
    ports = [proxy.sockets[0].getsockname()[1] for proxy in proxies]
    server.proxy, server.asked = f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"
    try:
        yield server
    finally:
        for proxy in proxies:
            proxy.close()
        await runner.cleanup()


async def _proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plain: int, secure: int) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    tunnel = head.startswith(b"CONNECT ")
    back, forth = await asyncio.open_connection("127.0.0.1", secure if tunnel else plain)
    if tunnel:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        forth.write(head)
    async with asyncio.TaskGroup() as group:
        group.create_task(_pump(reader, forth))
        group.create_task(_pump(back, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()


def _certificates(home: pathlib.Path, names: set[str], *, client: str = "") -> tuple[pathlib.Path, pathlib.Path]:
    home.mkdir(exist_ok=True)
    root = ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"authority of {home.name}")
    ca = x509.BasicConstraints(ca=True, path_length=0)
    top = _builder(issuer, issuer, root).add_extension(ca, critical=True).sign(root, hashes.SHA256())
    authority = home / "authority.pem"
    authority.write_bytes(top.public_bytes(serialization.Encoding.PEM))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in sorted(names)])
    for file, subject in (("server.pem", "server"), ("client.pem", client)):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(subject or "none"), issuer, key).add_extension(alternatives, critical=False)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signed = builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (home / file).write_bytes(secret + signed)
    return authority, home / "server.pem"


def _client(request: web.Request) -> str:
    """Return the name in the certificate that a client showed."""
    found = request.transport.get_extra_info("peercert") if request.transport else None
    subject = dict(pair for part in found["subject"] for pair in part) if found else {}
    return str(subject.get("commonName", ""))


def _private(home: pathlib.Path) -> Authority:
    outer, chain = _certificates(home / "private", {PRIVATE}, client="automation")
    client = (home / "private" / "client.pem").read_text()
    key, _, certificate = client.partition("-----BEGIN CERTIFICATE-----")
    texts = {AUTHORITY: outer.read_text(), KEY: key, CERTIFICATE: f"-----BEGIN CERTIFICATE-----{certificate}"}
    return Authority(chain, texts)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1)
    )
