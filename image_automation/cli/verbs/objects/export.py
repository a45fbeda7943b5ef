"""`export`: objects as YAML, as a repository holds them: without what the cluster and the controllers wrote.

Answers to `flux2/cmd/flux/export.go`: of the metadata name, namespace, labels and annotations stay; the status goes.
"""

from typing import Any

import click
import msgspec

from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output, waiting
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.objects.reconcile import build

_METADATA = ("annotations", "labels", "name", "namespace")


def manifest(obj: kinds.Json) -> str:
    """Print an object as flux does: a line of three dashes, then YAML with sorted keys, to the byte of go-yaml."""
    from gotk import go_yaml  # noqa: PLC0415 - only needed when something is printed

    metadata = obj["metadata"]
    kept = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    plain = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept, "spec": obj.get("spec") or {}}
    return "---\n" + go_yaml.write(plain)


def _command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, name: str | None, everything: bool, **options: Any) -> None:
        if not name and not everything:
            output.fail("name is required")
        clusters.run(_export(clusters.from_options(options), kind, None if everything else name))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names(kind)),
        click.Option(["--all", "everything"], is_flag=True, help=f"Export every {kind.name} of the namespace."),
        *clusters.parameters(),
    ]
    return click.Command(word, callback=call, params=parameters, help=f"Print objects of kind {kind.name} as YAML.")


export = build(
    "export", "Print objects as YAML for a repository.", (*kinds.EVERY, kinds.ALERT, kinds.PROVIDER), _command
)


async def _export(cluster: clusters.Cluster, kind: kinds.Kind, name: str | None) -> None:
    async with cluster.connect() as client:
        if name is not None:
            objects = [await waiting.fetch(client, kind, cluster.namespace, name)]
        else:
            items, _ = await client.list_raw(kind.struct, cluster.namespace)
            objects = [msgspec.json.decode(item) for item in items]
    if not objects:
        output.fail(f"no objects found in {cluster.namespace} namespace")
    for obj in objects:
        output.text(manifest(obj).removesuffix("\n"))
