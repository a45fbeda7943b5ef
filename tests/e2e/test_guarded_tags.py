"""A registry that loses its tags moves nothing down, and a minimum age is waited for: the running service, kubectl."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e import stage
from tests.gotk.oci.serving import serving, tag_list

IMAGE = "image.toolkit.fluxcd.io/v1"
OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: web
  namespace: flux-system
  annotations: {image-automation.dev/believe-loss-after: "100"}
spec: {image: REGISTRY/web, interval: 1s}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: web
  namespace: flux-system
  annotations: {image-automation.dev/minimum-age: AGE}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
"""


class Registry:
    """Answers with whatever tags it has now."""

    def __init__(self) -> None:
        self.tags = ["1.0.0", "1.1.0", "1.2.0"]

    async def __call__(self, request: web.Request) -> web.Response:
        return tag_list(*self.tags)


@pytest.fixture
async def registry() -> AsyncIterator[tuple[Registry, str]]:
    registry = Registry()
    async with serving(registry) as address:
        yield registry, address


def chosen(tag: str):
    return lambda obj: ((obj.get("status") or {}).get("latestRef") or {}).get("tag") == tag


async def test_a_registry_that_loses_its_tags_does_not_downgrade_until_the_loss_is_believed(tmp_path: Path, registry):
    said, address = registry
    controllers = frozenset({"imagerepository", "imagepolicy"})
    async with stage.running(tmp_path / "data", controllers=controllers) as up:
        await up.kubectl("create", "namespace", "flux-system")
        await up.apply(OBJECTS.replace("REGISTRY", address).replace("AGE", "0s"))
        await up.until(IMAGE, "ImagePolicy", "flux-system", "web", chosen("1.2.0"))

        said.tags = ["1.0.0"]

        held = "image-automation.dev/TagsHeld"
        obj = await up.until(
            IMAGE, "ImageRepository", "flux-system", "web", lambda obj: stage.condition(obj, held).get("status")
        )
        assert stage.condition(obj, held)["reason"] == "TagListShrunk"
        assert stage.condition(obj, "Ready")["status"] == "True"
        assert obj["status"]["lastScanResult"]["tagCount"] == 3
        await up.kubectl("-n", "flux-system", "wait", "imagerepository/web", f"--for=condition={held}")
        policy = await up.client.get_object(IMAGE, "ImagePolicy", "flux-system", "web")
        assert chosen("1.2.0")(policy)
        assert "TagsHeld" in await up.kubectl("get", "events", "-n", "flux-system")

        annotation = "image-automation.dev/believe-loss-after=1"
        await up.kubectl("-n", "flux-system", "annotate", "--overwrite", "imagerepository/web", annotation)

        policy = await up.until(IMAGE, "ImagePolicy", "flux-system", "web", chosen("1.0.0"))
        obj = await up.client.get_object(IMAGE, "ImageRepository", "flux-system", "web")
        assert (stage.condition(obj, held), obj["status"]["lastScanResult"]["tagCount"]) == ({}, 1)


async def test_a_new_tag_is_taken_when_it_is_old_enough(tmp_path: Path, registry):
    said, address = registry
    controllers = frozenset({"imagerepository", "imagepolicy"})
    async with stage.running(tmp_path / "data", controllers=controllers) as up:
        await up.kubectl("create", "namespace", "flux-system")
        await up.apply(OBJECTS.replace("REGISTRY", address).replace("AGE", "4s"))
        await up.until(IMAGE, "ImagePolicy", "flux-system", "web", chosen("1.2.0"))

        said.tags.append("1.3.0")

        waiting = await up.until(
            IMAGE, "ImagePolicy", "flux-system", "web",
            lambda obj: "1.3.0 is too young: eligible in " in stage.condition(obj, "Ready").get("message", ""),
        )  # fmt: skip
        assert chosen("1.2.0")(waiting)
        await up.until(IMAGE, "ImagePolicy", "flux-system", "web", chosen("1.3.0"))
