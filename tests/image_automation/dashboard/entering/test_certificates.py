"""Signing in by a client certificate of an authority: who is let in as whom, and who is not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from image_automation.dashboard.entering.certificates import Certificates, Listening, identity
from image_automation.dashboard.people import NobodyError
from tests.gotk.oci.serving import Authority
from tests.image_automation.dashboard.showing import HTML, ready, shown, with_status
from tests.image_automation.dashboard.test_access import SAME, cookie
from tests.image_automation.dashboard.test_oidc import Impersonated
from tests.memory_cluster import MemoryCluster, image_policy


def subject(name: str, *groups: str) -> x509.Name:
    named = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    return x509.Name([*named, *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in groups)])


def listening(folder: Path, authority: Authority) -> Listening:
    pair = authority.issue()
    for name, text in (("cert", pair.certificate), ("key", pair.key), ("ca", authority.pair.certificate)):
        (folder / f"{name}.pem").write_bytes(text)
    return Listening(certificate=folder / "cert.pem", key=folder / "key.pem", client_ca=folder / "ca.pem")


def client(folder: Path, server: Authority, by: Authority | None, name: x509.Name | None = None) -> ssl.SSLContext:
    """A browser that trusts the server, with a certificate by an authority, if any."""
    context = ssl.create_default_context(cadata=server.pair.certificate.decode())
    if by is not None:
        pair, file = by.issue(name), folder / "browser.pem"
        file.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(file)
    return context


async def sign_in(folder: Path, context: ssl.SSLContext, authority: Authority, **headers: str) -> tuple[int, str, Any]:
    """Press the button, and return the status, who one is then, and whom the cluster was told of."""
    cluster = MemoryCluster()
    cluster.put(with_status(image_policy(), **ready()))
    told = Impersonated(cluster)
    tls = listening(folder, authority).context()
    async with shown(cluster, free=False, certificates=Certificates(told), tls=tls) as browser:
        form = {"next": "/images"}
        sent = {**HTML, **(headers or SAME)}
        answer = await browser.post("/login/certificate", data=form, headers=sent, ssl=context, allow_redirects=False)
        if answer.status != 303:
            return answer.status, "", told.told
        page = await browser.get("/images", headers={**HTML, **cookie(answer)}, ssl=context)
        me = (await page.text()).partition('class="me" title="')[2].partition('"')[0]
        return answer.status, me, told.told


async def test_a_certificate_of_the_authority_opens_a_session_as_its_subject(tmp_path: Path) -> None:
    authority = Authority.make()
    context = client(tmp_path, authority, authority, subject("ada", "team", "ops"))
    assert await sign_in(tmp_path, context, authority) == (303, "ada", [("ada", ("team", "ops"))])


async def test_without_a_certificate_one_is_nobody(tmp_path: Path) -> None:
    authority = Authority.make()
    assert await sign_in(tmp_path, client(tmp_path, authority, None), authority) == (401, "", [])


async def test_a_certificate_of_another_authority_ends_the_connection(tmp_path: Path) -> None:
    authority = Authority.make()
    context = client(tmp_path, authority, Authority.make(), subject("ada", "team"))
    with pytest.raises(ExceptionGroup) as caught:
        await sign_in(tmp_path, context, authority)
    assert isinstance(caught.value.exceptions[0], aiohttp.ClientError | ConnectionError)


@asynccontextmanager
async def greeting(tls: ssl.SSLContext) -> AsyncIterator[int]:
    """A listener that says hello, at a port."""

    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hello, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def greeted(port: int, context: ssl.SSLContext) -> str:
    """Return the serial number of the certificate that a listener shows; nothing where it does not greet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    serial = str(writer.get_extra_info("peercert")["serialNumber"])
    try:
        said = await reader.read()
    except (ssl.SSLError, ConnectionError):
        said = b""
    writer.close()
    return serial if said else ""


async def test_renewed_files_count_for_the_next_connection(tmp_path: Path) -> None:
    old, new = Authority.make(), Authority.make()
    tls = listening(tmp_path, old).context()
    known = [client(tmp_path, each, each, subject("ada", "team")) for each in (old, new)]
    async with greeting(tls) as port:
        first = await greeted(port, known[0])
        assert await greeted(port, known[0]) == first
        (tmp_path / "key.pem").write_bytes(new.issue().key)  # of another certificate, which comes next
        assert await greeted(port, known[0]) == first
        listening(tmp_path, new)
        second = await greeted(port, known[1])
        assert second != first
        stranger = client(tmp_path, new, old, subject("eve", "team"))
        assert await greeted(port, stranger) == ""  # of the authority before
        (tmp_path / "ca.pem").unlink()
        assert await greeted(port, known[1]) == second


async def test_a_page_of_another_site_signs_nobody_in(tmp_path: Path) -> None:
    authority = Authority.make()
    context = client(tmp_path, authority, authority, subject("ada", "team"))
    assert await sign_in(tmp_path, context, authority, **{"Sec-Fetch-Site": "cross-site"}) == (403, "", [])


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ((), ("team",)),
        (("ada", "eve"), ("team",)),
        (("ada",), ()),
        (("",), ("team",)),
        (("ada",), ("team", "")),
        (("system:admin",), ("team",)),
        (("ada",), ("system:masters",)),
        (("ada\r\nImpersonate-Group: system:masters",), ("team",)),
        ((" ada",), ("team",)),
    ],
)
def test_a_subject_that_the_cluster_must_not_be_told_of_is_nobodys(
    names: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    parts = [*(("commonName", each) for each in names), *(("organizationName", each) for each in groups)]
    with pytest.raises(NobodyError):
        identity({"subject": tuple((part,) for part in parts)})


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    made = listening(tmp_path, Authority.make())
    assert made.client_ca is not None
    made.client_ca.write_text("nothing")
    with pytest.raises(ValueError, match=r"ca\.pem holds no certificate of an authority"):
        made.context()
