"""The reconciler of Buckets over a real S3 store, and over one in this process that lies."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from deploy.source.buckets import fetching
from gotk.cloud.sigv4 import Keys, sign
from gotk.runtime import errors
from tests.deploy.source.buckets.world import World, bucket, opened
from tests.real import authority, s3

KEYS = {"accesskey": b"AKIDEXAMPLE", "secretkey": b"s3cret"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.store(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as world:
        yield world


@pytest.mark.real
async def test_a_bucket_becomes_an_artifact_in_flux_s_words(world: World, store: str) -> None:
    objects = {"apps/a.yaml": b"a: 1\n", "apps/b c.jpg": b"x", "docs/a.md": b"", ".sourceignore": b"*.md\n"}
    await s3.put(store, "fleet", objects)
    world.vault.put("keys", **KEYS)
    obj = bucket(store, secretRef={"name": "keys"}, region="eu-west-1")
    ended = await world.run(obj)
    assert world.files(ended) == {".sourceignore": b"*.md\n", "apps/a.yaml": b"a: 1\n", "apps/b c.jpg": b"x"}
    artifact = ended.obj.status.artifact
    assert artifact is not None
    assert artifact.path == f"bucket/apps/fleet/{artifact.revision.removeprefix('sha256:')}.tar.gz"
    assert ended.obj.status.url == "http://source.local/bucket/apps/fleet/latest.tar.gz"
    message = f"stored artifact: revision '{artifact.revision}'"
    assert ended.conditions == {
        "Ready": ("True", "Succeeded", message),
        "ArtifactInStorage": ("True", "Succeeded", message),
    }
    assert ended.run.progressed[-1] == f"building artifact: new upstream revision '{artifact.revision}'"
    assert ended.outcome is not None
    assert ended.outcome.event == "stored artifact with 2 fetched files from 'fleet' bucket"
    again = await world.run(ended.obj)
    assert again.obj.status.artifact == artifact
    assert again.outcome is not None
    assert again.outcome.trace == f"artifact up-to-date with remote revision: '{artifact.revision}'"
    await s3.put(store, "fleet", {"apps/a.yaml": b"a: 2\n"})
    changed = await world.run(again.obj)
    assert world.files(changed)["apps/a.yaml"] == b"a: 2\n"


@pytest.mark.real
async def test_a_prefix_keeps_its_place_and_nobody_may_read_what_all_may(world: World, store: str) -> None:
    await s3.put(store, "many", {"in/a": b"x", "in/b/c": b"y", "out/a": b"z"})
    ended = await world.run(bucket(store, bucketName="many", prefix="in/"))
    assert world.files(ended) == {"in/a": b"x", "in/b/c": b"y"}


@pytest.mark.real
async def test_a_bucket_that_is_missing_is_named(world: World, store: str) -> None:
    ended = await world.run(bucket(store, bucketName="nobodys"))
    assert ended.ready == ("False", "BucketOperationFailed", "bucket 'nobodys' not found")
    assert ended.conditions["FetchFailed"][0] == "True"
    assert isinstance(ended.error, errors.Retry)


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        (None, "failed to get secret 'apps/keys': secrets \"keys\" not found"),
        ({"accesskey": b"x"}, "invalid 'keys' secret data: required fields 'accesskey' and 'secretkey'"),
    ],
)
async def test_a_secret_that_will_not_do_is_named(
    world: World, secret: dict[str, bytes] | None, complaint: str
) -> None:
    if secret is not None:
        world.vault.put("keys", **secret)
    ended = await world.run(bucket("127.0.0.1:9", secretRef={"name": "keys"}))
    assert ended.ready == ("False", "AuthenticationFailed", complaint)


def listed(*keys: str, token: str = "") -> str:
    rows = "".join(f"<Contents><Key>{key}</Key><ETag>1</ETag></Contents>" for key in keys)
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<ListBucketResult>{more}{rows}</ListBucketResult>"


class Liar:
    """A store that says what it is told to."""

    def __init__(self) -> None:
        self.listing = listed("a")
        self.pages: dict[str, str] = {}
        self.content = b"x" * 100
        self.asked = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if request.method == "HEAD":
            return web.Response()
        if "list-type" in request.query:
            page = self.pages.get(request.query.get("continuation-token", ""), self.listing)
            return web.Response(text=page, content_type="application/xml")
        if request.path.endswith(".sourceignore"):
            return web.Response(status=404)
        return web.Response(body=self.content)


@pytest.fixture
async def liar() -> AsyncIterator[tuple[Liar, str]]:
    told, app = Liar(), web.Application()
    app.router.add_route("*", "/{path:.*}", told.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield told, f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("listing", "complaint"),
    [
        pytest.param(listed("a", token="again"), "goes on listing what it has listed", id="an endless listing"),
        pytest.param(listed("a", "../../etc/x"), "the key '../../etc/x' is no path of a file", id="a way out"),
        pytest.param(listed("a", "a/b"), "names a folder and an object at once", id="a file that is a folder"),
        pytest.param("<html>", "the answer is not XML", id="a login page"),
    ],
)
async def test_a_store_that_lies_is_found_out(
    world: World, liar: tuple[Liar, str], listing: str, complaint: str
) -> None:
    told, address = liar
    told.listing = listing
    ended = await world.run(bucket(address))
    assert ended.ready[1] == "BucketOperationFailed"
    assert complaint in ended.ready[2]
    assert told.asked < 10


async def test_a_private_authority_is_trusted_where_the_secret_says_so(world: World, tmp_path: Path) -> None:
    made, told, app = authority.make(tmp_path / "tls"), Liar(), web.Application()
    told.listing = listed("a")
    app.router.add_route("*", "/{path:.*}", told.answer)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.certificate, made.key)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    world.vault.put("trust", ca__crt=made.pem.encode())
    try:
        untrusted = await world.run(bucket(address, insecure=False))
        trusted = await world.run(bucket(address, insecure=False, certSecretRef={"name": "trust"}))
    finally:
        await runner.cleanup()
    assert untrusted.ready[1] == "BucketOperationFailed"
    assert "certificate" in untrusted.ready[2]
    assert set(world.files(trusted)) == {"a"}


async def test_pages_are_one_listing(world: World, liar: tuple[Liar, str]) -> None:
    told, address = liar
    told.pages = {"": listed("a", token="x+y="), "x+y=": listed("b")}
    assert set(world.files(await world.run(bucket(address)))) == {"a", "b"}


async def test_objects_are_counted_together(
    world: World, liar: tuple[Liar, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, address = liar
    monkeypatch.setattr(fetching.Fetching.__init__, "__kwdefaults__", {"most": 150})
    told.listing = listed("a", "b")
    ended = await world.run(bucket(address))
    assert "fetch from bucket 'fleet' failed: " in ended.ready[2]
    assert "150 bytes" in ended.ready[2]


async def test_a_store_that_is_silent_is_given_up(world: World) -> None:
    left = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()  # until it is given up
            writer.close()
            await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        ended = await world.run(bucket(f"{host}:{port}", timeout="100ms"))
        await left.wait()
    assert ended.ready[2] == "no complete answer of the store within 0.1s"


@pytest.mark.real
@pytest.mark.parametrize(
    "path", ["/fleet/a.yaml", "/fleet/a%20b/%C3%A9%2B.yaml", "/fleet/?list-type=2&prefix=a%2Fb%20c"]
)
def test_requests_are_signed_as_aws_signs_them(path: str) -> None:
    auth = pytest.importorskip("botocore.auth", reason="botocore is not installed")
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    url, now = f"http://s3.example:9000{path}", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    theirs = AWSRequest(method="GET", url=url, headers={"X-Amz-Content-SHA256": empty, "Accept-Encoding": "identity"})
    signer = auth.S3SigV4Auth(Credentials("AKID", "s3cret"), "s3", "eu-west-1")
    theirs.context["timestamp"] = "20260102T030405Z"
    theirs.headers["X-Amz-Date"] = "20260102T030405Z"
    canonical = signer.canonical_request(theirs)
    signature = signer.signature(signer.string_to_sign(theirs, canonical), theirs)
    ours = sign(
        Keys(access_key="AKID", secret_key="s3cret", expires=now),
        method="GET", url=URL(url, encoded=True),
        headers={"X-Amz-Content-Sha256": empty, "Accept-Encoding": "identity"},
        body=b"", region="eu-west-1", service="s3", now=now,
    )  # fmt: skip
    assert ours["Authorization"].rpartition("Signature=")[2] == signature
