"""`pin` and `unpin`: a policy chooses one tag and no other, for a while or until somebody says otherwise.

An annotation of the ImagePolicy, and nothing else: the running service reads it at once, and a manifest may hold it.
"""

from datetime import datetime
from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.steering import moments


def _pin(name: str, tag: str, *, until: datetime | None, reason: str, by: str | None, **options: Any) -> None:
    """Let an ImagePolicy choose TAG and no other, also where that is an older one.

    The policy still refuses what its filter, range and minimum age refuse. Without --until the pin stands until
    `unpin`; a later pin takes the place of an earlier one.
    """
    from policies import pin as pins  # noqa: PLC0415 - `--help` needs no rooms

    made = pins.Pin(tag=tag, until=until, by=moments.somebody() if by is None else by, reason=reason)
    try:
        text = pins.written(made)
    except ValueError as error:
        output.fail(str(error))
    clusters.run(_annotate(clusters.from_options(options), name, text))
    output.success(f"image policy {name} is {made.named}")


def _unpin(name: str, **options: Any) -> None:
    """Let a pinned ImagePolicy choose as its spec says again."""
    had = clusters.run(_annotate(clusters.from_options(options), name, None))
    output.success(f"image policy {name} is pinned no more" if had else f"image policy {name} is not pinned")


async def _annotate(cluster: clusters.Cluster, name: str, text: str | None) -> bool:
    """Write or take away the pin; tell whether there was one."""
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.image import ImagePolicy  # noqa: PLC0415 - as above

    async with cluster.connect() as client:
        obj = await client.get(ImagePolicy, cluster.namespace, name)
        patch = {"metadata": {"annotations": {extensions.PIN: text}}}
        await client.merge_patch(ImagePolicy, cluster.namespace, name, patch)
        return extensions.PIN in obj.metadata.annotations


pin = click.Command(
    "pin",
    callback=_pin,
    params=[
        click.Argument(["name"], shell_complete=completion.of("IMAGE_POLICY")),
        click.Argument(["tag"]),
        click.Option(["--until"], type=moments.MomentType(), metavar="TIME", help=f"When it ends: {moments.FORMS}."),
        click.Option(["--reason"], default="", help="Why, for whoever reads the status."),
        click.Option(["--by"], metavar="NAME", help="Who wants it.  [default: the user of this machine]"),
        *clusters.parameters(),
    ],
    help=_pin.__doc__,
)
unpin = click.Command(
    "unpin",
    callback=_unpin,
    params=[click.Argument(["name"], shell_complete=completion.of("IMAGE_POLICY")), *clusters.parameters()],
    help=_unpin.__doc__,
)
