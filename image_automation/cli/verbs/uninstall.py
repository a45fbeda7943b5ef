"""`uninstall`: the service off a cluster; definitions and everything that users made stay.

Answers to `flux uninstall`, its options and lines. What goes is said before anything does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import msgspec

from deploy.cluster.objects import subject
from deploy.installation import neighbours, removal
from gotk.api import source_extensions
from gotk.kube import client as kube
from gotk.kube import errors
from gotk.runtime.reconciliation import FINALIZER
from image_automation.cli import cluster as clusters
from image_automation.cli import output

Json = Mapping[str, Any]
_SHOWN = 5
_FINALIZERS = frozenset({FINALIZER, source_extensions.FINALIZER})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removal:
    """What was found: the service's objects, those that it holds a finalizer of, and what else the namespace holds."""

    objects: Sequence[Json]
    held: Sequence[Json]
    others: Sequence[Json]
    namespace: Json | None

    @property
    def takes_namespace(self) -> bool:
        return self.namespace is not None and not self.others


def _uninstall(*, dry_run: bool, silent: bool, keep_namespace: bool, **options: Any) -> None:
    """Take the service off a cluster.

    Deletes what the kit installed, and the namespace where it then holds nothing else. Definitions stay, and so does
    every object of a user; those that the service held a finalizer of are let go.
    """
    cluster = clusters.from_options(options)
    clusters.run(_carry_out(cluster, dry_run=dry_run, silent=silent, keep_namespace=keep_namespace))


async def _carry_out(cluster: clusters.Cluster, *, dry_run: bool, silent: bool, keep_namespace: bool) -> None:
    async with cluster.connect() as client:
        found = await _find(client, cluster.namespace, keep_namespace=keep_namespace)
        if not found.objects:
            output.fail(f"there is no installation in {cluster.namespace} namespace")
        if not dry_run and not silent:
            _tell(found)
            if not _confirmed():
                output.fail("aborting")
        await _remove(client, cluster, found, dry_run=dry_run)
        _tell_what_stays(found, cluster.namespace, keep_namespace=keep_namespace)
    output.success("uninstall finished (dry run)" if dry_run else "uninstall finished")


async def _find(client: kube.Client, namespace: str, *, keep_namespace: bool) -> _Removal:
    """Look at the cluster. Fails where it is Helm that has to remove it."""
    objects: list[Json] = []
    for api_version, kind in removal.KINDS:
        objects += await client.list_objects(api_version, kind, labels=removal.labels(namespace))
    deployments = [each for each in objects if each["kind"] == "Deployment"]
    if release := neighbours.released_by_helm(deployments):
        output.fail(f"Helm installed this: remove it with `helm uninstall {release} --namespace {namespace}`")
    objects += removal.leases(await client.list_objects("coordination.k8s.io/v1", "Lease", namespace))
    held = await _held(client, objects, namespace)
    others = [] if keep_namespace else removal.others(await _everything(client, namespace))
    return _Removal(
        objects=objects,
        held=held,
        others=others,
        namespace=None if keep_namespace else await _namespace(client, namespace),
    )


async def _namespace(client: kube.Client, name: str) -> Json | None:
    try:
        return await client.get_object("v1", "Namespace", "", name)
    except errors.NotFound:
        return None


async def _everything(client: kube.Client, namespace: str) -> list[Json]:
    found: list[Json] = []
    for api_version, kind in await client.namespaced_kinds():
        found += await client.list_objects(api_version, kind, namespace)
    return found


async def _held(client: kube.Client, objects: Sequence[Json], namespace: str) -> list[Json]:
    """Return the objects of the kinds that were served, in the namespaces that were watched."""
    from image_automation.app.served import NEEDS  # noqa: PLC0415 - heavy imports wait

    running = removal.controllers(objects, frozenset(NEEDS))
    # A controller's own kinds: the others that it needs belong to another one.
    kinds = {kind for name in running for kind in NEEDS[name] if name == kind.__name__.lower() or name == "alert"}
    found: list[Json] = []
    for kind in sorted(kinds, key=lambda each: each.__name__):
        try:
            items, _ = await client.list_raw(kind, removal.watched(objects, namespace) or None)
        except errors.NotFound:
            continue
        decoded = (msgspec.json.decode(item) for item in items)
        found += [each for each in decoded if _FINALIZERS.intersection(each["metadata"].get("finalizers") or ())]
    return found


def _tell(found: _Removal) -> None:
    """Say what would go."""
    click.echo("This deletes:", err=True)
    for obj in found.objects:
        click.echo(f"  {subject(obj)}", err=True)
    if found.takes_namespace:
        click.echo(f"  {subject(found.namespace or {})}", err=True)
    if found.held:
        click.echo(f"and lets {len(found.held)} objects go that it holds a finalizer of; they stay.", err=True)


def _confirmed() -> bool:
    try:
        return click.confirm("Are you sure?", err=True)
    except click.Abort:
        return False


async def _remove(client: kube.Client, cluster: clusters.Cluster, found: _Removal, *, dry_run: bool) -> None:
    """Delete what acts, wait for its end, then the rest: a replica that still runs would take finalizers up again.

    Rights go after finalizers: where this ends early they tell the next call what the service held.
    """
    output.action(f"deleting components in {cluster.namespace} namespace")
    acting = [each for each in found.objects if each["kind"] == "Deployment"]
    await _delete(client, acting, dry_run=dry_run)
    if not dry_run:
        await _stopped(client, cluster)
    if found.held:
        output.action("deleting toolkit.fluxcd.io finalizers")
    for obj in found.held:
        await _let_go(client, obj, dry_run=dry_run)
    await _delete(client, [each for each in found.objects if each["kind"] != "Deployment"], dry_run=dry_run)
    if found.takes_namespace and found.namespace is not None:
        output.action("deleting namespace")
        await _delete(client, [found.namespace], dry_run=dry_run)
        if not dry_run:
            await _gone(client, [found.namespace], cluster.timeout)


async def _delete(client: kube.Client, objects: Sequence[Json], *, dry_run: bool) -> None:
    for obj in objects:
        metadata = obj["metadata"]
        place = (obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])
        if not dry_run:
            try:
                await client.delete_object(*place, uid=metadata["uid"])
            except errors.NotFound:
                continue
        output.success(f"{subject(obj)} deleted{' (dry run)' if dry_run else ''}")


async def _stopped(client: kube.Client, cluster: clusters.Cluster) -> None:
    pods = await client.list_objects("v1", "Pod", cluster.namespace, labels=f"app.kubernetes.io/name={removal.NAME}")
    if pods:
        output.waiting(f"waiting for {len(pods)} pods to stop")
        await _gone(client, pods, cluster.timeout)


async def _gone(client: kube.Client, objects: Sequence[Json], timeout: float) -> None:
    from deploy.cluster import inventory, wait  # noqa: PLC0415 - heavy imports wait
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    items = [inventory.item_of(each) for each in objects]
    left = await wait.Waiter(clock=SystemClock()).until_gone(items, cluster=client, timeout=timeout)
    if left:
        output.fail(f"still there after {timeout:g}s: {', '.join(item.id.subject for item in left)}; call this again")


async def _let_go(client: kube.Client, obj: Json, *, dry_run: bool) -> None:
    """Take the service's finalizer off an object."""
    metadata = obj["metadata"]
    patch = removal.without_finalizer(obj, _FINALIZERS)
    if patch is None:
        return
    if not dry_run:
        try:
            await client.patch_object(obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"], patch)
        except errors.NotFound:
            return
    output.success(f"{subject(obj)} finalizers deleted{' (dry run)' if dry_run else ''}")


def _tell_what_stays(found: _Removal, namespace: str, *, keep_namespace: bool) -> None:
    if found.others:
        shown = ", ".join(subject(each) for each in found.others[:_SHOWN])
        more = f" and {len(found.others) - _SHOWN} more" if len(found.others) > _SHOWN else ""
        output.success(f"Namespace/{namespace} stays, since it holds {shown}{more}")
    elif keep_namespace:
        output.success(f"Namespace/{namespace} stays")
    output.success("the definitions stay, and with them every object of their kinds")


uninstall = click.Command(
    "uninstall",
    callback=_uninstall,
    params=[
        click.Option(["--dry-run"], is_flag=True, help="Only say what would be deleted."),
        click.Option(["-s", "--silent"], is_flag=True, help="Do not ask."),
        click.Option(["--keep-namespace"], is_flag=True, help="Leave the namespace, even where it is empty."),
        *clusters.parameters(),
    ],
    help=_uninstall.__doc__,
)
