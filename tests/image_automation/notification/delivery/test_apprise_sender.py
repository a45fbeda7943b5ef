"""Mail and the services of apprise: delivered from a process that sees no file and reaches no metadata service."""

import asyncio
import contextlib
import email.message
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from gotk.http.exchange import Unusable
from gotk.http.tls import TLS
from gotk.runtime.clock import SystemClock
from image_automation.notification.delivery import apprise_message
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.apprise_sender import AppriseSender
from image_automation.notification.delivery.sending import SendError
from image_automation.notification.notice import Notice
from image_automation.notification.providers import apprise
from tests.image_automation.notification import scene
from tests.real import authority

PASSWORD = "s3cret-passw0rd"


@dataclass
class Mailbox:
    """A mail server's folder."""

    ca: bytes
    port: int = 0
    mails: list[email.message.EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 kept"


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    """A mail server that wants STARTTLS and a password, with a certificate of a private authority."""
    signed = authority.make(tmp_path / "authority")
    made = Mailbox(ca=signed.pem.encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object) -> AuthResult:
        known = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=known, handled=False)

    def session() -> SMTP:
        return SMTP(made, tls_context=context, require_starttls=True, auth_required=True, authenticator=check)

    async with await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def line(address: str, *, ca: bytes = b"", timeout: float = 30.0, **changes: object) -> Delivery:
    account = scene.account("apprise", address, token="", secret={"address": address.encode()})
    return Delivery(account=account, timeout=timeout, tls=TLS(ca=ca) if ca else None, **changes)  # type: ignore[arg-type]


async def send(found: Delivery, notice: Notice | None = None) -> None:
    sender = AppriseSender(clock=SystemClock(), environment={})
    await sender.send(apprise.apprise(notice or scene.notice(), found.account), found)


def mail_address(mailbox: Mailbox, password: str = PASSWORD, options: str = "") -> str:
    who = f"robot:{password}@127.0.0.1:{mailbox.port}"
    return f"mailtos://{who}?from=robot@example.com&to=team@example.com&mode=starttls{options}"


async def test_an_event_arrives_as_a_mail_over_tls_of_a_private_authority(mailbox: Mailbox) -> None:
    await send(line(mail_address(mailbox), ca=mailbox.ca))
    [mail] = mailbox.mails
    assert mailbox.recipients == ["team@example.com"]
    assert mail["Subject"] == "✗ kustomization/web.apps: HealthCheckFailed"
    body = mail.get_body(("plain",)) or mail.get_body(("html",))
    assert body is not None
    assert "health check failed after 30s" in body.get_content()
    assert f"revision: main@sha1:{scene.COMMIT}" in body.get_content()


async def test_what_others_wrote_is_text_in_a_mail_and_no_markup(mailbox: Mailbox) -> None:
    hostile = scene.notice(message="<img src=http://evil/x>\r\nBcc: all@example.com\r\n\u202egnp.exe")
    await send(line(mail_address(mailbox), ca=mailbox.ca), hostile)
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert mailbox.recipients == ["team@example.com"]
    whole = "".join(part.get_content() for part in mail.walk() if part.get_content_type() == "text/html")
    assert "<img" not in whole
    assert "\u202e" not in str(mail)


async def test_a_mail_server_of_an_unknown_authority_gets_nothing(mailbox: Mailbox) -> None:
    with pytest.raises(SendError) as raised:
        await send(line(mail_address(mailbox)))
    assert mailbox.mails == []
    assert PASSWORD not in str(raised.value)


async def test_a_wrong_password_is_an_error_that_does_not_show_it(mailbox: Mailbox) -> None:
    with pytest.raises(SendError) as raised:
        await send(line(mail_address(mailbox, "wrong-passw0rd"), ca=mailbox.ca))
    assert mailbox.mails == []
    assert "passw0rd" not in str(raised.value)


@contextlib.asynccontextmanager
async def web_service(bodies: list[str], *, status: int = 200, location: str = "") -> AsyncIterator[int]:
    async def answer(request: web.BaseRequest) -> web.Response:
        bodies.append(await request.text())
        return web.Response(status=status, headers={"Location": location} if location else {})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def test_a_chat_service_that_flux_has_no_type_for_gets_the_event() -> None:
    bodies: list[str] = []
    async with web_service(bodies) as port:
        await send(line(f"ntfy://127.0.0.1:{port}/deployments"))
    assert len(bodies) == 1
    assert "health check failed after 30s" in bodies[0]


async def test_mentions_in_a_message_wake_nobody() -> None:
    bodies: list[str] = []
    async with web_service(bodies) as port:
        await send(line(f"mmost://127.0.0.1:{port}/tokentokentoken1234567890"), scene.notice(message="see @channel"))
    assert "@channel" not in bodies[0]


async def test_redirects_are_not_followed() -> None:
    bodies: list[str] = []
    async with web_service(bodies) as inner, web_service([], status=307, location=f"http://127.0.0.1:{inner}/") as port:
        with pytest.raises(SendError):
            await send(line(f"json://127.0.0.1:{port}/"))
    assert bodies == []


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fe80::1]", "100.100.100.200"])
async def test_metadata_addresses_are_not_spoken_to_however_they_are_spelt(host: str) -> None:
    with pytest.raises(SendError, match="link-local and metadata addresses are not spoken to"):
        await send(line(f"json://{host}/latest"))


async def test_a_file_that_an_address_names_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "service-account"
    secret.write_text('{"type": "service_account", "project_id": "p", "private_key": "k"}')
    bodies: list[str] = []
    async with web_service(bodies) as port:
        found = line(f"workflow://127.0.0.1:{port}/{'a' * 32}/{'b' * 43}/?template={secret}")
        with pytest.raises(SendError):
            await send(found)
    assert not any("service_account" in body for body in bodies)


@pytest.mark.parametrize("address", ["syslog://", "dbus://", "gnome://", "windows://", "macosx://", "SYSLOG://x"])
def test_services_of_this_machine_are_refused(address: str) -> None:
    with pytest.raises(Unusable, match="the machine of this service"):
        scene.talk(apprise.apprise(scene.notice(), scene.account("apprise", address)))


@pytest.mark.parametrize("address", ["no-such-service://x", "mailto://", "https"])
async def test_an_address_that_no_service_has_is_an_error(address: str) -> None:
    with pytest.raises((SendError, Unusable), match="address"):
        await send(line(address))


async def test_a_service_that_hangs_is_left_when_the_time_is_up() -> None:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SendError, match=r"no success within 0\.1s"):
            await send(line(f"json://127.0.0.1:{port}/", timeout=0.1))


async def test_the_process_ends_when_nobody_waits_for_it_any_more() -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()  # ends when the other side does
        writer.close()
        left.set()

    async with (
        await asyncio.start_server(hang, "127.0.0.1", 0) as server,
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
    ):
        port = server.sockets[0].getsockname()[1]
        sending = group.create_task(send(line(f"json://127.0.0.1:{port}/", timeout=60.0)))
        await came.wait()
        sending.cancel()
        await left.wait()
    assert sending.cancelled()


def test_every_secret_piece_of_an_address_is_masked() -> None:
    address = "slack://TokenA/TokenB/TokenC%2F9/?key=Query0"
    assert {address, "TokenB", "TokenC%2F9", "TokenC/9", "Query0", "TokenA"} <= set(apprise_message.secrets(address))
