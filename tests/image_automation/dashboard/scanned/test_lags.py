"""How far the image in use is behind what its policy could choose, kept until something makes another answer of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.runtime.blocking import Limiter
from image_automation.dashboard.scanned.lags import Lag, Lags
from image_automation.explanation import Explainer
from reflector.first_seen import FirstSeen
from reflector.store import TagStore
from tests.image_automation.test_explanation import NAME, THEN, World
from tests.memory_cluster import image_policy, image_repository
from tests.reflector import storing

SPEC: dict[str, Any] = {"policy": {"semver": {"range": "1.x"}}}


def write(store: TagStore, names: list[str], revision: str) -> None:
    first = [THEN + 60 * place for place in range(len(names))]
    known = FirstSeen(names=names, first=first, missing=bytes(len(names)), began=THEN)
    storing.write(store, NAME, names, revision, first_seen=known)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TagStore]:
    with TagStore(tmp_path / "tags.db") as made:
        write(made, ["1.0.0", "1.1.0", "1.2.0", "2.0.0"], "1")
        yield made


async def lags(store: TagStore, *used: str, age: str = "") -> list[Lag]:
    repository = image_repository() | {"status": {"canonicalImageName": NAME}}
    obj = image_policy(**SPEC)
    obj["metadata"]["annotations"] = {"image-automation.dev/minimum-age": age} if age else {}
    policy = scheme.convert(obj, ImagePolicy)
    world = World(scheme.convert(repository, ImageRepository), policy)
    with Limiter(width=1, name="work") as limiter:
        made = Lags(explainer=Explainer(objects=world, tags=store, clock=world), clock=world, limiter=limiter)
        found = [(await made.of([(policy, tag)]))[0] for tag in used]
        write(store, ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0"], "2")
        return [*found, *await made.of([(policy, used[-1])])]


async def test_what_is_better_is_counted_since_the_first_of_it_was_seen_and_anew_for_other_tags(
    store: TagStore,
) -> None:
    assert await lags(store, "1.2.0", "1.1.0", "1.0.0") == [
        Lag(),
        Lag(newer=1, since="2026-01-01T12:02:00Z"),
        Lag(newer=2, since="2026-01-01T12:01:00Z"),
        Lag(newer=3, since="2026-01-01T12:01:00Z"),
    ]


async def test_what_the_policy_would_not_choose_at_all_is_behind_nothing(store: TagStore) -> None:
    assert (await lags(store, "0.9.0"))[0] == Lag()


async def test_what_is_too_young_is_told_with_its_time(store: TagStore) -> None:
    (now, later) = await lags(store, "1.0.0", age="72h")
    assert (now.ageing, now.eligible) == ("1.2.0", "2026-01-04T12:02:00Z")
    assert (later.ageing, later.newer) == ("1.3.0", 3)
