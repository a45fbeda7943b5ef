"""The definitions of a chart: what lies in its `crds/`, and in those of the charts that it brings along and uses.

They are no part of a release, and have to be there before it is rendered: a template may ask whether a kind is served.
"""

import dataclasses
import re

from deploy.cluster import manifests
from deploy.cluster.objects import Manifest
from deploy.helm.rendering.chart import Chart
from deploy.helm.rendering.render import Renderer, RenderError, Request
from gotk import documents

_SOURCE = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)


async def collect(chart: Chart, request: Request, *, renderer: Renderer) -> list[Manifest]:
    """Return the objects in the `crds/` of a chart that is to be rendered. Raises RenderError."""
    if not chart.definitions:
        return []
    printed = await renderer.definitions(dataclasses.replace(request, chart=chart.definitions))
    _, *parts = _SOURCE.split(printed)
    return [obj for name, text in zip(parts[::2], parts[1::2], strict=True) for obj in _read(name, text)]


def _read(name: str, text: str) -> list[Manifest]:
    try:
        return manifests.read([text])
    except documents.DocumentError as error:
        raise RenderError(f"failed to parse CustomResourceDefinitions from {name}: {error}") from None
