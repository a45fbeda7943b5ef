"""kubectl finds kinds by their categories, and prints events as it does on any cluster."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import deploy.crds
from tests.conformance import cluster
from tests.conformance.kubectl import Kubectl

OBJECTS = {
    "source.toolkit.fluxcd.io/v1/GitRepository": {"url": "https://example.com/r", "interval": "1m"},
    "image.toolkit.fluxcd.io/v1/ImageRepository": {"image": "example.com/i", "interval": "1m"},
    "image.toolkit.fluxcd.io/v1/ImagePolicy": {
        "imageRepositoryRef": {"name": "a"},
        "policy": {"semver": {"range": "1.x"}},
    },
    "image.toolkit.fluxcd.io/v1/ImageUpdateAutomation": {
        "interval": "1m",
        "sourceRef": {"kind": "GitRepository", "name": "a"},
        "git": {"commit": {"author": {"email": "a@b.c"}}},
    },
}
NAMES = {kind.rpartition("/")[2].lower() for kind in OBJECTS}
IMAGES = {name for name in NAMES if name.startswith("image")}


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    async with cluster.opened(tmp_path, deploy.crds.load()) as found:
        yield found.kubectl(tmp_path / "home")


@pytest.mark.parametrize(("category", "kinds"), [("fluxcd", NAMES), ("fluxcd-images", IMAGES), ("all", NAMES)])
async def test_a_category_lists_every_kind_in_it(kubectl: Kubectl, category: str, kinds: set[str]) -> None:
    items: list[dict[str, Any]] = []
    for kind, spec in OBJECTS.items():
        api_version, _, name = kind.rpartition("/")
        items.append({"apiVersion": api_version, "kind": name, "metadata": {"name": "a"}, "spec": spec})
    await kubectl("create -f -", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    listed = (await kubectl("get", category, "-o", "name")).split()
    assert {line.partition(".")[0] for line in listed} == kinds


async def test_events_begin_with_when_they_were_seen_last(kubectl: Kubectl) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a.1"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": kubectl.namespace},
        "type": "Normal",
        "reason": "Pulled",
        "message": "it is here",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    await kubectl("create -f -", stdin=json.dumps(event))
    header, row = (await kubectl("get events")).splitlines()
    assert header.split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert row.split()[1:] == ["Normal", "Pulled", "pod/p", "it", "is", "here"]
    wide = (await kubectl("get events -o wide")).splitlines()[0].split()
    assert wide[-4:] == ["FIRST", "SEEN", "COUNT", "NAME"]
