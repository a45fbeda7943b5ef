"""`delete`: one object, after asking; its controller then takes away what the object stands for.

Answers to `flux2/cmd/flux/delete.go`. The object that was shown is the one deleted: not another that took its name
while somebody was being asked.
"""

from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output, waiting
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.objects.reconcile import build


def _command(word: str, kind: kinds.Kind) -> click.Command:
    def call(*, name: str | None, silent: bool, **options: Any) -> None:
        if not name:
            output.fail(f"{kind.human} name is required")
        clusters.run(_delete(clusters.from_options(options), kind, name, silent=silent))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names(kind)),
        click.Option(["-s", "--silent"], is_flag=True, help="Delete without asking."),
        *clusters.parameters(),
    ]
    return flags.Command(word, callback=call, params=parameters, help=f"Delete one {kind.name}.")


delete = build("delete", "Delete an object.", (*kinds.ALL, kinds.ALERT, kinds.PROVIDER), _command)


async def _delete(cluster: clusters.Cluster, kind: kinds.Kind, name: str, *, silent: bool) -> None:
    async with cluster.connect() as client:
        obj = await waiting.fetch(client, kind, cluster.namespace, name)
        if not silent and not _confirmed(kind):
            output.fail("aborting")
        output.action(f"deleting {kind.human} {name} in {cluster.namespace} namespace")
        uid = obj["metadata"]["uid"]
        await client.delete_object(obj["apiVersion"], obj["kind"], cluster.namespace, name, uid=uid)
        output.success(f"{kind.human} deleted")


def _confirmed(kind: kinds.Kind) -> bool:
    try:
        return click.confirm(f"Are you sure you want to delete this {kind.human}", err=True)
    except click.Abort:
        return False
