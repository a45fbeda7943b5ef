"""Pushing: what is there already stays, uploads go on at the registry itself, tokens are asked for that may write."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gotk.oci import errors, name, scope
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.image import MANIFEST_TYPE, build_image
from gotk.oci.keychain import Credentials
from gotk.oci.manifest import Descriptor
from gotk.oci.registry.guard import Password, Token
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import digest_of
from tests import registries
from tests.gotk.oci.serving import serving

DIRECT = Access(timeout=20)
REAL = pytest.param("real", marks=[
    pytest.mark.real, pytest.mark.skipif(not registries.installed(), reason="docker-registry is not installed")
])  # fmt: skip


@pytest.fixture(params=["ours", REAL])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "ours":
        async with RegistryServer() as server:
            yield server.address
    else:
        with registries.docker_registry(tmp_path) as found:
            yield found


@contextlib.asynccontextmanager
async def pushing() -> AsyncIterator[RegistryClient]:
    async with RegistryClient(pushes=True) as client:
        yield client


async def push(client: RegistryClient, address: str, access: Access = DIRECT) -> str:
    repository, made = name.parse(f"{address}/team/app"), build_image()
    for blob in (made.layer, made.config):
        await client.push_blob(repository, Descriptor(digest=digest_of(blob), size=len(blob)), blob, access)
    await client.push_manifest(repository, "1.0.0", made.manifest, MANIFEST_TYPE, access)
    return made.digest


async def test_what_was_pushed_is_found_under_its_tag_twice_as_well_as_once(address: str):
    repository = name.parse(f"{address}/team/app")
    async with pushing() as client:
        for _ in range(2):
            digest = await push(client, address)
        assert await client.digest(repository, "1.0.0", DIRECT) == digest
        found = await client.manifest(repository, "1.0.0", DIRECT)
        await client.push_manifest(repository, "latest", found.body, found.manifest.media_type, DIRECT)
        assert sorted((await client.list_tags(repository, DIRECT)).tags) == ["1.0.0", "latest"]


@pytest.mark.parametrize("guard", [Password("jane", "secret"), Token(user=Password("jane", "secret"))], ids=type)
async def test_a_registry_that_wants_to_know_who_pushes_is_told(guard: Password | Token):
    access = Access(credentials=Credentials(username="jane", password="secret"), timeout=20)
    async with RegistryServer(guard=guard) as server, pushing() as client:
        await push(client, server.address, access)
        with pytest.raises(errors.Unauthorized):
            await push(client, server.address, DIRECT)


async def test_an_upload_never_goes_on_at_another_server():
    async def handler(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(status=404)
        return web.Response(status=202, headers={"Location": "https://elsewhere.example.com/upload?state=1"})

    async with serving(handler) as address, pushing() as client:
        with pytest.raises(errors.BadAnswer, match=r"the upload is to go on at another server, 'https://elsewhere"):
            await push(client, address)


async def test_an_upload_goes_on_where_the_registry_says_with_its_state_as_it_was():
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": f"//{request.host}/up/a%2Fb?_state=x%2By%3D%3D"})
        seen.append(request.raw_path)
        return web.Response(status=404 if request.method == "HEAD" else 201)

    async with serving(handler) as address, pushing() as client:
        await push(client, address)
    puts = [path for path in seen if path.startswith("/up/")]
    assert len(puts) == 2
    assert all(path.startswith("/up/a%2Fb?_state=x%2By%3D%3D&digest=sha256:") for path in puts)


def test_only_who_pushes_asks_for_tokens_that_write():
    repository = name.parse("example.com/team/app")
    wish = "repository:team/app:pull,push,delete repository:team/app:metadata_write"
    assert scope.own(repository) == "repository:team/app:pull"
    assert scope.wished(wish) == ("repository:team/app:pull",)
    assert scope.own(repository, pushes=True) == "repository:team/app:pull,push"
    assert scope.wished(wish, pushes=True) == ("repository:team/app:pull,push", "repository:team/app:metadata_write")
