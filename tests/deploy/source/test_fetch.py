"""Fetching artifacts: tried again, given up, shared."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from deploy.source import download, fetch
from gotk.api.meta import Artifact
from gotk.http.transport import Transport
from gotk.runtime.blocking import Limiter
from tests.deploy.kustomize import sources
from tests.gotk.oci.serving import serving

BODY = sources.archive({"cm.yaml": sources.config_map()})


class QuickClock:
    """A clock whose sleeps are over at once and add up."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Source:
    """A server that gives the answers it was told to give, the last one for ever."""

    def __init__(self, scratch: Path, transport: Transport, limiter: Limiter) -> None:
        self.answers: list[int] = [200]
        self.bodies: dict[str, bytes] = {}
        self.asked = 0
        self.url = ""
        self.clock = QuickClock()
        self.scratch = scratch
        downloads = download.Downloads(transport=transport, clock=self.clock, limiter=limiter, retries=5, each=None)
        self.trees = fetch.Trees(downloads=downloads, limiter=limiter, scratch=scratch, capacity=1)

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = self.bodies.get(request.query_string, BODY) if status == 200 else b"<html>"
        return web.Response(status=status, body=body, headers={"Location": "/other"})

    def artifact(self, digest: str = sources.digest(BODY)) -> Artifact:
        return Artifact(digest=digest, path="p", url=self.url, revision="r", last_update_time="")

    async def names(self) -> list[str]:
        async with self.trees.open(self.artifact(), timeout=10) as root:
            return [path.name for path in root.iterdir()]


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Source]:
    with Limiter(width=2) as limiter:
        async with Transport() as transport:
            made = Source(tmp_path, transport, limiter)
            app = web.Application()
            app.router.add_get("/a.tar.gz", made.serve)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/a.tar.gz"
            yield made
            await runner.cleanup()


async def test_an_archive_is_fetched_once_for_many(source: Source) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source.names()) for _ in range(5)]
    assert [task.result() for task in tasks] == [["cm.yaml"]] * 5
    assert await source.names() == ["cm.yaml"]
    assert source.asked == 1


async def test_a_server_in_trouble_is_asked_again(source: Source) -> None:
    source.answers = [503, 500, 200]
    assert await source.names() == ["cm.yaml"]
    assert source.clock.slept == [1, 2]


async def test_at_last_it_is_given_up(source: Source) -> None:
    source.answers = [503]
    with pytest.raises(download.ArtifactError, match=r"failed to download archive from .* \(status: 503\)"):
        await source.names()
    assert source.asked == 6
    assert not list(source.scratch.iterdir())


async def test_a_server_that_is_not_there_is_asked_again(source: Source) -> None:
    source.url = "http://127.0.0.1:1/a.tar.gz"
    with pytest.raises(download.ArtifactError, match="failed to download archive from "):
        await source.names()
    assert len(source.clock.slept) == 5


@pytest.mark.parametrize(
    ("status", "error"), [(404, download.ArtifactMissing), (403, download.ArtifactError), (302, download.ArtifactError)]
)
async def test_a_clear_answer_is_believed(status: int, error: type[Exception], source: Source) -> None:
    source.answers = [status]
    with pytest.raises(error):
        await source.names()
    assert source.asked == 1


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/a.tar.gz", "http://[fe80::1]/a.tar.gz", "ftp://x/a", "http://["]
)
async def test_an_address_that_no_artifact_has_is_refused_at_once(url: str, source: Source) -> None:
    source.url = url
    with pytest.raises(download.ArtifactError, match="failed to download archive from "):
        await source.names()
    assert source.clock.slept == []


async def test_an_archive_comes_as_it_lies_there(source: Source) -> None:
    asked = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=BODY)

    async with serving(serve) as address:
        source.url = f"http://{address}/a.tar.gz"
        assert await source.names() == ["cm.yaml"]
    assert asked == ["identity"]


async def test_a_server_that_says_nothing_is_asked_again_after_so_long(tmp_path: Path) -> None:
    asked = 0

    async def serve(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.Event().wait()
        return web.Response(body=BODY)

    clock = QuickClock()
    async with serving(serve) as address, Transport() as transport:
        with Limiter(width=1) as limiter:
            downloads = download.Downloads(transport=transport, clock=clock, limiter=limiter, retries=1, each=0.3)
            artifact = Artifact(
                digest=sources.digest(BODY), path="p", url=f"http://{address}/a", revision="r", last_update_time=""
            )
            await downloads.fetch(artifact, tmp_path / "a", timeout=30)
    assert (tmp_path / "a").read_bytes() == BODY
    assert (asked, len(clock.slept)) == (2, 1)


async def test_a_failure_is_not_remembered(source: Source) -> None:
    source.answers = [404, 200]
    with pytest.raises(download.ArtifactMissing):
        await source.names()
    assert await source.names() == ["cm.yaml"]


async def test_trees_that_nobody_reads_go(source: Source) -> None:
    await source.names()
    digest = sources.digest(BODY).removeprefix("sha256:")
    async with source.trees.open(source.artifact(digest), timeout=10):
        pass
    assert len(list(source.scratch.iterdir())) == 1


async def test_many_trees_come_and_go_at_once_and_each_goes_once(source: Source) -> None:
    source.bodies = {f"n={n}": sources.archive({f"{n}.yaml": sources.config_map()}) for n in range(8)}
    wanted = [
        Artifact(digest=sources.digest(body), path="p", url=f"{source.url}?{query}", revision="r", last_update_time="")
        for query, body in source.bodies.items()
    ]

    async def read(number: int, found: Artifact) -> None:
        async with source.trees.open(found, timeout=10) as root:
            assert [path.name for path in root.iterdir()] == [f"{number % 8}.yaml"]

    for _ in range(20):
        source.answers = [200, 404] * 8 + [200]
        ended = await asyncio.gather(*(read(n, each) for n, each in enumerate(wanted * 2)), return_exceptions=True)
        assert {type(each) for each in ended} <= {type(None), download.ArtifactMissing}
    source.answers = [200]
    assert await source.names() == ["cm.yaml"]
    assert len(list(source.scratch.iterdir())) == 1


async def test_the_tree_of_the_last_artifact_becomes_that_of_the_next_where_nobody_reads_it(source: Source) -> None:
    found: list[Path] = []
    bodies = [sources.archive({"same/cm.yaml": "x", name: name}) for name in ("one", "two", "three")]
    artifacts = []
    for number, body in enumerate(bodies):
        source.bodies[str(number)] = body
        artifact = source.artifact(sources.digest(body))
        artifacts.append(msgspec.structs.replace(artifact, url=f"{source.url}?{number}"))

    async def opened(number: int) -> list[str]:
        async with source.trees.open(artifacts[number], timeout=10) as root:
            found.append(root)
            return sorted(path.name for path in root.iterdir())

    assert [await opened(0), await opened(1)] == [["one", "same"], ["same", "two"]]
    assert found[0] == found[1]
    async with source.trees.open(artifacts[1], timeout=10) as root:
        assert await opened(2) == ["same", "three"]
        assert (root / "two").read_text() == "two"
    assert found[2] != found[1]
    assert await opened(0) == ["one", "same"]


async def test_an_archive_that_does_not_go_over_the_last_one_is_unpacked_anew(source: Source) -> None:
    for number, files in enumerate(({"a/b": "x"}, {"a": "y"})):
        body = source.bodies[str(number)] = sources.archive(files)
        artifact = msgspec.structs.replace(source.artifact(sources.digest(body)), url=f"{source.url}?{number}")
        async with source.trees.open(artifact, timeout=10) as root:
            assert [path.name for path in root.iterdir()] == ["a"]
    assert [path.name for path in source.scratch.iterdir()] == [root.name]
    assert (root / "a").read_text() == "y"
