"""`stats`: how many objects of each kind run, fail and are suspended, and how much their artifacts take.

Answers to `flux2/cmd/flux/stats.go`: a kind that the cluster does not serve has a row of zeros.
"""

from collections.abc import Sequence
from typing import Any

import click

from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output

_SOURCE, _IMAGE = "source.toolkit.fluxcd.io/v1", "image.toolkit.fluxcd.io/v1"
_NOTIFICATION = "notification.toolkit.fluxcd.io"
#: In the order in which flux prints them.
_KINDS = (
    *((_SOURCE, kind) for kind in ("GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "Bucket")),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    (f"{_NOTIFICATION}/v1beta3", "Alert"),
    (f"{_NOTIFICATION}/v1beta3", "Provider"),
    (f"{_NOTIFICATION}/v1", "Receiver"),
    *((_IMAGE, kind) for kind in ("ImageUpdateAutomation", "ImagePolicy", "ImageRepository")),
)
_HEADER = ("Reconcilers", "Running", "Failing", "Suspended", "Storage")


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Count the objects of every namespace.")
def stats(*, all_namespaces: bool, **options: Any) -> None:
    """Print how many objects of each kind run, fail and are suspended, and what their artifacts take."""
    cluster = clusters.from_options(options)
    clusters.run(_stats(cluster, "" if all_namespaces else cluster.namespace))


stats.params += clusters.parameters()


async def _stats(cluster: clusters.Cluster, namespace: str) -> None:
    async with cluster.connect() as client:
        rows = [[kind, *_count(await _list(client, version, kind, namespace))] for version, kind in _KINDS]
    output.table(_HEADER, rows)


async def _list(client: kube.Client, api_version: str, kind: str, namespace: str) -> list[dict[str, Any]]:
    try:
        return await client.list_objects(api_version, kind, namespace)
    except (errors.NotFound, errors.NoMatch):
        return []


def _count(objects: Sequence[kinds.Json]) -> list[str]:
    suspended = sum(bool(kinds.dig(obj, "spec", "suspend")) for obj in objects)
    failing = sum((kinds.condition(obj, "Ready") or {}).get("status") == "False" for obj in objects)
    size = sum(kinds.dig(obj, "status", "artifact", "size") or 0 for obj in objects)
    return [str(len(objects) - suspended), str(failing), str(suspended), human_size(size)]


def human_size(size: float) -> str:
    """Write a number of bytes: `-` for none, `512 B`, `1.5 KiB`."""
    if size < 1024:
        return f"{size} B" if size else "-"
    for unit in "KMGTP":
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}iB"
    return f"{size / 1024:.1f} EiB"
