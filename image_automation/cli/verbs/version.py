"""`version`: of this program, of the Kubernetes API it talks to, and of what is installed there."""

from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output


def program() -> str:
    """Return this program's version, such as `v0.1.0`."""
    from importlib import metadata  # noqa: PLC0415 - slow to load, and only needed here

    return f"v{metadata.version('image-automation')}"


def _version(*, client: bool, form: str | None, **options: Any) -> None:
    """Print the versions of this program, of the server, and of what is installed there."""
    cluster = clusters.from_options(options)
    versions = {"image-automation": program()}
    if not client:
        versions |= clusters.run(_server(cluster))
    if form == "json":
        import json  # noqa: PLC0415 - only for JSON

        output.text(json.dumps(versions, indent=2))
    else:
        output.text("\n".join(f"{name}: {value}" for name, value in versions.items()))


async def _server(cluster: clusters.Cluster) -> dict[str, str]:
    from image_automation.cli.verbs.look import installed  # noqa: PLC0415 - heavy, and only with a cluster

    async with cluster.connect() as client:
        found = {"kubernetes": await client.version()}
        if distribution := await installed.distribution(client):
            found["distribution"] = distribution
        images = await installed.images(client, cluster.namespace)
        if ours := images.pop("image-automation", ""):
            found["installed"] = ours
        return found | images


version = click.Command(
    "version",
    callback=_version,
    params=[
        click.Option(["--client"], is_flag=True, help="Print this program's version only."),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json", "yaml"]), help="Print as JSON or YAML."),
        *clusters.parameters(),
    ],
    help=_version.__doc__,
)
