"""Buckets of Google Cloud Storage, over a stand-in that answers as the JSON API's reference says."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest
from aiohttp import web

from deploy.source.buckets import listing
from deploy.source.buckets.gcs import GcsAccess, GcsBucket
from deploy.source.buckets.store import StoreError
from gotk.cloud.cache import TokenCache
from gotk.cloud.caller import Caller
from gotk.cloud.gcp import Gcp
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities
from gotk.cloud.token import Token
from gotk.http.transport import Transport
from tests.deploy.source.buckets.world import World, bucket, opened
from tests.gotk.cloud.accounts import TokenCluster
from tests.gotk.cloud.standin import NOW, now
from tests.gotk.oci.serving import serving
from tests.real import proxies

BASE = "/storage/v1/b/fleet"


def refused(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)


@dataclass
class Cloud:
    """Google: a store with pages of two objects, and what gives tokens for it."""

    objects: dict[str, bytes] = field(default_factory=dict)
    told: list[web.Response] = field(default_factory=list)
    changing: bool = False
    asked: list[str] = field(default_factory=list)
    address: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        self.asked.append(path)
        if path == "/token":
            form = await request.post()
            return web.json_response({"access_token": "user-" + str(form["refresh_token"])})
        if path.endswith("/service-accounts/default/token"):
            return web.json_response({"access_token": "node"})
        if request.headers.get("Authorization") not in {"Bearer user-r3fresh", "Bearer node"}:
            return refused(401, "Invalid Credentials")
        if path == BASE:
            return web.json_response({"name": "fleet"})
        if path == f"{BASE}/o":
            return self.told.pop(0) if self.told else self.page(request.query)
        if path.startswith(f"{BASE}/o/") and "/" not in (rest := path.removeprefix(f"{BASE}/o/")):
            return self.one(unquote(rest), request.query)
        return refused(404, "The specified bucket does not exist.")

    def page(self, query: Mapping[str, str]) -> web.Response:
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        start = int(query.get("pageToken", "0"))
        said: dict[str, object] = {"kind": "storage#objects"}
        if found := names[start : start + 2]:
            said["items"] = [{"name": name, "etag": self.tag(name), "size": "1"} for name in found]
        if start + 2 < len(names):
            said["nextPageToken"] = str(start + 2)
        return web.json_response(said)

    def one(self, name: str, query: Mapping[str, str]) -> web.Response:
        if name not in self.objects:
            return refused(404, f"No such object: fleet/{name}")
        if query.get("alt") != "media":
            return web.json_response({"etag": self.tag(name), "generation": "17"})
        if query["ifGenerationMatch"] != "17" or self.changing:
            return web.Response(status=412)
        return web.Response(body=self.objects[name])

    def tag(self, name: str) -> str:
        return f"tag-of-{name.replace(' ', '-')}"


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    cloud = Cloud()
    async with serving(cloud.answer) as cloud.address:
        yield cloud


@contextlib.asynccontextmanager
async def world_of(cloud: Cloud, place: Path) -> AsyncIterator[World]:
    """Open a world whose Google is the stand-in, with a secret of a user's credentials."""
    async with Caller() as caller:
        environment = {"HOME": str(place), "GCE_METADATA_HOST": cloud.address}
        google = Google(Gcp(caller, environment=environment, now=now))
        cache = TokenCache(now=NOW.timestamp)
        async with opened(
            place,
            address=f"http://{cloud.address}",
            google=google,
            identities=Identities(cluster=TokenCluster(), cache=cache, workload_identity=False, default_account=""),
        ) as world:
            yield world


async def test_a_bucket_of_google_becomes_an_artifact_by_a_secret_or_as_the_node(cloud: Cloud, tmp_path: Path) -> None:
    cloud.objects = {
        "in/a.yaml": b"a: 1\n",
        "in/b/c d+é.yaml": b"b",
        "in/e": b"",
        "in/skip.md": b"x",
        "out": b"y",
        ".sourceignore": b"*.md\n",
    }
    who = {"type": "authorized_user", "refresh_token": "r3fresh", "token_uri": f"http://{cloud.address}/token"}
    async with world_of(cloud, tmp_path) as world:
        world.vault.put("google", serviceaccount=json.dumps(who).encode())
        spec = {"provider": "gcp", "prefix": "in/"}
        ended = await world.run(bucket("elsewhere.invalid", secretRef={"name": "google"}, **spec))
        kept = {name: content for name, content in cloud.objects.items() if name not in {"in/skip.md", "out"}}
        assert world.files(ended) == kept
        assert ended.obj.status.artifact is not None
        tags = {name: cloud.tag(name) for name in kept if name != ".sourceignore"}
        assert ended.obj.status.artifact.revision == listing.digest(tags)
        assert "/token" in cloud.asked
        cloud.asked.clear()
        as_node = await world.run(bucket("elsewhere.invalid", **spec))
        assert world.files(as_node) == kept
        assert "/token" not in cloud.asked


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_token_and_store_are_reached_through_the_bucket_s_proxy(
    cloud: Cloud, tmp_path: Path, scheme: str
) -> None:
    cloud.objects = {"a.yaml": b"a: 1\n"}
    port = cloud.address.rpartition(":")[2]
    outside, cloud.address = cloud.address, f"google.invalid:{port}"
    who = {"type": "authorized_user", "refresh_token": "r3fresh", "token_uri": f"http://{cloud.address}/token"}
    with proxies.serve(scheme, user="jane", password="pr0xy", names={"google.invalid": "127.0.0.1"}) as proxy:
        async with world_of(cloud, tmp_path) as world:
            world.vault.put("google", serviceaccount=json.dumps(who).encode())
            world.vault.put("way", **proxy.secret)
            spec = {"provider": "gcp", "secretRef": {"name": "google"}}
            ended = await world.run(bucket("x", proxySecretRef={"name": "way"}, **spec))
            assert world.files(ended) == cloud.objects
            around = await world.run(bucket("x", **spec))
    assert set(proxy.reached) == {("google.invalid", int(port))}
    assert around.ready[0] == "False", f"only the proxy knows the way to {outside}"


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        pytest.param(
            {"key": b"{}"}, "invalid 'google' secret data: required fields 'serviceaccount'", id="another key"
        ),
        pytest.param(
            {"serviceaccount": b"s3cret"},
            "secret 'apps/google': key 'serviceaccount': the answer is not what the service documents",
            id="no JSON",
        ),
        pytest.param(
            {"serviceaccount": b'{"type": "external_account"}'},
            "secret 'apps/google': key 'serviceaccount': "
            "credentials of the type 'external_account' are not supported here",
            id="credentials that name files",
        ),
    ],
)
async def test_a_secret_without_a_service_account_is_named(
    cloud: Cloud, tmp_path: Path, secret: dict[str, bytes], complaint: str
) -> None:
    async with world_of(cloud, tmp_path) as world:
        world.vault.put("google", **secret)
        ended = await world.run(bucket("storage.googleapis.com", provider="gcp", secretRef={"name": "google"}))
    assert ended.ready == ("False", "AuthenticationFailed", complaint)
    assert cloud.asked == []


def page(*names: str, token: str = "") -> web.Response:
    return web.json_response({"items": [{"name": name, "etag": "1"} for name in names], "nextPageToken": token})


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        pytest.param([page("a", token="x"), page("b", token="x")], "goes on listing", id="the same page again"),
        pytest.param([page(token=str(n)) for n in range(200)], "goes on listing", id="empty pages without end"),
        pytest.param([page("a", "../../etc/x")], "the key '../../etc/x' is no path of a file", id="a way out"),
        pytest.param([page("a", "a/b")], "names a folder and an object at once", id="a file that is a folder"),
        pytest.param([web.Response(text="<html>")], "the answer is no listing of a bucket", id="a login page"),
        pytest.param([refused(403, "no storage.objects.list access")], "/o: 403 no storage.objects.list", id="refused"),
    ],
)
async def test_what_google_must_not_say_is_found_out(
    cloud: Cloud, tmp_path: Path, told: list[web.Response], complaint: str
) -> None:
    cloud.told = told
    cloud.objects = {"a": b"x", "a/b": b"y"}
    async with world_of(cloud, tmp_path) as world:
        ended = await world.run(bucket("storage.googleapis.com", provider="gcp"))
    assert ended.ready[1] == "BucketOperationFailed"
    assert complaint in ended.ready[2]
    assert len(cloud.asked) < 110


async def test_a_bucket_that_is_missing_is_named(cloud: Cloud, tmp_path: Path) -> None:
    async with world_of(cloud, tmp_path) as world:
        ended = await world.run(bucket("storage.googleapis.com", provider="gcp", bucketName="no/body's"))
    assert ended.ready == ("False", "BucketOperationFailed", "bucket 'no/body's' not found")


async def test_an_object_is_fetched_in_the_generation_of_its_tag_and_no_further_than_the_limit(cloud: Cloud) -> None:
    cloud.objects = {"a": b"x" * 100}
    access = GcsAccess(bucket="fleet", token=Token(value="node", expires=NOW), address=f"http://{cloud.address}")
    parts: list[bytes] = []
    async with Transport() as transport:
        store = GcsBucket(transport, access)
        assert await store.fetch("a", parts.append, limit=100) == "tag-of-a"
        with pytest.raises(StoreError, match="99"):
            await store.fetch("a", parts.append, limit=99)
        cloud.changing = True
        with pytest.raises(StoreError, match=r"412 the object has changed since it was listed$"):
            await store.fetch("a", parts.append, limit=100)
