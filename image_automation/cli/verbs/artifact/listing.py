"""`list artifacts`: the tags of a repository, and where what is behind each comes from."""

import asyncio
from collections.abc import Iterable
from typing import Any

import click

from image_automation.cli import output
from image_automation.cli.verbs.artifact import reach

#: What cosign stores under tags of its own.
_COSIGN = (".att", ".sbom", ".sig")


def _list(url: str | None, *, semver: str, regex: str, **options: Any) -> None:
    """List the artifacts of a repository with their digests, sources and revisions."""
    way, artifact = reach.from_options(options), reach.parse(url, "artifact repository URL is required")
    rows = reach.run(lambda: _rows(way, artifact, semver, regex), "listing artifacts failed")
    output.table(["artifact", "digest", "source", "revision"], rows)


async def _rows(way: reach.Reach, artifact: reach.Reference, semver: str, regex: str) -> list[list[str]]:
    from gotk.oci import manifest  # noqa: PLC0415 - heavy imports wait

    repository = artifact.repository
    async with way.open(repository) as (client, access):
        listed = await client.list_tags(repository, access)
        tags = sorted(_chosen(listed.tags, semver, regex), reverse=True)
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(client.manifest(repository, tag, access)) for tag in tags]
    found = [read.result() for read in reads]
    return [
        [f"{repository}:{tag}", each.digest, *manifest.origin(each.manifest.annotations)]
        for tag, each in zip(tags, found, strict=True)
    ]


def _chosen(tags: Iterable[str], semver: str, regex: str) -> Iterable[str]:
    """Leave out what the filters do, and what cosign stores. Raises ValueError for a filter that cannot be read."""
    from gotk.goregexp import Regexp  # noqa: PLC0415
    from gotk.semver import Range, Version  # noqa: PLC0415

    wanted = Range.parse(semver) if semver else None
    pattern = Regexp(regex) if regex else None

    def suits(tag: str) -> bool:
        if tag.endswith(_COSIGN) or (pattern is not None and not pattern.matches(tag)):
            return False
        try:
            return wanted is None or wanted.contains(Version.parse_tag(tag))
        except ValueError:
            return False  # no version is in no range

    return filter(suits, tags)


artifacts = click.Command(
    "artifacts",
    callback=_list,
    params=[
        click.Argument(["url"], required=False, metavar="oci://HOST/REPOSITORY"),
        click.Option(["--filter-semver", "semver"], default="", metavar="RANGE", help="Only versions in this range."),
        click.Option(["--filter-regex", "regex"], default="", metavar="REGEX", help="Only tags that this matches."),
        *reach.parameters(),
    ],
    help=_list.__doc__,
)
list_ = click.Group(
    "list", commands={"artifacts": artifacts, "artifact": artifacts}, help="List the artifacts of a repository."
)
