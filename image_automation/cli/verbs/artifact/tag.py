"""`tag artifact`: more tags for what is in a registry, whatever it is."""

from typing import Any

import click

from image_automation.cli import output, words
from image_automation.cli.verbs.artifact import reach


def _tag(url: str | None, *, tags: tuple[str, ...], **options: Any) -> None:
    """Give an artifact, or an image, more tags."""
    way, artifact = reach.from_options(options), reach.parse(url, "artifact name is required")
    wanted = words.listed(tags)
    if not wanted:
        output.fail("--tag is required")
    for each in wanted:
        reach.parse(f"oci://{artifact.repository}:{each}")
    output.action("tagging artifact")
    reach.run(lambda: _copy(way, artifact, wanted), "tagging artifact failed")


async def _copy(way: reach.Reach, artifact: reach.Reference, wanted: tuple[str, ...]) -> None:
    async with way.open(artifact.repository, pushes=True) as (client, access):
        found = await client.manifest(artifact.repository, artifact.wanted, access)
        for tag in wanted:
            await client.push_manifest(artifact.repository, tag, found.body, found.manifest.media_type, access)
            output.success(f"artifact tagged as {artifact.repository}:{tag}")


artifact = click.Command(
    "artifact",
    callback=_tag,
    params=[
        click.Argument(["url"], required=False, metavar="oci://HOST/REPOSITORY:TAG"),
        click.Option(
            ["--tag", "tags"], multiple=True, metavar="TAGS", help="Tags to give, separated by commas, or repeated."
        ),
        *reach.parameters(),
    ],
    help=_tag.__doc__,
)
tag = click.Group("tag", commands=[artifact], help="Give an artifact of a registry more tags.")
