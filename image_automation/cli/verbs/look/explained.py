"""`explain helmrelease`: which values came from where, why the last action was taken, and what is next.

All of it is read from the cluster with the user's own rights, and no value is printed: `debug` does that.
"""

from typing import TYPE_CHECKING, Any

import click

from gotk.api.helm import HelmRelease
from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from deploy.helm.deciding.state import Wanted
    from deploy.helm.release import Release
    from deploy.helm.values.compose import Composed
    from gotk.kube.client import Client

_HEADER = ("VALUE", "FROM", "INSTEAD OF")


@click.command()
@click.argument("name", shell_complete=completion.names_of(HelmRelease))
def helmrelease(name: str, **options: Any) -> None:
    """Print which values of a HelmRelease came from where, why it was last acted on, and what is next.

    Secrets that it takes values from and helm's records have to be readable; their content is not printed.
    """
    clusters.run(_explain(clusters.from_options(options), name))


helmrelease.params += clusters.parameters()


async def _explain(cluster: clusters.Cluster, name: str) -> None:
    from deploy.helm.deciding import explaining  # noqa: PLC0415 - `--help` needs no rooms
    from deploy.helm.values import compose  # noqa: PLC0415 - nor this

    async with cluster.connect() as client:
        obj = await client.get(HelmRelease, cluster.namespace, name)
        try:
            composed = await compose.trace(obj, client=client)
        except compose.ValuesError as error:
            output.fail(f"HelmRelease/{cluster.namespace}/{name}: {error}")
        following = await _next(client, obj, composed)
    _show_values(obj, composed)
    ready = next((each for each in obj.status.conditions if each.type == "Ready"), None)
    output.text(f"ready: {f'{ready.status}, {ready.reason}: {ready.message}' if ready else 'nothing is known yet'}")
    output.text(f"last:  {explaining.last(obj) or 'nothing yet'}")
    output.text(f"next:  {following}")


def _show_values(obj: HelmRelease, composed: "Composed") -> None:
    from deploy.helm.values import places  # noqa: PLC0415 - only when something is explained

    found = places.places(composed, obj.spec.values or {})
    if found:
        output.table(_HEADER, [[each.path, each.source, ", ".join(each.over)] for each in found])
    else:
        output.text("no values: the chart's own hold")
    for origin in composed.origins:
        if origin.missing:
            output.text(f"{places.name_of(origin)} gave nothing: {origin.missing}")
    output.text("")


async def _next(client: "Client", obj: HelmRelease, composed: "Composed") -> str:
    from deploy.helm import digests  # noqa: PLC0415 - `--help` needs no rooms
    from deploy.helm.deciding import explaining, state  # noqa: PLC0415 - nor these

    if obj.spec.suspend:
        return "nothing: it is suspended"
    if obj.spec.kube_config is not None:
        return "not known here: helm's records are in another cluster"
    name, version, waits = await _chart(client, obj)
    if waits:
        return waits
    wanted = state.Wanted(
        chart_name=name,
        chart_version=version,
        config_digest=digests.config(composed.values),
        post_renderers_digest=digests.post_renderers(obj),
        common_metadata_digest=digests.common_metadata(obj),
        values=composed.values,
    )
    return await _decided(client, obj, wanted, explaining, state)


async def _decided(client: "Client", obj: HelmRelease, wanted: "Wanted", explaining: Any, state: Any) -> str:
    from deploy.helm.actions.ports import StorageError  # noqa: PLC0415 - `--help` needs no rooms

    try:
        made = explaining.decision(obj, wanted, await _stored(client, obj))
    except (StorageError, state.UnknownState) as error:
        return f"an error: {error}"
    return str(explaining.following(obj, made))


async def _stored(client: "Client", obj: HelmRelease) -> "list[Release]":
    """Return helm's records. Raises StorageError."""
    from deploy.helm import naming, storage  # noqa: PLC0415 - `--help` needs no rooms
    from gotk.runtime.blocking import Limiter  # noqa: PLC0415 - nor these
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    with Limiter(width=1) as limiter:
        kept = storage.Storage(
            client,
            naming.storage_namespace(obj),
            limiter=limiter,
            clock=SystemClock(),
            unfolded=storage.nothing_unfolded(),
        )
        return await kept.history(naming.release_name(obj))


async def _chart(client: "Client", obj: HelmRelease) -> tuple[str, str, str]:
    """Return name and version of the chart that there is, or why there is none.

    The name is in the package, which is not fetched: it is taken to be the one of the last release.
    """
    from deploy.helm import history, prerequisites  # noqa: PLC0415 - `--help` needs no rooms
    from gotk.kube.errors import NotFound  # noqa: PLC0415 - nor this
    from gotk.runtime.errors import Stalled  # noqa: PLC0415 - nor this

    try:
        kind, key = prerequisites.chart_source(obj)
    except Stalled as error:
        return "", "", f"nothing: {error.message}"
    where = f"{kind} {key.namespace}/{key.name}"
    try:
        source = await client.get(prerequisites.CHART_HOLDERS[kind], key.namespace, key.name)
    except NotFound:
        return "", "", f"it waits for {where}, which is not there"
    if source.status.artifact is None:
        return "", "", f"it waits for {where}, which has no artifact"
    current = history.latest(obj.status.history)
    revision, status = source.status.artifact.revision, obj.status
    digest = revision.partition("@")[2] or revision
    if status.last_attempted_revision_digest and digest == status.last_attempted_revision_digest:
        revision = status.last_attempted_revision
    return current.chart_name if current else "", revision, ""
