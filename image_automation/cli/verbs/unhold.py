"""`unhold`: lets an update through that an automation holds back because a person took it back.

Writes an annotation that names the commits which are forgiven, so that nothing but Git and the object has to remember.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from image_automation.report import Report

_SHORT = 12


@dataclass(frozen=True, slots=True)
class _Released:
    """The entries of the annotation, the files and commits that they let through, and how many more may be meant."""

    entries: Sequence[str]
    taken: Sequence[tuple[str, str]]
    unlisted: int = 0


def _unhold(name: str, paths: tuple[str, ...], *, form: str | None, **options: Any) -> None:
    """Let the updates through that an ImageUpdateAutomation holds back.

    NAME is the automation's. With PATHs (files or folders of the repository, or patterns such as 'apps/*.yaml') only
    what is held there is let through, and nothing at all where one of them names nothing that is held.
    """
    cluster = clusters.from_options(options)
    released = clusters.run(_release(cluster, name, paths))
    if form == "json":
        _print(released)
        return
    if not released.entries:
        output.success(f"image update {name} holds nothing back")
    for path, commit in released.taken:
        output.success(f"{path}: what commit {commit[:_SHORT]} took back may come again")
    if released.entries and released.unlisted:
        output.success(f"and {released.unlisted} more places, as far as they are named")


async def _release(cluster: clusters.Cluster, name: str, paths: tuple[str, ...]) -> "_Released":
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415
    from gotk.api.meta import REQUESTED_AT  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock, rfc3339  # noqa: PLC0415
    from image_automation import report  # noqa: PLC0415
    from image_automation.writing import releases  # noqa: PLC0415

    async with cluster.connect() as client:
        obj = await client.get(ImageUpdateAutomation, cluster.namespace, name)
        released = _named(report.read(obj.metadata.annotations), paths)
        if not released.entries:
            return released
        try:
            forgiven = releases.forgiving(obj.metadata.annotations.get(extensions.UNHOLD, ""), released.entries)
        except releases.TooManyError as error:
            output.fail(f"{error}: name fewer, or no PATH at all, which lets everything through")
        annotations = {extensions.UNHOLD: forgiven, REQUESTED_AT: rfc3339(SystemClock().now())}
        await client.merge_patch(
            ImageUpdateAutomation, cluster.namespace, name, {"metadata": {"annotations": annotations}}
        )
        return released


def _named(found: "Report", paths: tuple[str, ...]) -> _Released:
    """Return what to release; fails where a path names nothing that is held."""
    from image_automation.writing import releases  # noqa: PLC0415

    held = [releases.Taken(each.path, each.commit) for each in found.held if each.commit]
    unlisted = found.left_out.held if found.left_out else 0
    if paths:
        chosen = releases.named(held, paths, found.commits if unlisted else ())
    else:
        chosen = releases.everything(held, found.commits)
    if chosen.nothing:
        output.fail(f"nothing is held in {', '.join(chosen.nothing)}")
    return _Released(chosen.entries, chosen.taken, unlisted)


def _print(released: _Released) -> None:
    import msgspec  # noqa: PLC0415

    output.text(msgspec.json.format(msgspec.json.encode(released), indent=2).decode())


unhold = click.Command(
    "unhold",
    callback=_unhold,
    params=[
        click.Argument(["name"], shell_complete=completion.of("IMAGE_UPDATE")),
        click.Argument(["paths"], nargs=-1, metavar="[PATH]..."),
        click.Option(
            ["-o", "--output", "form"], type=click.Choice(["json"]), help="Print what was let through as JSON."
        ),
        *clusters.parameters(),
    ],
    help=_unhold.__doc__,
)
