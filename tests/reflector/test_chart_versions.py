"""A chart's versions in the place of a registry's tags: where they are kept, and what is refused."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.oci import errors
from gotk.oci.client import RegistryClient
from gotk.oci.registry.server import RegistryServer
from gotk.runtime.errors import Retry, Stalled
from reflector import chart_versions
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.reflector.cluster import Cache, Cluster, ref, repository
from tests.running import NOON, run_once

KEY = "HelmRepository/team/charts/web"


class Indexes:
    """Indexes in memory, by namespace, repository and chart."""

    def __init__(self, **versions: Sequence[str]) -> None:
        self.charts = {("team", "charts", name): tuple(listed) for name, listed in versions.items()}

    async def versions(self, namespace: str, repository: str, chart: str, *, timeout: float) -> Sequence[str]:
        try:
            return self.charts[namespace, repository, chart]
        except KeyError:
            raise errors.NotFound(f"HelmRepository {namespace}/{repository} not found: create it") from None


@pytest.fixture
def store() -> Iterator[TagStore]:
    with TagStore(None) as store:
        yield store


@pytest.fixture
async def make(store: TagStore) -> Any:
    async with RegistryClient() as client:

        def make(indexes: Indexes | None) -> ImageRepositoryReconciler:
            return ImageRepositoryReconciler(
                cache=Cache(), objects=Cluster(), registry=client, store=store, charts=indexes
            )

        yield make


Make = Callable[[Indexes | None], ImageRepositoryReconciler]


def annotated(obj: ImageRepository, text: str = "charts/web", **more: str) -> ImageRepository:
    annotations = {extensions.HELM_CHART: text, **more}
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=annotations))


async def test_the_versions_of_an_index_are_kept_like_tags(make: Make, store: TagStore) -> None:
    indexes = Indexes(web=("1.1.0+up2.3", "1.0.0", "no version", "-1"))
    ended = await run_once(make(indexes), annotated(repository("charts.example.com/web", secret_ref=ref("none"))))
    assert ended.ready[0] == "True"
    assert ended.ready[2].startswith("successful scan: found 2 tags with checksum ")
    assert list(store.tags(KEY)) == ["1.1.0+up2.3", "1.0.0"]
    assert ended.obj.status.canonical_image_name == KEY


async def test_the_list_of_the_image_itself_is_never_touched(make: Make, store: TagStore) -> None:
    await run_once(make(Indexes(web=["9.9.9"])), annotated(repository("index.docker.io/team/web")))
    assert not store.tags("index.docker.io/team/web")


async def test_a_version_that_is_missing_once_is_kept(make: Make, store: TagStore) -> None:
    indexes = Indexes(web=("1.2.0", "1.1.0", "1.0.0"))
    first = await run_once(make(indexes), annotated(repository("charts.example.com/web")))
    indexes.charts["team", "charts", "web"] = ("1.1.0", "1.0.0")
    second = await run_once(make(indexes), first.obj, now=NOON + timedelta(minutes=5))
    assert "1.2.0" in store.tags(KEY)
    third = await run_once(make(indexes), second.obj, now=NOON + timedelta(minutes=10))
    assert third.ready[2].startswith("successful scan: found 2 tags")
    assert "1.2.0" not in store.tags(KEY)


async def test_an_index_that_is_gone_leaves_what_is_known_in_force(make: Make, store: TagStore) -> None:
    indexes = Indexes(web=["1.0.0"])
    first = await run_once(make(indexes), annotated(repository("charts.example.com/web")))
    indexes.charts.clear()
    second = await run_once(make(indexes), first.obj, now=NOON + timedelta(minutes=5))
    assert isinstance(second.error, Retry)
    message = "scan failed: HelmRepository team/charts not found: create it"
    assert second.ready == ("False", "ReadOperationFailed", message)
    assert second.conditions[extensions.TAGS_HELD][:2] == ("True", "TagListUnavailable")
    assert list(store.tags(KEY)) == ["1.0.0"]


async def test_with_the_annotation_gone_the_registry_is_scanned_at_once(make: Make, store: TagStore) -> None:
    async with RegistryServer() as registry:
        first = await run_once(make(Indexes(web=["1.0.0"])), annotated(repository(f"{registry.address}/app")))
        bare = msgspec.structs.replace(first.obj, metadata=msgspec.structs.replace(first.obj.metadata, annotations={}))
        second = await run_once(make(Indexes()), bare, now=NOON + timedelta(seconds=2))
    assert second.run.progressed[0] == "scanning: new image name"


async def test_a_version_that_a_webhook_named_counts_only_with_the_index(make: Make, store: TagStore) -> None:
    indexes = Indexes(web=["1.0.0"])
    first = await run_once(make(indexes), annotated(repository("charts.example.com/web")))
    asked = {extensions.PUSHED: "6.6.6", "reconcile.fluxcd.io/requestedAt": "now"}
    second = await run_once(make(indexes), annotated(first.obj, **asked), now=NOON + timedelta(seconds=9))
    assert second.ready[0] == "True"
    assert list(store.tags(KEY)) == ["1.0.0"]


@pytest.mark.parametrize("text", ["", "charts", "charts/", "/web", "Charts/web", "charts/we b", "charts/" + "w" * 300])
async def test_an_annotation_that_names_no_chart_stalls(make: Make, text: str) -> None:
    ended = await run_once(make(Indexes()), annotated(repository("charts.example.com/web"), text))
    assert isinstance(ended.error, Stalled)
    reason, message = ended.conditions["Stalled"][1:]
    assert reason == "InvalidAnnotation"
    assert message.startswith(f"annotation image-automation.dev/helm-chart: '{text[:64]}' is not REPOSITORY/CHART")


async def test_a_command_that_reads_no_indexes_says_so(make: Make) -> None:
    ended = await run_once(make(None), annotated(repository("charts.example.com/web")))
    assert isinstance(ended.error, Stalled)
    assert "only the running service reads the indexes" in ended.ready[2]


def test_a_chart_is_named_whole() -> None:
    chart = chart_versions.wanted(annotated(repository("charts.example.com/web"), "charts/team/web"))
    assert str(chart) == "chart 'team/web' of HelmRepository team/charts"
