"""`suspend` and `resume`: stop and go on, for some objects or all of a namespace."""

from collections.abc import AsyncIterator
from typing import Any

import click
import msgspec

from gotk.kube import client as kube
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output, waiting
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.objects.reconcile import build


def _parameters(kind: kinds.Kind, *, resuming: bool) -> list[click.Parameter]:
    verb = "Resume" if resuming else "Suspend"
    parameters: list[click.Parameter] = [
        click.Argument(["names"], nargs=-1, shell_complete=completion.names(kind)),
        click.Option(["--all", "everything"], is_flag=True, help=f"{verb} every {kind.name} of the namespace."),
    ]
    if resuming:
        parameters.append(
            click.Option(["--wait"], is_flag=True, help="Wait for each object, not only for a single one.")
        )
    return parameters + clusters.parameters()


def _check(kind: kinds.Kind, names: tuple[str, ...], *, everything: bool) -> None:
    if not names and not everything:
        output.fail(f"{kind.human} name is required")


def _suspend_command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, names: tuple[str, ...], everything: bool, **options: Any) -> None:
        _check(kind, names, everything=everything)
        clusters.run(_suspend(clusters.from_options(options), kind, names))

    return flags.Command(
        word, callback=call, params=_parameters(kind, resuming=False), help=f"Suspend objects of kind {kind.name}."
    )


def _resume_command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, names: tuple[str, ...], everything: bool, wait: bool, **options: Any) -> None:
        _check(kind, names, everything=everything)
        clusters.run(_resume(clusters.from_options(options), kind, names, wait=wait))

    return flags.Command(
        word, callback=call, params=_parameters(kind, resuming=True), help=f"Resume objects of kind {kind.name}."
    )


_SUSPENDABLE = (*kinds.ALL, kinds.ALERT, kinds.PROVIDER)
suspend = build("suspend", "Suspend objects.", _SUSPENDABLE, _suspend_command)
resume = build("resume", "Resume suspended objects.", _SUSPENDABLE, _resume_command)


async def _named(
    client: kube.Client, cluster: clusters.Cluster, kind: kinds.Kind, names: tuple[str, ...]
) -> AsyncIterator[kinds.Json]:
    """Yield the objects that were named (all of them for no name), and say which are not there."""
    found = False
    for name in names or ("",):
        fields = f"metadata.name={name}" if name else ""
        items, _ = await client.list_raw(kind.struct, cluster.namespace, fields=fields)
        if not items:
            missing = f"{kind.name} {name} not found" if name else f"no {kind.name} objects found"
            output.failure(f"{missing} in {cluster.namespace} namespace")
        for item in items:
            found = True
            yield msgspec.json.decode(item)
    if not found:
        raise SystemExit(1)


async def _suspend(cluster: clusters.Cluster, kind: kinds.Kind, names: tuple[str, ...]) -> None:
    async with cluster.connect() as client:
        async for obj in _named(client, cluster, kind, names):
            name = obj["metadata"]["name"]
            output.action(f"suspending {kind.human} {name} in {cluster.namespace} namespace")
            await client.merge_patch(kind.struct, cluster.namespace, name, kind.suspending(on=True))
            output.success(f"{kind.human} suspended")


async def _resume(cluster: clusters.Cluster, kind: kinds.Kind, names: tuple[str, ...], *, wait: bool) -> None:
    failed = 0
    async with cluster.connect() as client:
        resumed = []
        async for obj in _named(client, cluster, kind, names):
            name = obj["metadata"]["name"]
            output.action(f"resuming {kind.human} {name} in {cluster.namespace} namespace")
            await client.merge_patch(kind.struct, cluster.namespace, name, kind.suspending(on=False))
            output.success(f"{kind.human} resumed")
            resumed.append(obj)
        if wait or len(names) == 1:
            for obj in resumed:
                failed += not (kind.is_static(obj) or await _settle(client, cluster, kind, obj))
    if failed:
        output.fail(f"reconciliation failed for {failed} {kind.name}(s)")


async def _settle(client: kube.Client, cluster: clusters.Cluster, kind: kinds.Kind, obj: kinds.Json) -> bool:
    """Wait until a resumed object has run, and say how it went."""
    name = obj["metadata"]["name"]
    output.waiting(f"waiting for {kind.name} reconciliation")
    try:
        done = await waiting.until(
            client,
            kind,
            cluster.namespace,
            name,
            begun=lambda _: True,
            timeout=cluster.timeout,
            patient=True,
        )
    except output.Failure as error:
        output.failure(f"{kind.name} {name} reconciliation failed: '{error.message}'")
        return False
    output.success(f"{kind.name} {name} reconciliation completed")
    output.success(kind.done(done))
    return True
