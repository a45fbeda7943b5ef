"""A scan that finds what the last one found spares work and changes nothing."""

import random
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web

from gotk.oci.client import RegistryClient
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import serving, tag_list
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import NOON, run_once

LISTS = (("1", "2", "3"), ("1", "2"), ("1",), (), ("1", "2", "3", "3.sig"))


async def journey(
    answers: list[tuple[str, ...]], exclusions: list[tuple[str, ...]], *, remembering: bool
) -> list[object]:
    """Scan two ImageRepositories of one image in turns; return all that a user could see of each run."""
    now: tuple[str, ...] = ()
    seen: list[object] = []

    async def handler(_: web.Request) -> web.Response:
        return tag_list(*now)

    async with serving(handler) as address, RegistryClient() as client:
        with TagStore(None) as store:

            def make() -> ImageRepositoryReconciler:
                return ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)

            reconciler = make()
            objects = {name: repository(f"{address}/app", name=name) for name in ("a", "b")}
            for step, excluded in enumerate(exclusions):
                now = answers[step]
                for name, obj in objects.items():
                    spec = msgspec.structs.replace(obj.spec, exclusion_list=excluded)
                    asked = msgspec.structs.replace(obj, spec=spec)
                    moment = NOON + timedelta(minutes=5 * step)
                    ended = await run_once(reconciler if remembering else make(), asked, now=moment)
                    objects[name] = ended.obj
                    status = msgspec.structs.replace(ended.obj.status, canonical_image_name="")
                    events = [event[:3] for event in ended.run.events]
                    seen.append(
                        (status, ended.outcome and ended.outcome.trace, events, list(store.tags(f"{address}/app")))
                    )
    return seen


@pytest.mark.parametrize("seed", range(6))
async def test_who_remembers_sees_what_who_looks_anew_sees(seed: int):
    chance = random.Random(seed)
    answers = [chance.choice(LISTS) for _ in range(12)]
    answers[2:5] = [answers[1]] * 3
    exclusions = [("^.*\\.sig$",) if chance.random() < 0.8 else ("^3",) for _ in answers]
    found = [await journey(answers, exclusions, remembering=remembering) for remembering in (True, False)]
    assert found[0] == found[1]


async def test_an_unchanged_list_is_not_read_again():
    """A registry's second answer of the same bytes is not even decoded: the tags are never asked for."""

    async def handler(_: web.Request) -> web.Response:
        return tag_list("1", "2")

    class Watching(RegistryClient):
        async def list_tags(self, repository, access):  # type: ignore[no-untyped-def] # as the base class
            self.listing = await super().list_tags(repository, access)
            return self.listing

    async with serving(handler) as address, Watching() as client:
        with TagStore(None) as store:
            reconciler = ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)
            obj = repository(f"{address}/app")
            for minutes in (0, 5, 10):
                obj = (await run_once(reconciler, obj, now=NOON + timedelta(minutes=minutes))).obj
            assert client.listing._found is None
            assert obj.status.last_scan_result is not None
            assert obj.status.last_scan_result.scan_time == "2026-01-01T12:10:00Z"
