"""`reconcile`: ask for a run now, wait for its end and say what it brought."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from gotk.api.meta import REQUESTED_AT
from gotk.kube import client as kube
from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output, waiting
from image_automation.cli.verbs import completion


def build(
    verb: str,
    summary: str,
    chosen: tuple[kinds.Kind, ...],
    command: Callable[[str, kinds.Kind], click.Command],
) -> click.Group:
    """Build a verb's tree of nouns (`source git`, `image policy`, `kustomization`) with a command per kind."""
    group = click.Group(verb, help=summary)
    nested = {
        "source": click.Group("source", help="Sources."),
        "image": click.Group("image", help="Image repositories, policies and automations."),
    }
    for kind in chosen:
        parent = nested[kind.words[0]] if len(kind.words) > 1 else group
        made = command(kind.words[-1], kind)
        parent.add_command(made)
        for alias in kind.aliases:
            parent.add_command(
                click.Command(alias, callback=made.callback, params=made.params, help=made.help, hidden=True)
            )
    for child in nested.values():
        group.add_command(child)
    return group


def _command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, name: str | None, with_source: bool = False, **options: Any) -> None:
        if not name:
            output.fail(f"{kind.name} name is required")
        clusters.run(_reconcile(clusters.from_options(options), kind, name, with_source=with_source))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names(kind)),
        *clusters.parameters(),
    ]
    if kind.has_source:
        parameters.insert(1, click.Option(["--with-source"], is_flag=True, help="Reconcile its source first."))
    return click.Command(
        word, callback=call, params=parameters, help=f"Ask a controller to reconcile one {kind.name} now."
    )


reconcile = build("reconcile", "Reconcile an object now and wait for it.", kinds.ALL, _command)


async def _reconcile(cluster: clusters.Cluster, kind: kinds.Kind, name: str, *, with_source: bool) -> None:
    async with cluster.connect() as client:
        obj = await waiting.fetch(client, kind, cluster.namespace, name)
        if with_source:
            await _source(client, cluster, obj)
        await _one(client, cluster, kind, cluster.namespace, name)


async def _source(client: kube.Client, cluster: clusters.Cluster, obj: kinds.Json) -> None:
    ref = kinds.dig(obj, "spec", "sourceRef") or {}
    found = next((kind for kind in kinds.SOURCES if kind.name == ref.get("kind")), None)
    if found is None:
        output.fail(f"cannot reconcile source of kind {ref.get('kind')}")
    await _one(client, cluster, found, ref.get("namespace") or cluster.namespace, str(ref.get("name")))


async def _one(client: kube.Client, cluster: clusters.Cluster, kind: kinds.Kind, namespace: str, name: str) -> None:
    obj = await waiting.fetch(client, kind, namespace, name)
    if kinds.dig(obj, "spec", "suspend"):
        output.fail("resource is suspended")
    before = kinds.dig(obj, "status", "lastHandledReconcileAt")
    output.action(f"annotating {kind.name} {name} in {namespace} namespace")
    stamp = datetime.now(UTC).astimezone().isoformat()
    await client.merge_patch(kind.struct, namespace, name, {"metadata": {"annotations": {REQUESTED_AT: stamp}}})
    output.success(f"{kind.name} annotated")
    output.waiting(f"waiting for {kind.name} reconciliation")
    try:
        obj = await waiting.until(
            client,
            kind,
            namespace,
            name,
            begun=lambda now: kinds.dig(now, "status", "lastHandledReconcileAt") != before,
            timeout=cluster.timeout,
        )
    except output.Failure as error:
        output.fail(f"{kind.name} reconciliation failed: '{error.message}'")
    output.success(kind.done(obj))
