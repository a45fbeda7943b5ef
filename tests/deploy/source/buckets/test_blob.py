"""Buckets of Azure's Blob service, over a stand-in that answers as the REST API's reference says."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from deploy.source.buckets.blob import BlobAccess, BlobContainer, string_to_sign
from deploy.source.buckets.listing import ListingError
from deploy.source.buckets.store import StoreError
from gotk.cloud.azure import Azure
from gotk.cloud.caller import Caller
from gotk.http.transport import Transport
from tests.deploy.source.buckets.world import bucket, opened
from tests.gotk.cloud.standin import now
from tests.gotk.oci.serving import serving
from tests.real import proxies

KEY = b"0123456789abcdef"
SAS = "sv=2022-11-02&sp=rl&sig=a%2Bb%3D"


def test_the_string_that_is_signed_is_that_of_microsoft_s_example() -> None:
    headers = {"x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT", "x-ms-version": "2015-02-21"}
    query = {"restype": "container", "timeout": "20", "comp": "metadata"}
    assert string_to_sign("myaccount", "/mycontainer", query, headers) == (
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
        "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
    )


@dataclass
class Blobs:
    """An account with one container, in pages of two, for who signs with its key or shows the SAS."""

    objects: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    asked: int = 0
    address: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if not self.knows(request):
            return refused(403, "AuthenticationFailed", "Server failed to authenticate the request.\nRequestId:1")
        path = request.rel_url.path
        if path == "/fleet" and request.query.get("comp") == "list" and request.query.get("restype") == "container":
            return web.Response(text=self.told.pop(0) if self.told else self.page(request))
        if path == "/fleet" or not path.startswith("/fleet/"):
            return refused(404, "ContainerNotFound", "The specified container does not exist.")
        name = path.removeprefix("/fleet/")
        if name not in self.objects:
            return refused(404, "BlobNotFound", "The specified blob does not exist.")
        return web.Response(body=self.objects[name], headers={"ETag": f'"0x{len(name)}"'})

    def knows(self, request: web.Request) -> bool:
        if request.query.get("sig") == "a+b=":
            return True
        headers = {name: request.headers[name] for name in ("x-ms-date", "x-ms-version")}
        text = string_to_sign("127", request.rel_url.raw_path, dict(request.query), headers)
        signed = base64.b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode()
        return request.headers.get("Authorization") == f"SharedKey 127:{signed}"

    def page(self, request: web.Request) -> str:
        names = sorted(name for name in self.objects if name.startswith(request.query.get("prefix", "")))
        start = int(request.query.get("marker", "0"))
        return listed(*names[start : start + 2], marker=str(start + 2) if start + 2 < len(names) else "")


def refused(status: int, code: str, message: str) -> web.Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.Response(status=status, text=body, headers={"x-ms-error-code": code})


def listed(*names: str, marker: str = "") -> str:
    rows = "".join(
        f"<Blob><Name>{name}</Name><Properties><Etag>0x{len(name)}</Etag></Properties></Blob>" for name in names
    )
    folder = "<Blob><Name>in</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>"
    head = '\ufeff<?xml version="1.0" encoding="utf-8"?>'
    end = f"<NextMarker>{marker}</NextMarker>" if marker else "<NextMarker />"
    return f"{head}<EnumerationResults><Blobs>{folder}{rows}</Blobs>{end}</EnumerationResults>"


@pytest.fixture
async def blobs() -> AsyncIterator[Blobs]:
    blobs = Blobs()
    async with serving(blobs.answer) as blobs.address:
        yield blobs


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param({"accountKey": base64.b64encode(KEY)}, id="the account's key"),
        pytest.param({"sasKey": f"?{SAS}".encode()}, id="a shared access signature"),
    ],
)
async def test_a_container_becomes_an_artifact(blobs: Blobs, tmp_path: Path, secret: dict[str, bytes]) -> None:
    blobs.objects = {
        "in/a.yaml": b"a",
        "in/b/c d+é": b"b",
        "in/e": b"",
        "in/x.md": b"",
        "z": b"",
        ".sourceignore": b"*.md",
    }
    async with Caller() as caller, opened(tmp_path, azure=Azure(caller, environment={}, now=now)) as world:
        world.vault.put("azure", **secret)
        obj = bucket(f"http://{blobs.address}/", provider="azure", prefix="in/", secretRef={"name": "azure"})
        ended = await world.run(obj)
        kept = {name: content for name, content in blobs.objects.items() if name not in {"in/x.md", "z"}}
        assert world.files(ended) == kept
        again = await world.run(ended.obj)
        assert again.outcome is not None
        assert "up-to-date" in str(again.outcome.trace)
        missing = await world.run(
            bucket(obj.spec.endpoint, provider="azure", bucketName="no", secretRef={"name": "azure"})
        )
    assert missing.ready == ("False", "BucketOperationFailed", "bucket 'no' not found")


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_container_is_reached_through_the_bucket_s_proxy(blobs: Blobs, tmp_path: Path, scheme: str) -> None:
    blobs.objects = {"a.yaml": b"a"}
    port = blobs.address.rpartition(":")[2]
    endpoint = f"http://fleet.blob.invalid:{port}/"
    names = {"fleet.blob.invalid": "127.0.0.1"}
    with proxies.serve(scheme, user="jane", password="pr0xy", names=names) as proxy:
        async with Caller() as caller, opened(tmp_path, azure=Azure(caller, environment={}, now=now)) as world:
            world.vault.put("azure", sasKey=SAS.encode())
            world.vault.put("way", **proxy.secret)
            spec = {"provider": "azure", "secretRef": {"name": "azure"}}
            ended = await world.run(bucket(endpoint, proxySecretRef={"name": "way"}, **spec))
            assert world.files(ended) == blobs.objects
    assert set(proxy.reached) == {("fleet.blob.invalid", int(port))}


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        pytest.param([listed("a", marker="x"), listed("b", marker="x")], "goes on listing", id="the same page again"),
        pytest.param([listed(marker=str(n)) for n in range(200)], "goes on listing", id="empty pages without end"),
        pytest.param(['<!DOCTYPE x [<!ENTITY a "b">]><x/>'], "not what the protocol documents", id="entities"),
        pytest.param(["<html/>"], "is no listing of a container", id="another document"),
    ],
)
async def test_listings_that_lie_are_found_out(blobs: Blobs, told: list[str], complaint: str) -> None:
    blobs.told = told
    access = BlobAccess(endpoint=URL(f"http://{blobs.address}?{SAS}", encoded=True), container="fleet")
    async with Transport() as transport:
        with pytest.raises(ListingError, match=complaint):
            await BlobContainer(transport, access, now=now).tags("")
    assert blobs.asked < 110


async def test_a_refusal_and_a_large_object_are_named_without_the_signature(blobs: Blobs) -> None:
    blobs.objects = {"a": b"x" * 100}
    async with Transport() as transport:
        for query, most, complaint in ((SAS, 99, "99"), ("sig=wr0ng", 999, "403 AuthenticationFailed: Server failed")):
            access = BlobAccess(endpoint=URL(f"http://{blobs.address}?{query}", encoded=True), container="fleet")
            with pytest.raises(StoreError, match=complaint) as raised:
                await BlobContainer(transport, access, now=now).fetch("a", bytes, limit=most)
            assert "sig" not in str(raised.value)


@pytest.mark.parametrize(
    ("endpoint", "secret", "complaint"),
    [
        ("https://a.example.com", None, "none of Azure's"),
        ("http://a.blob.core.windows.net", None, "is not https"),
        ("a.blob.core.windows.net", None, "is no address of an account"),
        ("https://a.example.com", {"clientId": b"x"}, "none of Azure's"),
        ("https://localhost", {"accountKey": b"eA=="}, "expected 'localhost' to be a subdomain"),
        ("https://a.b.c", {"accountKey": b"s3cret!"}, "key 'accountKey' is not base64"),
        ("https://a.b.c", {"other": b"x"}, "invalid 'azure' secret data: requires a 'clientId' or 'accountKey' field"),
        (
            "https://a.b.c",
            {"tenantId": b"t", "clientId": b"c", "clientCertificate": b"x"},
            "failed to parse client certificates: key 'clientCertificate': it is no PEM and no PKCS #12",
        ),
    ],
)
async def test_logins_that_will_not_do_are_named(
    tmp_path: Path, endpoint: str, secret: dict[str, bytes] | None, complaint: str
) -> None:
    async with Caller() as caller, opened(tmp_path, azure=Azure(caller, environment={}, now=now)) as world:
        spec: dict[str, object] = {}
        if secret is not None:
            world.vault.put("azure", **secret)
            spec = {"secretRef": {"name": "azure"}}
        ended = await world.run(bucket(endpoint, provider="azure", **spec))
    assert ended.ready[1] == "AuthenticationFailed"
    assert complaint in ended.ready[2]
    assert "s3cret" not in ended.ready[2]
