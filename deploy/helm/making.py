"""From a chart and values to what an action applies: definitions first, then rendered, then post-rendered."""

import dataclasses

from deploy.cluster import inventory
from deploy.cluster.inventory import Item
from deploy.helm import naming
from deploy.helm.actions import crds as definitions
from deploy.helm.actions import objects
from deploy.helm.actions.actions import Actions
from deploy.helm.attempt import Attempt
from deploy.helm.deciding import decide
from deploy.helm.deciding.decide import Install, Upgrade
from deploy.helm.release import Release
from deploy.helm.rendering import crds
from deploy.helm.rendering.post import PostRenderer
from deploy.helm.rendering.render import Renderer, Request
from gotk.kube.errors import APIError


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A release that is to be applied, and the definitions of its chart that are there for it."""

    release: Release
    definitions: tuple[Item, ...]


class Maker:
    """Makes releases of charts."""

    def __init__(self, *, renderer: Renderer, post: PostRenderer) -> None:
        self._renderer = renderer
        self._post = post

    async def make(
        self, attempt: Attempt, actions: Actions, action: Install | Upgrade, previous: Release | None
    ) -> Made:
        """Return what an action is to apply. Raises RenderError and ActionError."""
        obj, chart = attempt.obj, attempt.chart
        settings = obj.spec.install if isinstance(action, Install) else obj.spec.upgrade
        request = Request(
            name=naming.release_name(obj),
            namespace=naming.release_namespace(obj),
            chart=chart.data,
            values=attempt.values,
            timeout=decide.timeout(action, obj).seconds,
            previous=previous,
            reuse_values=isinstance(action, Upgrade) and obj.spec.upgrade.preserve_values,
            schema=not settings.disable_schema_validation,
            hidden=attempt.hidden,
        )
        found = await crds.collect(chart, request, renderer=self._renderer)
        await actions.apply_crds(obj, found, action="install" if isinstance(action, Install) else "upgrade")
        rendered = await self._renderer.render(request, cluster=attempt.cluster)
        release = await self._post.post_render(rendered, obj, timeout=request.timeout, hidden=attempt.hidden)
        items = [inventory.item_of(each) for each in definitions.definitions(obj, found)]
        return Made(release, tuple(items))


async def items(attempt: Attempt, release: Release) -> list[Item] | None:
    """Return the objects of a release that its cluster knows; None where nobody can tell now."""
    try:
        manifests = await objects.known(release, cluster=attempt.cluster)
    except (objects.ObjectsError, APIError):
        return None
    return [inventory.item_of(each) for each in manifests]
