"""`pin` and `unpin`: a policy chooses one tag and no other, for a while or until somebody says otherwise.

An annotation of the ImagePolicy, and nothing else: the running service reads it at once, and a manifest may hold it.
"""

from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.steering import moments

if TYPE_CHECKING:
    from image_automation.steering.pinning import Pinned


def _pin(name: str, tag: str, *, until: str, reason: str, **options: Any) -> None:
    """Let an ImagePolicy choose TAG and no other, also where that is an older one.

    The policy still refuses what its filter, range and minimum age refuse. Without --until the pin stands until
    `unpin`; a later pin takes the place of an earlier one.
    """
    pinned = clusters.run(_pinned(clusters.from_options(options), name, tag, until, reason))
    output.success(pinned.sentence)
    if pinned.warning:
        output.warning(pinned.warning)
    if pinned.hint:
        output.action(pinned.hint)


def _unpin(name: str, **options: Any) -> None:
    """Let a pinned ImagePolicy choose as its spec says again."""
    had = clusters.run(_unpinned(clusters.from_options(options), name))
    output.success(f"image policy {name} is pinned no more" if had else f"image policy {name} is not pinned")


async def _pinned(cluster: clusters.Cluster, name: str, tag: str, until: str, reason: str) -> "Pinned":
    """Write the pin, and return what is to be said of it."""
    from image_automation.steering import pinning  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        return await pinning.pin(client, cluster.namespace, name, tag, until=until, reason=reason)


async def _unpinned(cluster: clusters.Cluster, name: str) -> bool:
    """Take the pin away; tell whether there was one."""
    from image_automation.steering import pinning  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        return await pinning.unpin(client, cluster.namespace, name)


pin = click.Command(
    "pin",
    callback=_pin,
    params=[
        click.Argument(["name"], shell_complete=completion.of("IMAGE_POLICY")),
        click.Argument(["tag"]),
        click.Option(["--until"], default="", metavar="TIME", help=f"When it ends: {moments.FORMS}."),
        click.Option(["--reason"], default="", help="Why, for whoever reads the status."),
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
