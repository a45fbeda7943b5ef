"""The reconciler against registries in the process: objects in, status and conditions out."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gotk.api.image import ImageRepository
from gotk.api.meta import Object, ObjectMeta
from gotk.oci import image
from gotk.oci.client import RegistryClient
from gotk.oci.registry.guard import Password
from gotk.oci.registry.server import RegistryServer
from gotk.runtime.errors import Retry, Stalled
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import serving, tag_list
from tests.reflector.cluster import Cache, Cluster, pull_secret, ref, repository
from tests.running import NOON, run_once

Make = Callable[..., ImageRepositoryReconciler]


@pytest.fixture
def store() -> Any:
    with TagStore(None) as store:
        yield store


@pytest.fixture
async def make(store: TagStore) -> AsyncIterator[Make]:
    async def quick(seconds: float) -> None:
        return

    async with RegistryClient(sleep=quick) as client:

        def make(*secrets: Object, cached: tuple[Object, ...] = ()) -> ImageRepositoryReconciler:
            return ImageRepositoryReconciler(
                cache=Cache(*cached), objects=Cluster(*secrets), registry=client, store=store
            )

        yield make


@pytest.fixture
async def registry() -> AsyncIterator[RegistryServer]:
    async with RegistryServer() as server:
        for tag in ("latest", "v0.0.1", "v0.0.2", "v0.0.1.sig"):
            await image.push_image(server.url, "app", tag, image.build_image())
        yield server


async def test_a_first_scan_stores_tags_and_says_what_was_found(make: Make, registry: RegistryServer, store: TagStore):
    ended = await run_once(make(), repository(f"{registry.address}/app"))
    canonical = f"{registry.address}/app"
    assert list(store.tags(canonical)) == ["v0.0.2", "v0.0.1", "latest"]
    assert ended.conditions == {
        "Ready": ("True", "Succeeded", "successful scan: found 3 tags with checksum 1593509681")
    }
    assert ended.run.progressed == ["scanning: first scan"]
    status = ended.obj.status
    assert (status.canonical_image_name, status.observed_exclusion_list) == (canonical, (r"^.*\.sig$",))
    assert status.last_scan_result is not None
    assert msgspec.to_builtins(status.last_scan_result) == {
        "tagCount": 3,
        "revision": "1593509681",
        "scanTime": "2026-01-01T12:00:00Z",
        "latestTags": ("v0.0.2", "v0.0.1", "latest"),
    }
    assert ended.outcome is not None
    assert (ended.outcome.requeue_after, ended.outcome.changed) == (300.0, True)


async def test_nothing_is_asked_before_the_interval_is_over(make: Make, registry: RegistryServer):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    await image.push_image(registry.url, "app", "v0.0.3", image.build_image())
    second = await run_once(make(), first.obj, now=NOON + timedelta(seconds=60))
    assert second.obj.status.last_scan_result == first.obj.status.last_scan_result
    assert second.outcome is not None
    assert (second.outcome.requeue_after, second.outcome.changed) == (240.0, False)
    assert second.outcome.trace == "no change in repository configuration since last scan, next scan in 4m0s"
    assert second.ready == first.ready


async def test_a_start_goes_on_from_a_scan_that_the_status_does_not_tell_of(registry: RegistryServer, tmp_path: Path):
    async with RegistryClient() as client:

        def under_test(store: TagStore) -> ImageRepositoryReconciler:
            return ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)

        with TagStore(tmp_path / "tags.db") as store:
            first = await run_once(under_test(store), repository(f"{registry.address}/app"))
            await run_once(under_test(store), first.obj, now=NOON + timedelta(minutes=5))
        await image.push_image(registry.url, "app", "v0.0.3", image.build_image())
        with TagStore(tmp_path / "tags.db") as store:
            early = await run_once(under_test(store), first.obj, now=NOON + timedelta(minutes=7))
            assert early.outcome is not None
            assert (early.outcome.requeue_after, early.obj.status) == (180.0, first.obj.status)
            due = await run_once(under_test(store), first.obj, now=NOON + timedelta(minutes=10))
            assert due.obj.status.last_scan_result is not None
            assert due.obj.status.last_scan_result.tag_count == 4


async def test_a_scan_that_finds_the_same_is_no_news(make: Make, registry: RegistryServer):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    second = await run_once(make(), first.obj, now=NOON + timedelta(minutes=5))
    assert second.run.progressed == [], "which would write twice as often"
    assert second.outcome is not None
    assert (second.outcome.changed, second.outcome.trace) == (False, "tags did not change, next scan in 5m0s")


async def test_a_new_tag_is_news(make: Make, registry: RegistryServer):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    await image.push_image(registry.url, "app", "v0.0.3", image.build_image())
    second = await run_once(make(), first.obj, now=NOON + timedelta(minutes=5))
    assert second.outcome is not None
    assert (second.outcome.changed, second.outcome.trace) == (True, "successful scan, next scan in 5m0s")
    assert second.ready[2].startswith("successful scan: found 4 tags with checksum ")


async def test_a_request_scans_at_once(make: Make, registry: RegistryServer):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    metadata = msgspec.structs.replace(
        first.obj.metadata, annotations={"reconcile.fluxcd.io/requestedAt": "2026-01-01T12:00:30Z"}
    )
    second = await run_once(
        make(), msgspec.structs.replace(first.obj, metadata=metadata), now=NOON + timedelta(seconds=30)
    )
    assert second.run.progressed == ["scanning: reconcile requested"]


async def test_an_emptied_database_is_filled_again_and_readiness_unknown_meanwhile(
    make: Make, registry: RegistryServer, store: TagStore
):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    store.forget(f"{registry.address}/app")
    second = await run_once(make(), first.obj, now=NOON + timedelta(seconds=30))
    assert second.run.progressed == ["scanning: no tags in database"]
    assert second.run.saves[0].conditions[-1].status == "Unknown"
    assert (second.ready, store.generation(f"{registry.address}/app").count) == (first.ready, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("https://ghcr.io/a/b", "image 'https://ghcr.io/a/b' should not include URL scheme; remove 'https://'"),
        ("ghcr.io/a/b:1", "image 'ghcr.io/a/b:1' should not include a tag; remove ':1'"),
    ],
)
async def test_a_bad_name_stalls(make: Make, name: str, message: str):
    ended = await run_once(make(), repository(name))
    assert isinstance(ended.error, Stalled)
    assert ended.conditions == {
        "Stalled": ("True", "ImageURLInvalid", message),
        "Ready": ("False", "ImageURLInvalid", message),
    }


async def test_a_missing_secret_is_an_authentication_failure_even_when_no_scan_is_due(
    make: Make, registry: RegistryServer
):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    spec = msgspec.structs.replace(first.obj.spec, secret_ref=ref("none"))
    ended = await run_once(make(), msgspec.structs.replace(first.obj, spec=spec), now=NOON + timedelta(seconds=1))
    message = 'failed to configure authentication options: secrets "none" not found'
    assert ended.ready == ("False", "AuthenticationFailed", message)


async def test_a_guarded_registry_is_read_with_the_pull_secret(make: Make, registry: RegistryServer):
    guard = Password("user", "hunter2")
    async with RegistryServer(registry.storage, guard=guard) as guarded:
        obj = repository(f"{guarded.address}/app", secret_ref=ref("pull"))
        denied = await run_once(make(pull_secret("pull", guarded.address, "user", "wrong")), obj)
        allowed = await run_once(make(pull_secret("pull", guarded.address, "user", "hunter2")), obj)
    asked = f"GET http://{guarded.address}/v2/app/tags/list?n=1000"
    said = "UNAUTHORIZED: authentication required; the credentials of secret 'team/pull' are refused"
    assert denied.ready == ("False", "ReadOperationFailed", f"scan failed: {asked}: {said}")
    assert allowed.ready[:2] == ("True", "Succeeded")


async def test_a_failed_scan_keeps_what_the_last_one_found(make: Make, registry: RegistryServer, store: TagStore):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    registry.storage.delete_manifest("app", registry.storage.manifest("app", "latest").digest)
    gone = RegistryServer()
    async with gone:
        obj = msgspec.structs.replace(
            first.obj, spec=msgspec.structs.replace(first.obj.spec, image=f"{gone.address}/app")
        )
        ended = await run_once(make(), obj, now=NOON + timedelta(seconds=1))
    assert ended.run.progressed == ["scanning: new image name"]
    assert ended.ready[1] == "ReadOperationFailed"
    assert ended.obj.status.last_scan_result == first.obj.status.last_scan_result
    assert ended.obj.status.canonical_image_name == first.obj.status.canonical_image_name
    assert store.generation(f"{registry.address}/app").count == 3


async def test_a_bad_exclusion_is_said_in_flux_words(make: Make, registry: RegistryServer):
    ended = await run_once(make(), repository(f"{registry.address}/app", exclusion_list=("[a",)))
    message = "scan failed: failed to compile regex [a: error parsing regexp: missing closing ]: `[a`"
    assert ended.ready == ("False", "ReadOperationFailed", message)


async def test_a_registry_that_wants_to_be_left_alone_is(make: Make):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "120"})

    async with serving(handler) as address:
        ended = await run_once(make(), repository(f"{address}/app"))
    assert isinstance(ended.error, Retry)
    assert ended.error.after == 120.0


class Lists:
    """A registry that answers with whatever it is told to."""

    def __init__(self) -> None:
        self.now: web.Response | tuple[str, ...] = ()

    async def __call__(self, request: web.Request) -> web.Response:
        return self.now if isinstance(self.now, web.Response) else tag_list(*self.now)


@pytest.fixture
async def lists() -> AsyncIterator[tuple[Lists, str]]:
    lists = Lists()
    async with serving(lists) as address:
        yield lists, f"{address}/app"


FOUR = ("1", "2", "3", "4")
HELD = "image-automation.dev/TagsHeld"
REGISTRY_SAYS = {
    "no tags": ((), "TagListEmpty", "the registry lists no tags; the 4 known ones are"),
    "one tag of four": (("1",), "TagListShrunk", "the registry lists 1 of 4 known tags; the other 3 are"),
    "one tag of four and a new one": (("1", "9"), "TagListShrunk", "the registry lists 1 of 4 known tags; the other 3"),
}


async def after(make: Make, obj: ImageRepository, minutes: float, **annotations: str) -> Any:
    metadata = msgspec.structs.replace(
        obj.metadata, annotations={f"image-automation.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
    )
    return await run_once(
        make(), msgspec.structs.replace(obj, metadata=metadata), now=NOON + timedelta(minutes=minutes)
    )


@pytest.mark.parametrize(("answer", "reason", "message"), REGISTRY_SAYS.values(), ids=REGISTRY_SAYS)
async def test_a_sudden_loss_keeps_the_tags_says_so_and_is_asked_about_soon(
    make: Make, lists, store: TagStore, answer, reason, message
):
    registry, image_ = lists
    registry.now = FOUR
    first = await after(make, repository(image_), 0)
    registry.now = answer
    second = await after(make, first.obj, 5)
    assert set(store.tags(image_)) == {*FOUR, *answer}
    assert second.ready[:2] == ("True", "Succeeded")
    assert second.conditions[HELD][:2] == ("True", reason)
    assert second.conditions[HELD][2].startswith(message)
    assert [event[:2] for event in second.run.events] == [("Warning", "TagsHeld")]
    assert second.outcome.requeue_after == 30
    registry.now = FOUR
    third = await after(make, second.obj, 5.5)
    assert third.run.progressed == ["scanning: the last tag list is doubtful"]
    assert HELD not in third.conditions
    assert [event[:2] for event in third.run.events] == [("Normal", "TagsBack")]
    assert set(store.tags(image_)) >= set(FOUR)


async def test_a_real_deletion_is_believed_after_it_was_seen_twice_an_interval_apart(make: Make, lists, store):
    registry, image_ = lists
    registry.now = FOUR
    ended = await after(make, repository(image_), 0)
    registry.now = ("1",)
    for minutes in (5, 5.5, 6, 9):
        ended = await after(make, ended.obj, minutes)
        assert store.generation(image_).count == 4
        assert HELD in ended.conditions
    ended = await after(make, ended.obj, 10)
    assert list(store.tags(image_)) == ["1"]
    assert HELD not in ended.conditions
    assert [event[:3] for event in ended.run.events] == [
        ("Normal", "TagsGone", "2, 3, 4 are gone: 2 scans in a row did not list them")
    ]
    assert ended.ready[2].startswith("successful scan: found 1 tags")
    assert ended.outcome.requeue_after == 300


async def test_one_missing_tag_stays_for_a_scan_without_any_alarm(make: Make, lists, store):
    registry, image_ = lists
    registry.now = FOUR
    ended = await after(make, repository(image_), 0)
    registry.now = FOUR[:3]
    ended = await after(make, ended.obj, 5)
    assert (store.generation(image_).count, ended.run.events, HELD in ended.conditions) == (4, [], False)
    ended = await after(make, ended.obj, 10)
    assert store.generation(image_).count == 3
    assert [event[:2] for event in ended.run.events] == [("Trace", "TagsGone")]


async def test_an_annotation_restores_what_flux_does(make: Make, lists, store):
    registry, image_ = lists
    registry.now = FOUR
    first = await after(make, repository(image_), 0, believe_loss_after="1")
    registry.now = ()
    second = await after(make, first.obj, 5, believe_loss_after="1")
    assert (store.generation(image_).count, second.run.events, HELD in second.conditions) == (0, [], False)
    assert second.ready[2].startswith("successful scan: found 0 tags")


@pytest.mark.parametrize("value", ["0", "-1", "two", "256", ""])
async def test_a_bad_number_of_scans_stalls_and_is_named(make: Make, lists, value):
    ended = await after(make, repository(lists[1]), 0, believe_loss_after=value)
    assert isinstance(ended.error, Stalled)
    message = f"annotation image-automation.dev/believe-loss-after: '{value}' is not a number of scans from 1 to 255"
    assert ended.ready == ("False", "InvalidAnnotation", message)


UNREADABLE = {
    "a login page": web.Response(text="<html>log in</html>", content_type="text/html"),
    "a success with errors in it": web.json_response({"errors": [{"code": "DENIED", "message": "no"}]}),
    "half an answer": web.Response(body=b'{"name": "app", "tags": ["1", "2', content_type="application/json"),
}


@pytest.mark.parametrize("says", UNREADABLE)
async def test_an_error_page_after_a_good_scan_is_said_in_flux_words_and_in_ours(make: Make, lists, store, says):
    registry, image_ = lists
    registry.now = FOUR
    first = await after(make, repository(image_), 0)
    answer = UNREADABLE[says]
    registry.now = web.Response(body=answer.body, content_type=answer.content_type)
    second = await after(make, first.obj, 5)
    assert second.ready[:2] == ("False", "ReadOperationFailed")
    assert second.conditions[HELD][:2] == ("True", "TagListUnreadable")
    assert (store.generation(image_).count, second.obj.status.last_scan_result) == (
        4,
        first.obj.status.last_scan_result,
    )
    registry.now = FOUR
    third = await after(make, second.obj, 6)
    assert (third.ready[0], HELD in third.conditions) == ("True", False)


async def test_a_list_beyond_a_limit_is_said_to_be_cut(make: Make, lists, store, monkeypatch):
    registry, image_ = lists
    registry.now = FOUR
    first = await after(make, repository(image_), 0)
    monkeypatch.setattr("gotk.oci.lister._TAG_LIMIT", 4)
    registry.now = (*FOUR, "5")
    second = await after(make, first.obj, 5)
    assert (second.ready[1], second.conditions[HELD][1]) == ("ReadOperationFailed", "TagListCut")
    assert store.generation(image_).count == 4


async def test_half_a_list_is_none_and_said_without_another_event(make: Make, store):
    pages: list[web.Response] = []

    async def handler(request: web.Request) -> web.Response:
        return pages.pop(0) if pages else web.Response(status=503)

    async with serving(handler) as address:
        pages = [tag_list("1", "2", link='</v2/app/tags/list?last=2>; rel="next"'), tag_list("3")]
        first = await after(make, repository(f"{address}/app"), 0)
        pages = [tag_list("1", "2", link='</v2/app/tags/list?last=2>; rel="next"')]
        second = await after(make, first.obj, 5)
    assert (second.ready[1], second.conditions[HELD][1]) == ("ReadOperationFailed", "TagListUnavailable")
    assert (store.generation(f"{address}/app").count, second.run.events) == (3, [])


async def test_a_short_list_after_the_store_was_lost_is_doubted(make: Make, lists, store):
    registry, image_ = lists
    registry.now = FOUR
    first = await after(make, repository(image_), 0)
    store.forget(image_)
    registry.now = ("1",)
    second = await after(make, first.obj, 5)
    assert second.conditions[HELD][:2] == ("True", "TagListShrunk")
    assert store.generation(image_).doubtful
    third = await after(make, second.obj, 10)
    assert (HELD in third.conditions, store.generation(image_).doubtful) == (False, False)


async def test_a_repository_without_tags_is_scanned_successfully(make: Make):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"name": "app", "tags": None})

    async with serving(handler) as address:
        ended = await run_once(make(), repository(f"{address}/app"))
    assert ended.ready == ("True", "Succeeded", "successful scan: found 0 tags with checksum 18153657")


async def test_tags_go_with_the_last_repository_of_their_image(make: Make, registry: RegistryServer, store: TagStore):
    canonical = f"{registry.address}/app"
    first = await run_once(make(), repository(canonical))
    twin: ImageRepository = msgspec.structs.replace(
        first.obj, metadata=ObjectMeta(name="twin", namespace="other", uid="uid-twin")
    )
    await make(cached=(first.obj, twin)).finalize(first.obj, first.run)
    assert store.generation(canonical).count == 3
    await make(cached=(first.obj,)).finalize(first.obj, first.run)
    assert store.generation(canonical).count == 0
