"""What we store is what an independent client finds at the distribution project's own registry."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gotk.oci import image
from gotk.oci.client import RegistryClient
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests import registries
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import run_once

# In a process of its own: the peer turns every warning of its process off when it is imported.
PEER = """
import json, sys
from docker_registry_client import DockerRegistryClient
client = DockerRegistryClient("http://" + sys.argv[1])
print(json.dumps({name: client.repository(name).tags() for name in sys.argv[2:]}))
"""


def ask_peer(*arguments: str) -> dict[str, list[str]]:
    answer = subprocess.run([sys.executable, "-c", PEER, *arguments], capture_output=True, timeout=60, check=True)
    return json.loads(answer.stdout)


@pytest.mark.real
async def test_an_independent_client_finds_the_same_tags(tmp_path: Path):
    if not registries.installed():
        pytest.skip("docker-registry is not installed")
    expected = {"team/app": [f"1.{number}.0" for number in range(40)], "single": ["latest"]}
    with registries.docker_registry(tmp_path) as address, TagStore(tmp_path / "tags.db") as store:
        for name, tags in expected.items():
            for tag in tags:
                await image.push_image(f"http://{address}", name, tag, image.build_image())
        async with RegistryClient() as client:
            reconciler = ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)
            for name in expected:
                ended = await run_once(reconciler, repository(f"{address}/{name}"))
                assert ended.ready[:2] == ("True", "Succeeded")
        found = ask_peer(address, *expected)
        assert {name: sorted(tags, reverse=True) for name, tags in found.items()} == {
            name: list(store.tags(f"{address}/{name}")) for name in expected
        }
        assert {name: sorted(tags) for name, tags in found.items()} == {n: sorted(t) for n, t in expected.items()}
