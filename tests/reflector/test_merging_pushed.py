"""Tags that a webhook named are taken in once the registry answers for them, and nothing else changes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.oci.client import RegistryClient
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import serving, tag_list
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import NOON, Ended, run_once

LISTED = ("1.0.0", "1.1.0", "1.2.0")
HELD = "image-automation.dev/TagsHeld"


@dataclass
class Registry:
    """A registry whose list and whose manifests are two things, as behind a cache; it counts what it is asked."""

    lists: tuple[str, ...] = LISTED
    has: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path.rpartition('/app/')[2]}")
        if request.path.endswith("/tags/list"):
            return tag_list(*self.lists)
        if request.path.rpartition("/")[2] in self.has:
            return web.Response(headers={"Docker-Content-Digest": f"sha256:{'a' * 64}"})
        return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)


@dataclass
class Scene:
    """A repository that was scanned at noon, and who scans it."""

    registry: Registry
    store: TagStore
    reconciler: ImageRepositoryReconciler
    obj: ImageRepository

    @property
    def tags(self) -> list[str]:
        return list(self.store.tags(self.obj.spec.image))

    async def at(self, minutes: float, pushed: str = "", request: str = "") -> Ended[ImageRepository]:
        """Run at a time; `pushed` is what a webhook named and `request` the request that it made, kept from then on."""
        said = {extensions.PUSHED: pushed} if pushed else {}
        said |= {"reconcile.fluxcd.io/requestedAt": request} if request else {}
        metadata = msgspec.structs.replace(self.obj.metadata, annotations={**self.obj.metadata.annotations, **said})
        self.registry.asked.clear()
        ended = await run_once(
            self.reconciler,
            msgspec.structs.replace(self.obj, metadata=metadata),
            now=NOON + timedelta(minutes=minutes),
        )
        self.obj = ended.obj
        return ended


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async def quick(seconds: float) -> None:
        return

    spec: dict[str, Any] = getattr(request, "param", {})
    registry = Registry()
    with TagStore(None) as store:
        async with serving(registry) as address, RegistryClient(sleep=quick) as client:
            reconciler = ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)
            made = Scene(registry, store, reconciler, repository(f"{address}/app", **spec))
            await made.at(0)
            yield made


async def test_a_pushed_tag_is_taken_in_after_one_question_and_without_a_list(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    ended = await scene.at(1, "1.3.0", "a")
    assert scene.registry.asked == ["HEAD manifests/1.3.0"]
    assert scene.tags == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    assert ended.ready[2].startswith("successful scan: found 4 tags")
    found = ended.obj.status.last_scan_result
    assert found is not None
    assert found.scan_time == "2026-01-01T12:00:00Z", "the time of the last list stays"


async def test_a_tag_that_the_registry_does_not_have_is_not_taken_in_and_the_list_is_read(scene: Scene) -> None:
    ended = await scene.at(1, "1.3.0", "a")
    assert scene.registry.asked == ["HEAD manifests/1.3.0", "GET tags/list"]
    assert scene.tags == ["1.2.0", "1.1.0", "1.0.0"]
    assert ended.ready[2].startswith("successful scan: found 3 tags")


async def test_of_two_tags_neither_is_taken_in_unless_the_registry_has_both(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    await scene.at(1, "1.3.0,1.4.0", "a")
    assert scene.tags == ["1.2.0", "1.1.0", "1.0.0"]


@pytest.mark.parametrize("scene", [{"exclusion_list": (r"^.*-rc$",)}], indirect=True)
async def test_an_excluded_tag_stays_out_also_where_a_webhook_names_it(scene: Scene) -> None:
    scene.registry.has = {"1.3.0-rc", "1.3.0"}
    before = scene.obj.status.last_scan_result
    ended = await scene.at(1, "1.3.0-rc", "a")
    assert scene.tags == ["1.2.0", "1.1.0", "1.0.0"]
    assert ended.obj.status.last_scan_result == before
    await scene.at(2, "1.3.0-rc,1.3.0", "b")
    assert scene.tags == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]


async def test_a_list_that_catches_up_late_does_not_take_the_tag_away_and_alarms_nobody(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    merged = await scene.at(1, "1.3.0", "a")
    revision = merged.obj.status.last_scan_result
    late = await scene.at(5)
    assert scene.registry.asked == ["GET tags/list", "HEAD manifests/1.3.0"], "the list is read when it would have been"
    assert scene.tags[0] == "1.3.0"
    scene.registry.lists = (*LISTED, "1.3.0")
    there = await scene.at(10)
    assert scene.tags[0] == "1.3.0"
    for ended in (merged, late, there):
        assert HELD not in ended.conditions
        assert ended.run.events == []
        assert ended.obj.status.last_scan_result is not None
        assert revision is not None
        assert ended.obj.status.last_scan_result.revision == revision.revision, "policies do not wake"


async def test_calls_that_repeat_a_tag_before_the_list_has_it_do_not_make_it_flap(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    for number in range(6):
        ended = await scene.at(1 + number / 10, "1.3.0", f"call {number}")
        assert scene.tags[0] == "1.3.0"
        assert (ended.run.events, HELD in ended.conditions) == ([], False)


async def test_a_tag_that_is_deleted_again_goes_as_any_other_does(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    await scene.at(1, "1.3.0", "a")
    await scene.at(5)
    await scene.at(10)
    scene.registry.has = set()
    await scene.at(15)
    assert scene.tags[0] == "1.3.0"
    await scene.at(20)
    assert scene.tags[0] == "1.2.0"


async def test_while_a_list_is_doubted_a_webhook_leads_to_the_list_and_the_doubt_stays(scene: Scene) -> None:
    scene.registry.lists = ()
    assert HELD in (await scene.at(5)).conditions
    scene.registry.has = {"1.3.0"}
    await scene.at(5.1, "1.3.0", "a")
    assert scene.registry.asked == ["GET tags/list"]
    assert "1.3.0" not in scene.tags


async def test_an_answered_request_is_not_answered_again(scene: Scene) -> None:
    scene.registry.has = {"1.3.0"}
    await scene.at(1, "1.3.0", "a")
    await scene.at(2)
    assert scene.registry.asked == []
