"""One suite over registries: ours always, the distribution project's where it is installed.

What one of them may do differently (the old one ignores `n` of a tag list) is told from what both must do.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gotk.oci import errors, image, name
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.registry.files import DirectoryFiles
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from tests import registries

DIRECT = Access()


@pytest.fixture(
    params=[
        "memory",
        "directory",
        pytest.param("docker-registry", marks=pytest.mark.real),
    ]
)
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "docker-registry":
        if not registries.installed():
            pytest.skip("docker-registry is not installed")
        with registries.docker_registry(tmp_path) as address:
            yield address
    else:
        files = DirectoryFiles(tmp_path / "files") if request.param == "directory" else None
        async with RegistryServer(Storage(files)) as server:
            yield server.address


@pytest.fixture
async def http(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=f"http://{address}") as session:
        yield session


@pytest.fixture
async def client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient() as client:
        yield client


async def push(address: str, repository: str, tag: str, **labels: str) -> str:
    return await image.push_image(f"http://{address}", repository, tag, image.build_image(labels=labels))


async def code(response: aiohttp.ClientResponse) -> tuple[int, str]:
    body = await response.json()
    return response.status, body["errors"][0]["code"]


async def test_a_pushed_image_is_listed_and_resolved(address: str, client: RegistryClient):
    digest = await push(address, "team/app", "1.0.0")
    repository = name.parse(f"{address}/team/app")
    assert (await client.list_tags(repository, DIRECT)).tags == ["1.0.0"]
    assert await client.digest(repository, "1.0.0", DIRECT) == digest


async def test_every_tag_is_found_whether_or_not_the_registry_paginates(address: str):
    expected = {f"1.0.{number}" for number in range(25)}
    pushed = image.build_image()
    for tag in expected:
        await image.push_image(f"http://{address}", "many", tag, pushed)
    async with RegistryClient(page_size=7) as client:
        listing = await client.list_tags(name.parse(f"{address}/many"), DIRECT)
    assert (set(listing.tags), len(listing.tags), listing.dropped) == (expected, 25, 0)


async def test_the_manifest_comes_back_byte_for_byte(address: str, http: aiohttp.ClientSession):
    pushed = image.build_image(labels={"a": "b"})
    await image.push_image(f"http://{address}", "app", "1", pushed)
    for reference in ("1", pushed.digest):
        async with http.get(f"/v2/app/manifests/{reference}", headers={"Accept": image.MANIFEST_TYPE}) as response:
            assert (response.status, response.content_type) == (200, image.MANIFEST_TYPE)
            assert response.headers["Docker-Content-Digest"] == pushed.digest
            assert await response.read() == pushed.manifest


async def test_head_gives_digest_and_length_without_a_body(address: str, http: aiohttp.ClientSession):
    pushed = image.build_image()
    await image.push_image(f"http://{address}", "app", "1", pushed)
    async with http.head("/v2/app/manifests/1", headers={"Accept": image.MANIFEST_TYPE}) as response:
        assert response.headers["Docker-Content-Digest"] == pushed.digest
        assert response.headers["Content-Length"] == str(len(pushed.manifest))
        assert await response.read() == b""


async def test_a_blob_is_uploaded_in_pieces(http: aiohttp.ClientSession):
    content = b"one two three"
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    async with http.post("/v2/app/blobs/uploads/") as response:
        assert response.status == 202
        location = response.headers["Location"]
    for start, end in ((0, 4), (4, 8)):
        headers = {"Content-Range": f"{start}-{end - 1}", "Content-Type": "application/octet-stream"}
        async with http.patch(location, data=content[start:end], headers=headers) as response:
            assert (response.status, response.headers["Range"]) == (202, f"0-{end - 1}")
            location = response.headers["Location"]
    headers = {"Content-Type": "application/octet-stream"}
    separator = "&" if "?" in location else "?"
    async with http.put(f"{location}{separator}digest={digest}", data=content[8:], headers=headers) as response:
        assert (response.status, response.headers["Docker-Content-Digest"]) == (201, digest)
    async with http.get(f"/v2/app/blobs/{digest}") as response:
        assert await response.read() == content


async def test_a_blob_with_another_digest_is_refused(http: aiohttp.ClientSession):
    async with http.post("/v2/app/blobs/uploads/") as response:
        location = response.headers["Location"]
    separator = "&" if "?" in location else "?"
    wrong = "sha256:" + "0" * 64
    async with http.put(f"{location}{separator}digest={wrong}", data=b"content") as response:
        assert await code(response) == (400, "DIGEST_INVALID")


async def test_a_blob_is_mounted_from_another_repository(address: str, http: aiohttp.ClientSession):
    pushed = image.build_image()
    await image.push_image(f"http://{address}", "one", "1", pushed)
    digest = json.loads(pushed.manifest)["layers"][0]["digest"]
    async with http.post("/v2/two/blobs/uploads/", params={"mount": digest, "from": "one"}) as response:
        assert response.status == 201
    async with http.head(f"/v2/two/blobs/{digest}") as response:
        assert response.status == 200


async def test_a_manifest_whose_blobs_are_missing_is_refused(http: aiohttp.ClientSession):
    body, headers = image.build_image().manifest, {"Content-Type": image.MANIFEST_TYPE}
    async with http.put("/v2/app/manifests/1", data=body, headers=headers) as response:
        assert await code(response) == (400, "MANIFEST_BLOB_UNKNOWN")


async def test_what_is_no_manifest_is_refused(http: aiohttp.ClientSession):
    async with http.put(
        "/v2/app/manifests/1", data=b"not json", headers={"Content-Type": image.MANIFEST_TYPE}
    ) as response:
        assert await code(response) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/none/tags/list", (404, "NAME_UNKNOWN")),
        ("/v2/app/manifests/none", (404, "MANIFEST_UNKNOWN")),
        ("/v2/app/manifests/sha256:" + "0" * 64, (404, "MANIFEST_UNKNOWN")),
        ("/v2/app/blobs/sha256:" + "0" * 64, (404, "BLOB_UNKNOWN")),
    ],
    ids=["repository", "tag", "manifest digest", "blob"],
)
async def test_what_is_not_there_is_said_so(
    address: str, http: aiohttp.ClientSession, path: str, expected: tuple[int, str]
):
    await push(address, "app", "1")
    async with http.get(path) as response:
        assert await code(response) == expected


async def test_the_catalog_paginates_with_links(address: str, http: aiohttp.ClientSession):
    for repository in ("a", "b/c", "d"):
        await push(address, repository, "1")
    async with http.get("/v2/_catalog", params={"n": 2}) as response:
        assert (await response.json())["repositories"] == ["a", "b/c"]
        following = str(response.links["next"]["url"])
    async with http.get(following) as response:
        assert (await response.json())["repositories"] == ["d"]
        assert "Link" not in response.headers


async def test_a_deleted_manifest_is_gone_with_its_tags(address: str, http: aiohttp.ClientSession):
    gone = await push(address, "app", "1", which="gone")
    await push(address, "app", "2", which="kept")
    async with http.delete(f"/v2/app/manifests/{gone}") as response:
        assert response.status == 202
    async with http.get("/v2/app/manifests/1") as response:
        assert response.status == 404
    async with http.get("/v2/app/tags/list") as response:
        assert (await response.json())["tags"] == ["2"]


async def test_a_tag_moves_to_the_image_pushed_last(address: str, client: RegistryClient):
    await push(address, "app", "latest", which="first")
    second = await push(address, "app", "latest", which="second")
    assert await client.digest(name.parse(f"{address}/app"), "latest", DIRECT) == second


async def test_the_client_names_an_unknown_repository(address: str, client: RegistryClient):
    with pytest.raises(errors.NotFound, match="NAME_UNKNOWN: repository name not known to registry"):
        await client.list_tags(name.parse(f"{address}/none"), DIRECT)
