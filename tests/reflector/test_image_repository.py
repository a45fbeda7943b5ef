"""The reconciler against registries in the process: objects in, status and conditions out."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
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


async def test_a_scan_that_finds_the_same_is_no_news(make: Make, registry: RegistryServer):
    first = await run_once(make(), repository(f"{registry.address}/app"))
    second = await run_once(make(), first.obj, now=NOON + timedelta(minutes=5))
    assert second.run.progressed == ["scanning: triggered by interval"]
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
    assert (second.ready, store.count(f"{registry.address}/app")) == (first.ready, 3)


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
    message = "failed to configure authentication options: secret 'team/none' not found"
    assert ended.ready == ("False", "AuthenticationFailed", message)


async def test_a_guarded_registry_is_read_with_the_pull_secret(make: Make, registry: RegistryServer):
    guard = Password("user", "hunter2")
    async with RegistryServer(registry.storage, guard=guard) as guarded:
        obj = repository(f"{guarded.address}/app", secret_ref=ref("pull"))
        denied = await run_once(make(pull_secret("pull", guarded.address, "user", "wrong")), obj)
        allowed = await run_once(make(pull_secret("pull", guarded.address, "user", "hunter2")), obj)
    assert denied.ready == (
        "False",
        "ReadOperationFailed",
        f"scan failed: GET http://{guarded.address}/v2/app/tags/list?n=1000: UNAUTHORIZED: authentication required",
    )
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
    assert store.count(f"{registry.address}/app") == 3


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


async def test_a_sudden_loss_of_tags_is_asked_about_twice(make: Make, store: TagStore):
    answers = [[], ["1", "2", "3", "4"]]

    async def handler(request: web.Request) -> web.Response:
        return tag_list(*answers.pop(0))

    async with serving(handler) as address:
        store.write(f"{address}/app", ["4", "3", "2", "1"], "before")
        ended = await run_once(make(), repository(f"{address}/app"))
    assert ended.ready[2].startswith("successful scan: found 4 tags")
    assert answers == []


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
    assert store.count(canonical) == 3
    await make(cached=(first.obj,)).finalize(first.obj, first.run)
    assert store.count(canonical) == 0
