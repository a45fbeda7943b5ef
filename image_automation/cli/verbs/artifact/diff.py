"""`diff artifact`: whether an artifact holds what a folder of this machine does, and which files differ.

Answers to `flux diff artifact`. Files are compared, not the bytes of tarballs, which depend on who packed them.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from image_automation.cli import output
from image_automation.cli.verbs.artifact import content, reach


def _diff(url: str | None, **options: Any) -> None:
    """Compare an artifact of a registry with a folder or a manifest of this machine.

    Prints each file that differs: + is here alone, - is in the artifact alone, ~ has other content. Exits with 1 then.
    """
    way, artifact = reach.from_options(options), reach.parse(url)
    with reach.told("comparing artifact failed"), content.packed(options) as made:
        found = reach.run(lambda: _compare(way, artifact, made), "comparing artifact failed")
    for line in found:
        output.text(line)
    if found:
        output.fail("the remote artifact contents differs from the local one")
    output.success("no changes detected")


async def _compare(way: reach.Reach, artifact: reach.Reference, made: content.Content) -> Sequence[str]:
    from deploy.source import unpack  # noqa: PLC0415 - heavy imports wait
    from image_automation.cli.verbs.artifact import fetching  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="artifact-") as name:
        here, there = Path(name) / "here", Path(name) / "there"
        here.mkdir()
        unpack.unpack(made.file, here)
        async with way.open(artifact.repository) as (client, access):
            await fetching.unpacked(client, access, artifact, there)
        return list(_differences(here, there))


def _differences(here: Path, there: Path) -> list[str]:
    ours, theirs = _files(here), _files(there)
    found = []
    for name in sorted(ours | theirs):
        if name not in theirs:
            found.append(f"+ {name}")
        elif name not in ours:
            found.append(f"- {name}")
        elif (here / name).read_bytes() != (there / name).read_bytes():
            found.append(f"~ {name}")
    return found


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


artifact = click.Command(
    "artifact",
    callback=_diff,
    params=[
        click.Argument(["url"], required=False, metavar="oci://HOST/REPOSITORY:TAG"),
        *content.parameters(links=False),
        *reach.parameters(),
    ],
    help=_diff.__doc__,
)
