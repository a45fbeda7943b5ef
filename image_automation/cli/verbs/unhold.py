"""`unhold`: lets an update through that an automation holds back because a person took it back.

Writes an annotation that names the commits which are forgiven, so that nothing but Git and the object has to remember.
"""

from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from image_automation.steering.releasing import Released


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
    for line in released.lines(name):
        output.success(line)


async def _release(cluster: clusters.Cluster, name: str, paths: tuple[str, ...]) -> "Released":
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415 - heavy imports wait
    from image_automation.steering import releasing  # noqa: PLC0415 - as above

    async with cluster.connect() as client:
        return await releasing.release(client, cluster.namespace, name, paths, SystemClock().now())


def _print(released: "Released") -> None:
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
