"""`export`: objects as YAML, as a repository holds them: without what the cluster and the controllers wrote.

Answers to `flux2/cmd/flux/export.go`: of the metadata name, namespace, labels and annotations stay; the status goes.
With credentials, which are asked for by name, the Secret of a source follows it.
"""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output, waiting
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.objects import manifests
from image_automation.cli.verbs.objects.reconcile import build

if TYPE_CHECKING:
    from gotk.kube import client as kube

_WITH_SECRET = (kinds.GIT_REPOSITORY, kinds.OCI_REPOSITORY, kinds.HELM_REPOSITORY, kinds.BUCKET)


def _command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, name: str | None, everything: bool, with_credentials: bool = False, **options: Any) -> None:
        if not name and not everything:
            output.fail("name is required")
        cluster = clusters.from_options(options)
        clusters.run(_export(cluster, kind, None if everything else name, credentials=with_credentials))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names(kind)),
        click.Option(["--all", "everything"], is_flag=True, help=f"Export every {kind.name} of the namespace."),
        *clusters.parameters(),
    ]
    if kind in _WITH_SECRET:
        parameters.insert(2, flags.switch("--with-credentials", summary="Print the Secret with its credentials too."))
    return flags.Command(word, callback=call, params=parameters, help=f"Print objects of kind {kind.name} as YAML.")


export = build(
    "export", "Print objects as YAML for a repository.", (*kinds.EVERY, kinds.ALERT, kinds.PROVIDER), _command
)


async def _export(cluster: clusters.Cluster, kind: kinds.Kind, name: str | None, *, credentials: bool) -> None:
    async with cluster.connect() as client:
        if name is not None:
            objects = [await waiting.fetch(client, kind, cluster.namespace, name)]
        else:
            items, _ = await client.list_raw(kind.struct, cluster.namespace)
            objects = [msgspec.json.decode(item) for item in items]
        secrets = [await _secret(client, obj) if credentials else None for obj in objects]
    if not objects:
        output.fail(f"no objects found in {cluster.namespace} namespace")
    for obj, secret in zip(objects, secrets, strict=True):
        output.text(manifests.written(obj).removesuffix("\n"))
        if secret:
            output.text(secret.removesuffix("\n"))


async def _secret(client: "kube.Client", obj: kinds.Json) -> str | None:
    """Return the Secret that a source names, as flux prints it: what it is and what it holds."""
    from gotk import go_yaml  # noqa: PLC0415 - only needed when something is printed
    from gotk.kube import errors  # noqa: PLC0415

    name, namespace = kinds.dig(obj, "spec", "secretRef", "name"), obj["metadata"]["namespace"]
    if not name:
        return None
    try:
        found = await client.get_object("v1", "Secret", namespace, name)
    except errors.NotFound:
        output.fail(f'failed to retrieve secret {name}, error: secrets "{name}" not found')
    metadata = {"name": name, "namespace": namespace}
    kept = {"data": found["data"]} if found.get("data") else {}
    return "---\n" + go_yaml.write(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": found["type"], **kept}
    )
