"""What the cluster refuses before a controller sees it, because our definitions say so."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import Invalid


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with (
        ControlPlane(tmp_path / "plane", crds=crds.load()) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        yield client


def automation(name: str, version: str, refspec: str) -> dict[str, Any]:
    git = {"commit": {"author": {"email": "bot@example.com"}}, "push": {"refspec": refspec}}
    return {
        "apiVersion": f"image.toolkit.fluxcd.io/{version}",
        "kind": "ImageUpdateAutomation",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet"}, "git": git},
    }


VERSIONS = ["v1", "v1beta2", "v1beta1"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "refspec", ["+refs/heads/main:refs/heads/release", "+HEAD", ":refs/heads/release", ":"], ids=lambda text: text
)
async def test_a_refspec_that_forces_or_deletes_is_refused(version: str, refspec: str, client: Client) -> None:
    with pytest.raises(Invalid, match=r"spec\.git\.push\.refspec.*should match '\^\$\|\^\[\^\+:\]'"):
        await client.create_object(automation("a", version, refspec))


async def test_a_refspec_that_only_adds_is_accepted(client: Client) -> None:
    for number, refspec in enumerate(["", "refs/heads/main:refs/heads/release", "HEAD:refs/for/main", "main"]):
        made = await client.create_object(automation(f"a{number}", "v1", refspec))
        assert made["spec"]["git"]["push"]["refspec"] == refspec
