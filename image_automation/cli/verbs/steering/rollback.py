"""`rollback`: gives places of a repository back what they held before our last edit, and holds the version they leave.

The automation does it, with its own credentials and in its own name: here is written what is wanted, by whom and why,
and waited for what came of it.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from gotk.kube.client import Client
    from image_automation.report import Answer

_POLL = 0.3
_SHORT = 12


def _rollback(name: str, place: str | None, *, policy: str | None, wait: bool, **options: Any) -> None:
    """Roll back what an ImageUpdateAutomation wrote, as one commit of its own, and hold the version that it leaves.

    PLACE is a file or folder of the repository, or a pattern such as 'apps/*.yaml'; without it, and without --policy,
    everything that the last commit of the automation changed is meant. What others have changed since stays.
    """
    fields = {field: options.pop(field) for field in ("to", "reason", "during_freeze")}
    fields |= {"id": secrets.token_hex(8), "place": place or "", "policy": policy or ""}
    answer = clusters.run(_ask(clusters.from_options(options), name, fields, wait=wait))
    if answer is None:
        output.success(f"image update {name} is asked to roll back")
    elif not answer.commit:
        output.fail(f"nothing is rolled back: {answer.message}")
    else:
        output.success(f"commit {answer.commit[:_SHORT]}: {answer.message}")


async def _ask(cluster: clusters.Cluster, name: str, fields: dict[str, Any], *, wait: bool) -> "Answer | None":
    from image_automation.recovering.request import Request  # noqa: PLC0415 - heavy imports wait
    from image_automation.steering import rolling_back  # noqa: PLC0415 - as above

    async with cluster.connect() as client:
        await rolling_back.ask(client, cluster.namespace, name, Request(**fields))
        return await _answer(client, cluster, name, str(fields["id"])) if wait else None


async def _answer(client: "Client", cluster: clusters.Cluster, name: str, request: str) -> "Answer":
    """Wait until the automation has answered. Fails after the timeout."""
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415 - heavy imports wait
    from image_automation import report  # noqa: PLC0415 - as above

    message = ""
    try:
        async with asyncio.timeout(cluster.timeout):
            while True:
                obj = await client.get(ImageUpdateAutomation, cluster.namespace, name)
                found = report.read(obj.metadata.annotations).answer
                if found is not None and found.request == request:
                    return found
                ready = next((each for each in obj.status.conditions if each.type == "Ready"), None)
                message = ready.message if ready is not None and ready.status == "False" else ""
                await asyncio.sleep(_POLL)
    except TimeoutError:
        cause = message or "is the service running?"
        output.fail(f"image update {name} has not answered yet, and will once it runs: {cause}")


rollback = click.Command(
    "rollback",
    callback=_rollback,
    params=[
        click.Argument(["name"], shell_complete=completion.of("IMAGE_UPDATE")),
        click.Argument(["place"], required=False),
        click.Option(["--policy"], metavar="NAME", help="Only what follows this ImagePolicy."),
        click.Option(
            ["--to"], default="", metavar="COMMIT", help="What it held as of this commit, one of the last 50."
        ),
        click.Option(["--reason"], default="", help="Why, for the commit and whoever reads the status."),
        click.Option(["--during-freeze"], is_flag=True, help="Also while the automation or the policy is frozen."),
        click.Option(["--wait/--no-wait"], default=True, help="Wait for the commit.  [default: wait]"),
        *clusters.parameters(),
    ],
    help=_rollback.__doc__,
)
