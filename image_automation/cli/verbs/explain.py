"""`explain`: why a policy chose its tag, as the running service answers it, what an automation's last run found, and
what became of a HelmRelease.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output, reports, verdicts
from image_automation.cli.verbs import completion, running
from image_automation.cli.verbs.look import explained

if TYPE_CHECKING:
    from gotk.api.image import ImageUpdateAutomation
    from image_automation.explanation import Explanation

#: Where a service answers unless told otherwise.
SERVER = "http://127.0.0.1:9441"


@click.group()
def explain() -> None:
    """Say why a policy chose its tag, what an automation found, and what is done with a HelmRelease."""


explain.add_command(explained.helmrelease)


@explain.command()
@click.argument("name", shell_complete=completion.of("IMAGE_POLICY"))
@click.option(
    "--server",
    envvar="IMAGE_AUTOMATION_SERVER",
    metavar="URL",
    help=f"Where the service answers (its --explain-addr).  [default: as beside the kubeconfig, else {SERVER}]",
)
@click.option("-o", "--output", "form", type=click.Choice(verdicts.FORMS), default="table", help="How to print it.")
def policy(name: str, server: str | None, form: str, **options: Any) -> int:
    """Print every tag of a policy's image with its verdict: chosen, eligible or refused, and why.

    The service answers from its own store, on loopback. One with an embedded control plane is found by the kubeconfig.
    For one that runs in a cluster forward its port first:
    kubectl -n flux-system port-forward deploy/image-automation 9441
    """
    cluster = clusters.from_options(options)
    where = server or where_beside(cluster) or SERVER
    found = asyncio.run(ask(where, cluster, cluster.namespace, name))
    return verdicts.show(found, form)


policy.params += clusters.parameters()


def where_beside(cluster: clusters.Cluster) -> str:
    """Return where a service with an embedded control plane explains choices, by its kubeconfig, or nothing."""
    from image_automation.app import addresses  # noqa: PLC0415 - `--help` needs no rooms

    return running.beside(cluster, addresses.EXPLAIN)


@explain.command()
@click.argument("name", shell_complete=completion.of("IMAGE_UPDATE"))
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="Print the record as JSON.")
def update(name: str, *, form: str | None, **options: Any) -> None:
    """Print what the last run of an ImageUpdateAutomation pushed, holds back and ignores, place by place."""
    from image_automation import report, report_status  # noqa: PLC0415 - `--help` needs no rooms

    obj = clusters.run(_automation(clusters.from_options(options), name))
    found = report.read(obj.metadata.annotations)
    if form == "json":
        import msgspec  # noqa: PLC0415 - only for JSON

        output.text(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    untold = found.push is not None and found.push.is_untold(obj.status.last_push_commit)
    reports.show(found, untold=untold, outdated=report_status.outdated(obj))


update.params += clusters.parameters()


async def _automation(cluster: clusters.Cluster, name: str) -> "ImageUpdateAutomation":
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415 - `--help` needs no API

    async with cluster.connect() as client:
        return await client.get(ImageUpdateAutomation, cluster.namespace, name)


async def ask(server: str, cluster: clusters.Cluster, namespace: str, name: str) -> "Explanation":
    """Return the service's record of a policy. Raises Failure where it does not answer, or knows none."""
    import aiohttp  # noqa: PLC0415 - `--help` needs no HTTP client
    import msgspec  # noqa: PLC0415 - nor this
    from yarl import URL  # noqa: PLC0415 - nor this

    from image_automation.explanation import Explanation  # noqa: PLC0415 - nor the rooms

    try:
        url = URL(server.rstrip("/")) / "explain" / namespace / name
        timeout = aiohttp.ClientTimeout(total=cluster.timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.get(url) as answer:
                body = await answer.read()
            if answer.status == 401:
                async with session.get(url, headers=await running.proof(cluster, url)) as answer:
                    body = await answer.read()
    except (aiohttp.ClientError, ValueError, TimeoutError) as error:
        cause = str(error) or type(error).__name__
        output.fail(
            f"the service does not answer at {server}: {cause}; is it running? For one in a cluster forward its port: "
            "kubectl -n flux-system port-forward deploy/image-automation 9441"
        )
    try:
        if answer.status != 200:
            output.fail(str(msgspec.json.decode(body, type=dict[str, str]).get("message", f"status {answer.status}")))
        return msgspec.json.decode(body, type=Explanation)
    except msgspec.DecodeError:
        output.fail(f"{server} is not this service's --explain-addr: its answer cannot be read")
