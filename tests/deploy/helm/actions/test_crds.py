"""Definitions of charts, on a control plane."""

from typing import Any, Literal

import yaml

from tests.deploy.helm.actions.world import World, failure, helm_release

TEXT = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.shop.io}
spec:
  group: shop.io
  scope: Namespaced
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, description: FIRST}}
"""
V1, API = "FIRST", "apiextensions.k8s.io/v1"


def definition(description: str = V1) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT.replace(V1, description))
    return found


async def description(here: World) -> str | None:
    found = await here.get("CustomResourceDefinition", "gadgets.shop.io", api_version=API)
    return found and found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]


async def apply(
    here: World, crds: list[dict[str, Any]], *, action: Literal["install", "upgrade"] = "install", **spec: Any
) -> list[str]:
    made = await here.actions.apply_crds(helm_release(**spec), crds, action=action)
    return [str(change) for change in made]


async def test_definitions_are_created_and_served_when_that_returns(here: World) -> None:
    assert await apply(here, [definition()]) == ["CustomResourceDefinition/gadgets.shop.io created"]
    await here.client.create_object(
        {"apiVersion": "shop.io/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "default"}}
    )
    live = await here.get("CustomResourceDefinition", "gadgets.shop.io", api_version=API)
    assert live["metadata"]["labels"] == {
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "default",
    }


async def test_what_exists_is_left_as_it_is_by_default(here: World) -> None:
    await apply(here, [definition()])
    assert await apply(here, [definition("second")], action="upgrade") == []
    assert await description(here) == "FIRST"


async def test_what_exists_is_replaced_where_asked_for(here: World) -> None:
    await apply(here, [definition()])
    changed = await apply(here, [definition("second")], action="upgrade", upgrade={"crds": "CreateReplace"})
    assert changed == ["CustomResourceDefinition/gadgets.shop.io configured"]
    assert await description(here) == "second"


async def test_definitions_are_skipped_where_asked_for(here: World) -> None:
    assert await apply(here, [definition()], install={"crds": "Skip"}) == []
    assert await description(here) is None


async def test_other_objects_beside_the_definitions_are_left_out(here: World) -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
    assert await apply(here, [other, definition()]) == ["CustomResourceDefinition/gadgets.shop.io created"]
    assert await here.data("a") is None


async def test_a_definition_that_is_refused_fails_and_nothing_is_stored(here: World) -> None:
    broken = definition()
    broken["spec"]["scope"] = "Everywhere"
    error = await failure(apply(here, [broken]))
    start = "failed to apply CustomResourceDefinitions: CustomResourceDefinition/gadgets.shop.io dry-run failed"
    assert str(error).startswith(start)
    assert not error.stored
