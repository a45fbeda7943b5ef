"""`dashboard`: a link that opens the running service's pages as the user of the kubeconfig, good once."""

import asyncio

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import running

#: Where a service serves its pages unless told otherwise.
SERVER = "http://127.0.0.1:9442"
_FORWARD = "kubectl -n flux-system port-forward deploy/image-automation 9442"


@click.command()
@click.option(
    "--server",
    envvar="IMAGE_AUTOMATION_DASHBOARD",
    metavar="URL",
    help=f"Where the pages are (its --dashboard-addr).  [default: as beside the kubeconfig, else {SERVER}]",
)
def dashboard(server: str | None, **options: object) -> None:
    """Print a link that signs you in to the dashboard, once, within a minute.

    You see and do there what the cluster grants you. For a service that runs in a cluster forward its port first:
    kubectl -n flux-system port-forward deploy/image-automation 9442
    """
    from image_automation.app import addresses  # noqa: PLC0415 - `--help` needs no rooms

    cluster = clusters.from_options(dict(options))
    where = server or running.beside(cluster, addresses.DASHBOARD) or SERVER
    clusters.run(_show(cluster, where))


dashboard.params += clusters.parameters()


async def _show(cluster: clusters.Cluster, server: str) -> None:
    import aiohttp  # noqa: PLC0415 - `--help` needs no HTTP client
    import msgspec  # noqa: PLC0415 - nor this
    from yarl import URL  # noqa: PLC0415 - nor this

    from image_automation.dashboard.signing_in import LINK, Link  # noqa: PLC0415 - nor the rooms

    try:
        url = URL(server.rstrip("/"))
        headers = {**await running.proof(cluster, url), "Accept": "application/json"}
        async with (
            asyncio.timeout(cluster.timeout),
            aiohttp.ClientSession() as session,
            session.post(url.with_path(LINK), headers=headers, allow_redirects=False) as answer,
        ):
            body = await answer.read()
    except (aiohttp.ClientError, ValueError, TimeoutError) as error:
        cause = str(error) or type(error).__name__
        output.fail(
            f"the dashboard does not answer at {server}: {cause}; is the service running? For one in a cluster forward"
            f" its port: {_FORWARD}"
        )
    try:
        if answer.status != 200:
            output.fail(str(msgspec.json.decode(body, type=dict[str, str]).get("message", f"status {answer.status}")))
        link = msgspec.json.decode(body, type=Link)
    except msgspec.DecodeError:
        output.fail(f"{server} is not this service's --dashboard-addr: its answer cannot be read")
    output.success(f"open this within a minute to go in as {link.user}")
    output.text(str(url) + link.path)
