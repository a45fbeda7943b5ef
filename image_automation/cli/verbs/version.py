"""`version`: of this program, and of the Kubernetes API it talks to."""

from importlib import metadata
from typing import Any

import click
import msgspec

from image_automation.cli import cluster as clusters
from image_automation.cli import output


def program() -> str:
    """Return this program's version, such as `v0.1.0`."""
    return f"v{metadata.version('image-automation')}"


def _version(*, client: bool, form: str | None, **options: Any) -> None:
    """Print the versions of this program and of the server."""
    cluster = clusters.from_options(options)
    versions = {"image-automation": program()}
    if not client:
        versions["kubernetes"] = clusters.run(_server(cluster))
    if form == "json":
        output.text(msgspec.json.format(msgspec.json.encode(versions), indent=2).decode())
    else:
        output.text("\n".join(f"{name}: {value}" for name, value in versions.items()))


async def _server(cluster: clusters.Cluster) -> str:
    async with cluster.connect() as client:
        return await client.version()


version = click.Command(
    "version",
    callback=_version,
    params=[
        click.Option(["--client"], is_flag=True, help="Print this program's version only."),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json", "yaml"]), help="Print as JSON or YAML."),
        *clusters.parameters(),
    ],
    help="Print the versions of this program and of the server.",
)
