"""Events on their way to a real NATS server: who we are to it, how it is reached, what is said where it is not."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from gotk.http.exchange import Unusable
from gotk.http.tls import TLS
from gotk.runtime.clock import SystemClock
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.publishing import NATSSender
from image_automation.notification.delivery.sending import SendError
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene
from tests.real import authority, child, odd_servers
from tests.real import nats as real

SUBJECT = "flux.events"
USER = real.key()
OPERATED, TOKEN, CREDENTIALS = real.operator(USER)
BESIDE = '{ user: "reader", password: "reads" }'
READER = {"user": "reader", "password": "reads"}
BOT = 'authorization: { users: [ { user: "bot", password: "p@ss:w0rd" } ] }'


async def send(address: str, *, timeout: float = 10.0, tls: TLS | None = None, **account: Any) -> None:
    fields = {"channel": SUBJECT, "token": "", **account}
    line = Delivery(account=scene.account("nats", address, **fields), timeout=timeout, tls=tls)
    await NATSSender(clock=SystemClock()).send(catalog.TYPES["nats"](scene.notice(), line.account), line)


@contextlib.asynccontextmanager
async def listening(port: int, **login: Any) -> AsyncIterator["asyncio.Queue[bytes]"]:
    """Subscribe to the subject; the queue holds what arrives."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(message: Any) -> None:
        arrived.put_nowait(message.data)

    client: Client = await nats.connect(f"nats://localhost:{port}", **login)
    try:
        await client.subscribe(SUBJECT, cb=take)
        await client.flush()
        yield arrived
    finally:
        await client.close()


async def arrived(queue: "asyncio.Queue[bytes]") -> Any:
    async with asyncio.timeout(60):
        return json.loads(await queue.get())


ALLOWED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "anybody": ("", {}, {}),
    "a user with a password": (BOT, {"user": "bot", "password": "p@ss:w0rd"},
                               {"username": "bot", "password": "p@ss:w0rd"}),
    "a token": ('authorization: { token: "t0k3n" }', {"token": "t0k3n"}, {"token": "t0k3n"}),
    "a key": (f"authorization: {{ users: [ {{ nkey: {USER.public} }}, {BESIDE} ] }}", READER,
              {"secret": {"nkey": USER.seed.encode()}}),
    "credentials": (OPERATED, USER.login(TOKEN),
                    {"secret": {"creds": CREDENTIALS.encode()}}),
    "credentials with Windows' line ends before the rest": (
        OPERATED, USER.login(TOKEN),
        {"secret": {"creds": CREDENTIALS.replace("\n", "\r\n").encode(), "nkey": b"x"}, "token": "x"},
    ),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize(("configuration", "login", "account"), ALLOWED.values(), ids=ALLOWED)
async def test_the_event_reaches_the_subject_for(
    tmp_path: Path, configuration: str, login: dict[str, Any], account: dict[str, Any]
) -> None:
    with real.server(tmp_path, configuration) as port:
        async with listening(port, **login) as queue:
            await send(f"nats://localhost:{port}", **account)
            assert await arrived(queue) == scene.notice().as_json()


@pytest.mark.real
@pytest.mark.parametrize("address", ["nats://bot:p%40ss%3Aw0rd@localhost:{}", "bot:p%40ss%3Aw0rd@127.0.0.1:{}"])
async def test_the_address_may_say_who_we_are(tmp_path: Path, address: str) -> None:
    with real.server(tmp_path, BOT) as port:
        async with listening(port, user="bot", password="p@ss:w0rd") as queue:
            await send(address.format(port))
            assert (await arrived(queue))["reason"] == "HealthCheckFailed"


@pytest.mark.real
async def test_the_next_server_has_it_where_the_first_is_gone(tmp_path: Path) -> None:
    gone = child.free_port()
    with real.server(tmp_path) as port:
        async with listening(port) as queue:
            await send(f"nats://localhost:{gone}, nats://localhost:{port}")
            await arrived(queue)
            assert queue.empty()


def secured(tmp_path: Path, made: authority.Authority, *, verify: bool = False) -> str:
    (tmp_path / "ca.pem").write_text(made.pem)
    files = f'cert_file: "{made.certificate}", key_file: "{made.key}", ca_file: "{tmp_path}/ca.pem"'
    return f"tls: {{ {files}, verify: {str(verify).lower()} }}"


@pytest.mark.real
@pytest.mark.parametrize("scheme", ["nats", "tls"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_private_authority_is_trusted_and_the_client_may_show_a_certificate(
    tmp_path: Path, scheme: str, host: str
) -> None:
    made = authority.make(tmp_path / "tls")
    ours = made.client()
    tls = TLS(ca=made.pem.encode(), certificate=ours["tls.crt"], key=ours["tls.key"])
    with real.server(tmp_path, secured(tmp_path, made, verify=True)) as port:
        async with listening(port, tls=tls.context()) as queue:
            await send(f"{scheme}://{host}:{port}", tls=tls)
            await arrived(queue)
        with pytest.raises(SendError, match=f"(cannot reach|NATS server) {host}: "):
            await send(f"{scheme}://{host}:{port}", tls=TLS(ca=made.pem.encode()), timeout=1)


@pytest.mark.real
async def test_a_server_of_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    made = authority.make(tmp_path / "tls")
    with (
        real.server(tmp_path, secured(tmp_path, made)) as port,
        pytest.raises(SendError, match=r"^cannot reach localhost: its certificate is not trusted$"),
    ):
        await send(f"nats://localhost:{port}", username="bot", password="hunter2")


@pytest.mark.real
@pytest.mark.parametrize("tls", [None, TLS()], ids=["a tls address", "a Provider with certificates"])
async def test_who_we_are_is_not_said_in_plain_text_where_tls_is_wanted(tmp_path: Path, tls: TLS | None) -> None:
    scheme = "nats" if tls else "tls"
    with (
        real.server(tmp_path, "debug: true\ntrace: true") as port,
        pytest.raises(SendError, match=r"^NATS server localhost: the server offers no TLS$"),
    ):
        await send(f"{scheme}://localhost:{port}", tls=tls, username="bot", password="hunter2")
    assert "CONNECT" not in (tmp_path / "nats.log").read_text()


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a wrong password": (BOT, {"username": "bot", "password": "hunter2"},
                         "NATS server localhost: 'Authorization Violation'"),
    "nobody": (BOT, {}, "NATS server localhost: 'Authorization Violation'"),
    "another key": (f"authorization: {{ users: [ {{ nkey: {USER.public} }} ] }}",
                    {"secret": {"nkey": real.key().seed.encode()}}, "NATS server localhost: 'Authorization Violation'"),
    "a subject that is not ours": (
        'authorization: { users: [ { user: "bot", password: "hunter2", permissions: { publish: ["other"] } } ] }',
        {"username": "bot", "password": "hunter2"},
        "NATS server localhost: permissions violation for publish to",
    ),
    "a message that is too long": ("max_payload: 64", {}, "NATS server localhost: maximum payload exceeded"),
    "a subject that is none": ("", {"channel": "a b\r\nPUB x"}, "NATS server localhost: invalid subject"),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize(("configuration", "account", "message"), REFUSED.values(), ids=REFUSED)
async def test_a_refusal_is_told_without_secrets(
    tmp_path: Path, configuration: str, account: dict[str, Any], message: str
) -> None:
    with real.server(tmp_path, configuration) as port, pytest.raises(SendError) as raised:
        await send(f"nats://localhost:{port}", **account)
    assert str(raised.value).startswith(message)
    assert "hunter2" not in str(raised.value)


UNUSABLE: dict[str, tuple[str, dict[str, Any], str]] = {
    "nobody listens": ("nats://127.0.0.1:1", {}, "cannot reach 127.0.0.1: "),
    "a name that nobody knows": ("nats://nobody.invalid", {}, "cannot reach nobody.invalid: "),
    "the cloud's metadata": ("nats://169.254.169.254", {}, "cannot reach 169.254.169.254: "),
    "a web socket": ("ws://127.0.0.1:1", {}, "the address is not the nats or tls URL of a NATS server"),
    "no port": ("nats://127.0.0.1:x", {}, "the address is not the URL of a NATS server"),
    "a seed that is none": ("nats://127.0.0.1:1", {"secret": {"nkey": b"SUxyz"}}, "the seed in the secret's key"),
    "credentials that are none": (
        "nats://127.0.0.1:1", {"secret": {"creds": b"eyJ0"}}, "the secret's key 'creds' lacks the user's JWT",
    ),
    "credentials without an end": (
        "nats://127.0.0.1:1", {"secret": {"creds": b"-" * 1_000_000 + b"\n" * 100_000}}, "lacks the user's JWT",
    ),
    "bytes for credentials": ("nats://127.0.0.1:1", {"secret": {"creds": b"\xff"}}, "the secret's key 'creds' is not"),
    "no subject": ("nats://127.0.0.1:1", {"channel": ""}, "providers of type nats need spec.channel"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "account", "message"), UNUSABLE.values(), ids=UNUSABLE)
async def test_what_cannot_work_is_told(address: str, account: dict[str, Any], message: str) -> None:
    with pytest.raises((SendError, Unusable)) as raised:
        await send(address, timeout=0.5, **account)
    assert message in str(raised.value)


async def test_a_server_that_says_nothing_is_left_after_the_timeout() -> None:
    with odd_servers.silent() as (address, came), pytest.raises(SendError, match=r"^no success within 0.3s$"):
        await send(f"nats://{address}", timeout=0.3)
    assert came.is_set()


@pytest.mark.parametrize(
    "greeting",
    [b"220 mail.example.com\r\n", b"", b"INFO {\r\n", b"INFO []\r\n", b"INFO {" + b"x" * 70_000],
    ids=["another protocol", "nothing", "no JSON", "a list", "a line without an end"],
)
async def test_a_service_that_is_no_nats_server_is_told(greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SendError, match=r"^NATS server 127.0.0.1: "):
            await send(f"nats://127.0.0.1:{port}")
