"""Asking to look again is no consent to a loss of tags; consent names the loss, and holds once."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api.image import ImageRepository
from gotk.oci.access import Access
from gotk.oci.listing import Listing, Page
from gotk.oci.name import Repository
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import NOON, run_once

IMAGE = "registry.example/app"
FOUR = ("1", "2", "3", "4")
HELD, LOSS = "image-automation.dev/TagsHeld", "image-automation.dev/loss"


def loss_of(obj: ImageRepository) -> str:
    return obj.metadata.annotations.get(LOSS, "")


class World:
    """A registry that lists what it is told, a tag store on disk, and the reconciler between them."""

    def __init__(self, path: Path) -> None:
        self.now: Sequence[str] = FOUR
        self._path = path
        self.store = TagStore(path)
        self._reconciler = self._make()

    def restart(self) -> None:
        self.store.close()
        self.store = TagStore(self._path)
        self._reconciler = self._make()

    def _make(self) -> ImageRepositoryReconciler:
        return ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=self, store=self.store)

    @property
    def tags(self) -> set[str]:
        return set(self.store.tags(IMAGE))

    async def list_tags(self, repository: Repository, access: Access) -> Listing:
        return Listing([Page(json.dumps({"tags": self.now}).encode())], what=repository, limit=1000)

    async def digest(self, repository: Repository, tag: str, access: Access) -> str:
        raise NotImplementedError

    async def scan(self, obj: ImageRepository, minutes: float, *, requested: str = "", accept: str = "") -> Any:
        named = {"reconcile.fluxcd.io/requestedAt": requested, "image-automation.dev/accept-loss": accept}
        named |= {LOSS: loss_of(obj)}
        annotations = {name: value for name, value in named.items() if value}
        metadata = msgspec.structs.replace(obj.metadata, annotations=annotations)
        asked = msgspec.structs.replace(obj, metadata=metadata)
        return await run_once(self._reconciler, asked, now=NOON + timedelta(minutes=minutes))

    async def begin(self, *then: str) -> Any:
        """Scan four tags, and five minutes later what is then listed."""
        first = await self.scan(repository(IMAGE), 0)
        self.now = then
        return await self.scan(first.obj, 5)


@pytest.fixture
def world(tmp_path: Path):
    world = World(tmp_path / "tags.db")
    yield world
    world.store.close()


REQUESTS = {
    "many in a row": [5.1, 5.2, 5.3, 6, 7, 8, 9],
    "one": [5.02],
    "a burst": [5 + n / 600 for n in range(1, 60)],
    "just before the interval": [9.4],
}


@pytest.mark.parametrize("minutes", REQUESTS.values(), ids=REQUESTS)
async def test_asking_to_look_again_is_no_consent_to_a_loss(world, minutes):
    ended = await world.begin("1")
    for number, minute in enumerate(minutes):
        ended = await world.scan(ended.obj, minute, requested=str(number))
        assert ended.run.progressed == ["scanning: reconcile requested"]
        assert world.tags == set(FOUR)
        assert ended.conditions[HELD][2].startswith("the registry lists 1 of 4 known tags; the other 3 are kept until")
    ended = await world.scan(ended.obj, 10, requested="last")
    assert world.tags == {"1"}


async def test_a_loss_of_a_few_tags_is_not_believed_for_the_asking_either(world):
    ended = await world.begin(*FOUR[:3])
    ended = await world.scan(ended.obj, 5.1, requested="1")
    assert world.tags == set(FOUR)


async def test_an_edit_of_the_exclusions_is_no_consent_to_a_loss(world):
    ended = await world.begin("1")
    spec = msgspec.structs.replace(ended.obj.spec, exclusion_list=("^4$",))
    ended = await world.scan(msgspec.structs.replace(ended.obj, spec=spec), 5.5)
    assert ended.run.progressed == ["scanning: updated exclusion list"]
    assert world.tags == {"1", "2", "3"}


async def test_two_objects_of_one_image_count_as_one(world):
    world.now = FOUR
    first, second = [await world.scan(repository(IMAGE, name=name), 0) for name in ("a", "b")]
    world.now = ("1",)
    await world.scan(first.obj, 5)
    await world.scan(second.obj, 5.1)
    assert world.tags == set(FOUR)


async def test_a_restart_in_between_changes_nothing(world):
    ended = await world.begin("1")
    for number, minute in enumerate((5.2, 5.4, 6)):
        world.restart()
        ended = await world.scan(ended.obj, minute, requested=str(number))
        assert world.tags == set(FOUR)


async def test_suspending_and_resuming_is_no_consent_to_a_loss(world):
    ended = await world.begin("1")
    spec = msgspec.structs.replace(ended.obj.spec, suspend=True)
    resumed = msgspec.structs.replace(ended.obj, spec=msgspec.structs.replace(spec, suspend=False))
    ended = await world.scan(resumed, 6, requested="resumed")
    assert world.tags == set(FOUR)


async def test_with_an_interval_of_seconds_a_request_counts_with_the_scan_before_it(world):
    obj = repository(IMAGE, interval="10s")
    first = await world.scan(obj, 0)
    world.now = ("1",)
    ended = await world.scan(first.obj, 10 / 60)
    for second in (11, 13, 18):
        ended = await world.scan(ended.obj, second / 60, requested=str(second))
        assert world.tags == set(FOUR)


async def test_a_named_loss_is_accepted_once_and_said(world):
    doubted = await world.begin("1")
    loss = loss_of(doubted.obj)
    assert doubted.conditions[HELD][2].endswith(f"annotate image-automation.dev/accept-loss={loss}")
    assert loss.startswith("3-")
    accepted = await world.scan(doubted.obj, 5.1, accept=loss)
    assert accepted.run.progressed == ["scanning: the loss of tags is accepted"]
    assert world.tags == {"1"}
    message = f"the loss {loss} was accepted by annotation: 2, 3, 4 are gone"
    assert accepted.conditions[HELD] == ("False", "LossAccepted", message)
    assert loss_of(accepted.obj) == ""
    assert [event[:3] for event in accepted.run.events] == [("Normal", "TagsGone", message)]
    world.now = FOUR
    back = await world.scan(accepted.obj, 11, accept=loss)
    world.now = ("1",)
    again = await world.scan(back.obj, 17, accept=loss)
    assert world.tags == set(FOUR)
    assert again.conditions[HELD][0] == "True"
    later = await world.scan(again.obj, 17.1, accept=loss)
    assert later.run.progressed == []


async def test_a_loss_of_a_few_tags_has_a_name_too_and_its_acceptance_is_heard_at_once(world):
    kept = await world.begin("1", "2", "3")
    assert HELD not in kept.conditions
    assert loss_of(kept.obj).startswith("1-")
    accepted = await world.scan(kept.obj, 5.1, accept=loss_of(kept.obj))
    assert (world.tags, loss_of(accepted.obj)) == ({"1", "2", "3"}, "")


async def test_a_loss_that_ends_has_no_name_any_more(world):
    doubted = await world.begin("1")
    world.now = FOUR
    back = await world.scan(doubted.obj, 5.6)
    assert (HELD in back.conditions, loss_of(back.obj)) == (False, "")


async def test_the_acceptance_of_another_loss_is_none(world):
    doubted = await world.begin("1")
    loss = loss_of(doubted.obj)
    assert doubted.conditions[HELD][2].endswith(f"annotate image-automation.dev/accept-loss={loss}")
    world.now = ()
    ended = await world.scan(doubted.obj, 5.6, accept=loss)
    assert world.tags == set(FOUR)
    assert loss_of(ended.obj) not in {"", loss}
