from pathlib import Path

import aiohttp
import pytest

from deploy.source.server import ArtifactServer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data" / "gitrepository" / "apps").mkdir(parents=True)
    (tmp_path / "data" / "gitrepository" / "apps" / "a.tar.gz").write_bytes(b"0123456789")
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "secret")
    return tmp_path / "data"


async def answer(root: Path, method: str, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    async with ArtifactServer(root) as server, aiohttp.ClientSession() as session:
        url = f"http://{server.address}{path}"
        async with session.request(method, url, headers={k.replace("_", "-"): v for k, v in headers.items()}) as got:
            return got.status, await got.read(), dict(got.headers)


async def test_an_artifact_is_handed_out(root: Path) -> None:
    status, body, _ = await answer(root, "GET", "/gitrepository/apps/a.tar.gz")
    assert (status, body) == (200, b"0123456789")


async def test_a_name_that_leads_to_an_artifact_hands_it_out(root: Path) -> None:
    (root / "gitrepository" / "apps" / "latest.tar.gz").symlink_to("a.tar.gz")
    status, body, _ = await answer(root, "GET", "/gitrepository/apps/latest.tar.gz")
    assert (status, body) == (200, b"0123456789")


async def test_head_tells_the_size(root: Path) -> None:
    status, body, headers = await answer(root, "HEAD", "/gitrepository/apps/a.tar.gz")
    assert (status, body, headers["Content-Length"]) == (200, b"", "10")


async def test_a_range_is_a_part(root: Path) -> None:
    status, body, _ = await answer(root, "GET", "/gitrepository/apps/a.tar.gz", Range="bytes=2-4")
    assert (status, body) == (206, b"234")


async def test_what_did_not_change_is_not_sent_again(root: Path) -> None:
    _, _, headers = await answer(root, "GET", "/gitrepository/apps/a.tar.gz")
    again = await answer(root, "GET", "/gitrepository/apps/a.tar.gz", If_Modified_Since=headers["Last-Modified"])
    assert again[0] == 304


async def test_the_root_answers_a_readiness_probe(root: Path) -> None:
    status, body, _ = await answer(root, "GET", "/")
    assert status == 200
    assert b"gitrepository" in body


@pytest.mark.parametrize(
    "path", ["/none", "/link", "/../secret", "/%2e%2e/secret", "/gitrepository/%2e%2e/%2e%2e/secret"]
)
async def test_nothing_else_is_reached(root: Path, path: str) -> None:
    status, body, _ = await answer(root, "GET", path)
    assert status in {403, 404}
    assert b"s3cret" not in body


async def test_nothing_can_be_put(root: Path) -> None:
    assert (await answer(root, "PUT", "/x"))[0] == 405
