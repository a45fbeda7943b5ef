"""`pin` and `unpin`: a policy chooses one tag and no other, for a while or until somebody says otherwise.

An annotation of the ImagePolicy, and nothing else: the running service reads it at once, and a manifest may hold it.
"""

from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.steering import moments, person

if TYPE_CHECKING:
    from gotk.kube.client import Client


def _pin(name: str, tag: str, *, until: str, reason: str, **options: Any) -> None:
    """Let an ImagePolicy choose TAG and no other, also where that is an older one.

    The policy still refuses what its filter, range and minimum age refuse. Without --until the pin stands until
    `unpin`; a later pin takes the place of an earlier one.
    """
    pinned = clusters.run(_pinned(clusters.from_options(options), name, tag, until, reason))
    output.success(f"image policy {name} is {pinned}")


def _unpin(name: str, **options: Any) -> None:
    """Let a pinned ImagePolicy choose as its spec says again."""
    had = clusters.run(_unpinned(clusters.from_options(options), name))
    output.success(f"image policy {name} is pinned no more" if had else f"image policy {name} is not pinned")


async def _pinned(cluster: clusters.Cluster, name: str, tag: str, until: str, reason: str) -> str:
    """Write the pin, and return what it says."""
    from policies import pin as pins  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        who = await person.ask(client)
        end = moments.later(until, who.now) if until else None
        made = pins.Pin(tag=tag, until=end, by=who.name, reason=reason)
        try:
            text = pins.written(made)
        except ValueError as error:
            output.fail(str(error))
        await _annotate(client, cluster.namespace, name, text)
        return made.named


async def _unpinned(cluster: clusters.Cluster, name: str) -> bool:
    """Take the pin away; tell whether there was one."""
    async with cluster.connect() as client:
        return await _annotate(client, cluster.namespace, name, None)


async def _annotate(client: "Client", namespace: str, name: str, text: str | None) -> bool:
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.image import ImagePolicy  # noqa: PLC0415 - as above

    obj = await client.get(ImagePolicy, namespace, name)
    await client.merge_patch(ImagePolicy, namespace, name, {"metadata": {"annotations": {extensions.PIN: text}}})
    return extensions.PIN in obj.metadata.annotations


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
