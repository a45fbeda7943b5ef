"""Releases in Secrets of the embedded control plane, and the real helm that reads and writes them, too."""

import base64
import gzip
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.helm.storage import Storage, StorageError, TooLarge, nothing_unfolded
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import AlreadyExists, NotFound
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from tests.conformance.helm import Helm
from tests.deploy.helm.stored import MANIFEST, release

needs_helm = pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
CHART = str(Path(__file__).parents[2] / "conformance/chart")


@dataclass
class World:
    storage: Storage
    client: Client
    helm: Helm

    async def secrets(self) -> dict[str, dict[str, Any]]:
        found = await self.client.list_objects("v1", "Secret", "default")
        return {each["metadata"]["name"]: each for each in found}

    async def versions(self) -> list[int]:
        return [each.version for each in await self.storage.history("web")]

    async def put(self, name: str, data: bytes, **labels: str) -> None:
        metadata = {"name": name, "namespace": "default", "labels": {"name": "web", "owner": "helm", **labels}}
        content = {"release": base64.b64encode(data).decode()}
        await self.client.create_object({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": content})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with ControlPlane(tmp_path / "plane") as plane, Client(await from_kubeconfig([plane.kubeconfig])) as client:
        with Limiter(width=1) as limiter:
            storage = Storage(client, "default", limiter=limiter, clock=SystemClock(), unfolded=nothing_unfolded())
            yield World(storage, client, Helm(plane.kubeconfig, tmp_path / "home"))


async def test_what_is_kept_comes_back_newest_last(world: World) -> None:
    assert await world.storage.history("web") == []
    assert await world.storage.last("web") is None
    for version in (2, 10, 1):
        await world.storage.create(release(version))
    await world.storage.create(release(7, name="web-2"))
    assert await world.storage.history("web") == [release(1), release(2), release(10)]
    assert await world.storage.last("web") == release(10)


async def test_a_secret_looks_as_helm_makes_it(world: World) -> None:
    await world.storage.create(release(1, status="pending-install"))
    made = (await world.secrets())["sh.helm.release.v1.web.v1"]
    labels = made["metadata"]["labels"]
    assert made["type"] == "helm.sh/release.v1"
    assert set(labels) == {"name", "owner", "status", "version", "createdAt"}
    assert {**labels, "createdAt": ""} == {
        "name": "web", "owner": "helm", "status": "pending-install", "version": "1", "createdAt": "",
    }  # fmt: skip
    await world.storage.update(release(1))
    labels = (await world.secrets())["sh.helm.release.v1.web.v1"]["metadata"]["labels"]
    assert set(labels) == {"name", "owner", "status", "version", "modifiedAt"}
    assert labels["status"] == "deployed"


async def test_labels_of_others_outlive_an_update(world: World) -> None:
    await world.storage.create(release(1))
    mine = {"metadata": {"labels": {"team": "shop"}}}
    await world.client.patch_object("v1", "Secret", "default", "sh.helm.release.v1.web.v1", mine)
    await world.storage.update(release(1, status="superseded"))
    labels = (await world.secrets())["sh.helm.release.v1.web.v1"]["metadata"]["labels"]
    assert (labels["team"], labels["status"]) == ("shop", "superseded")


async def test_a_revision_that_somebody_else_made_is_not_replaced(world: World) -> None:
    await world.storage.create(release(1))
    with pytest.raises(AlreadyExists):
        await world.storage.create(release(1, status="failed"))
    with pytest.raises(NotFound):
        await world.storage.update(release(2))
    assert await world.storage.history("web") == [release(1)]


async def test_a_revision_is_forgotten_and_forgetting_twice_is_no_error(world: World) -> None:
    await world.storage.create(release(1))
    await world.storage.create(release(2))
    await world.storage.delete(release(1))
    await world.storage.delete(release(1))
    assert await world.versions() == [2]


TRIMMED = {
    "no limit": (0, [1, 2, 3, 4, 5]),
    "room enough": (6, [1, 2, 3, 4, 5]),
    "one too many": (5, [2, 3, 4, 5]),
    "the deployed one stays though it is old": (3, [2, 5]),
    "and where nothing else may stay": (1, [2]),
}


@pytest.mark.parametrize(("most", "left"), TRIMMED.values(), ids=TRIMMED)
async def test_history_is_trimmed_to_make_room(world: World, most: int, left: list[int]) -> None:
    for version in range(1, 6):
        await world.storage.create(release(version, status="deployed" if version == 2 else "failed"))
    await world.storage.trim("web", most)
    assert await world.versions() == left


def noise(size: int, seed: int = 1) -> str:
    return random.Random(seed).randbytes(size).hex()


async def test_a_release_over_the_limit_of_secrets_is_refused_before_anything_is_made(world: World) -> None:
    with pytest.raises(TooLarge, match=r"'default/sh.helm.release.v1.web.v1'.* can be stored; leave files out"):
        await world.storage.create(release(1, manifest=noise(1_000_000)))
    assert "sh.helm.release.v1.web.v1" not in await world.secrets()


async def test_a_pending_release_leaves_room_for_its_end_and_its_description_is_cut_to_fit(world: World) -> None:
    nearly = noise(683_000)
    with pytest.raises(TooLarge):
        await world.storage.create(release(1, manifest=nearly + noise(2_000), status="pending-install"))
    await world.storage.create(release(1, manifest=nearly, status="pending-install"))
    await world.storage.update(release(1, manifest=nearly, status="failed", description=noise(10_000, seed=2)))
    kept = await world.storage.last("web")
    assert kept is not None
    assert kept.info.status == "failed"
    assert kept.info.description == f"{noise(10_000, seed=2)[:1024]}…"


async def test_a_bomb_in_a_secret_is_named_and_hurts_no_newer_revision(world: World) -> None:
    await world.put("sh.helm.release.v1.web.v1", base64.b64encode(gzip.compress(bytes(70 << 20))))
    with pytest.raises(StorageError, match=r"'default/sh.helm.release.v1.web.v1' does not hold a release: it unfolds"):
        await world.storage.last("web")
    await world.storage.create(release(2))
    assert await world.storage.last("web") == release(2)
    with pytest.raises(StorageError):
        await world.storage.history("web")


async def test_a_secret_of_another_name_or_content_is_no_revision(world: World) -> None:
    await world.put("copy-of-web", b"anything")
    assert await world.storage.history("web") == []
    document = gzip.compress(msgspec.json.encode(release(3, name="other")))
    await world.put("sh.helm.release.v1.web.v3", base64.b64encode(document))
    with pytest.raises(StorageError, match="holds another release than its name says"):
        await world.storage.last("web")


async def test_a_name_is_not_a_selector(world: World) -> None:
    with pytest.raises(StorageError, match="invalid release name"):
        await world.storage.last("web,owner!=helm")


@pytest.mark.real
@needs_helm
async def test_helm_reads_what_is_kept_here(world: World) -> None:
    helm = world.helm
    await world.storage.create(release(1, namespace="default", status="superseded"))
    await world.storage.create(release(2, namespace="default", notes="Look.", description="Upgrade complete"))
    (listed,) = json.loads(await helm("list -o json"))
    assert (listed["name"], listed["revision"], listed["chart"], listed["status"]) == (
        "web", "2", "web-1.2.3", "deployed",
    )  # fmt: skip
    history = json.loads(await helm("history web -o json"))
    assert [(each["revision"], each["status"]) for each in history] == [(1, "superseded"), (2, "deployed")]
    assert json.loads(await helm("get values web -o json")) == {"motto": "wide"}
    assert MANIFEST.strip() in await helm("get manifest web")
    assert "Look." in await helm("status web")
    assert "kind: Job" in await helm("get hooks web")


@pytest.mark.real
@needs_helm
async def test_what_helm_keeps_is_read_and_written_again_without_a_loss(world: World) -> None:
    helm = world.helm
    await helm("install web", CHART)
    await helm("upgrade web", CHART, "--set", "motto=wide")
    await helm("rollback web 1")
    history = await world.storage.history("web")
    assert [(each.version, each.info.status) for each in history] == [
        (1, "superseded"), (2, "superseded"), (3, "deployed"),
    ]  # fmt: skip
    newest = history[-1]
    assert newest.info.rollback_revision == 1
    assert newest.apply_method == "ssa"
    before = await helm("get all web")
    document = _document(await world.secrets())
    await world.storage.update(newest)
    assert _document(await world.secrets()) == document
    assert await helm("get all web") == before
    await helm("rollback web 2")
    assert await world.versions() == [1, 2, 3, 4]


def _document(secrets: dict[str, dict[str, Any]]) -> Any:
    data = base64.b64decode(base64.b64decode(secrets["sh.helm.release.v1.web.v3"]["data"]["release"]))
    return json.loads(gzip.decompress(data))
