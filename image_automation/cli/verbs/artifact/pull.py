"""`pull artifact`: the files of an artifact, into a folder of this machine."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import click

from image_automation.cli import output
from image_automation.cli.verbs.artifact import reach


def _pull(url: str | None, *, target: Path | None, **options: Any) -> None:
    """Pull an artifact and unpack it into a folder, over what is there."""
    way, artifact = reach.from_options(options), reach.parse(url)
    if target is None or (target.exists() and not target.is_dir()):
        output.fail(f"invalid output path '{target or ''}': --output names a folder")
    output.action(f"pulling artifact from {artifact}")
    source, revision, digest = reach.run(lambda: _fetch(way, artifact, target), "pulling artifact failed")
    output.success(f"source {source}")
    output.success(f"revision {revision}")
    output.success(f"digest {artifact.repository}@{digest}")
    output.success(f"artifact content extracted to {target}")


async def _fetch(way: reach.Reach, artifact: reach.Reference, target: Path) -> tuple[str, str, str]:
    from gotk.oci import manifest  # noqa: PLC0415 - heavy imports wait
    from image_automation.cli.verbs.artifact import fetching  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="artifact-") as name:
        folder = Path(name)
        async with way.open(artifact.repository) as (client, access):
            pulled = await fetching.unpacked(client, access, artifact, folder / "files")
        shutil.copytree(folder / "files", target, dirs_exist_ok=True)
    return *manifest.origin(pulled.manifest.annotations), pulled.digest


artifact = click.Command(
    "artifact",
    callback=_pull,
    params=[
        click.Argument(["url"], required=False, metavar="oci://HOST/REPOSITORY:TAG"),
        click.Option(
            ["-o", "--output", "target"], type=click.Path(path_type=Path), metavar="DIR", help="Folder for the files."
        ),
        *reach.parameters(),
    ],
    help=_pull.__doc__,
)
pull = click.Group("pull", commands=[artifact], help="Pull an artifact from a registry into a folder.")
