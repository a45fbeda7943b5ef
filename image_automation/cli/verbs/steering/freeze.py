"""`freeze` and `unfreeze`: automations write nothing for a while, with a reason that everybody sees.

An annotation of each automation, and nothing else: it is heeded before the next push, and ends by itself.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.steering import moments, person

if TYPE_CHECKING:
    from gotk.kube.client import Client


def _freeze(names: tuple[str, ...], *, everything: bool, reason: str, until: str, **options: Any) -> None:
    """Let ImageUpdateAutomations write nothing.

    Scanning and choosing go on. Without --until they are frozen until `unfreeze`; a later freeze takes the place of an
    earlier one. What somebody lets past it with `allow` is written all the same.
    """
    _check(names, everything=everything)
    for name, sentence in clusters.run(_frozen(clusters.from_options(options), names, reason, until)):
        output.success(f"image update {name} is {sentence}")


def _unfreeze(names: tuple[str, ...], *, everything: bool, **options: Any) -> None:
    """Let frozen ImageUpdateAutomations write again."""
    _check(names, everything=everything)
    for name, had in clusters.run(_thawed(clusters.from_options(options), names)):
        output.success(f"image update {name} is {'frozen no more' if had else 'not frozen'}")


def _check(names: tuple[str, ...], *, everything: bool) -> None:
    if bool(names) == everything:
        output.fail("name ImageUpdateAutomations, or give --all for those of the namespace")


async def _frozen(cluster: clusters.Cluster, names: Sequence[str], reason: str, until: str) -> list[tuple[str, str]]:
    import msgspec  # noqa: PLC0415 - heavy imports wait

    from gotk.api import extensions  # noqa: PLC0415
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415
    from gotk.runtime.clock import rfc3339  # noqa: PLC0415
    from image_automation.gating.freeze import Freeze  # noqa: PLC0415

    async with cluster.connect() as client:
        who = await person.ask(client)
        end = moments.later(until, who.now) if until else None
        freeze = Freeze(reason=reason, until=rfc3339(end) if end else "", by=who.name, at=rfc3339(who.now))
        patch = {"metadata": {"annotations": {extensions.FREEZE: msgspec.json.encode(freeze).decode()}}}
        named = await _named(client, cluster.namespace, names)
        for name in named:
            await client.merge_patch(ImageUpdateAutomation, cluster.namespace, name, patch)
        return [(name, freeze.sentence) for name in named]


async def _thawed(cluster: clusters.Cluster, names: Sequence[str]) -> list[tuple[str, bool]]:
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415

    thawed = []
    async with cluster.connect() as client:
        for name in await _named(client, cluster.namespace, names):
            obj = await client.get(ImageUpdateAutomation, cluster.namespace, name)
            patch = {"metadata": {"annotations": {extensions.FREEZE: None}}}
            await client.merge_patch(ImageUpdateAutomation, cluster.namespace, name, patch)
            thawed.append((name, extensions.FREEZE in obj.metadata.annotations))
    return thawed


async def _named(client: "Client", namespace: str, names: Sequence[str]) -> Sequence[str]:
    """Return the names given once they are all there, or those of the namespace."""
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415 - heavy imports wait

    found = [obj.metadata.name for obj in await client.list(ImageUpdateAutomation, namespace)]
    if missing := [name for name in names if name not in found]:
        output.fail(f"there is no ImageUpdateAutomation {', '.join(missing)} in namespace {namespace}")
    if not found:
        output.fail(f"there is no ImageUpdateAutomation in namespace {namespace}")
    return names or sorted(found)


def _parameters() -> list[click.Parameter]:
    return [
        click.Argument(["names"], nargs=-1, metavar="[NAME]...", shell_complete=completion.of("IMAGE_UPDATE")),
        click.Option(["--all", "everything"], is_flag=True, help="Every ImageUpdateAutomation of the namespace."),
    ]


freeze = click.Command(
    "freeze",
    callback=_freeze,
    params=[
        *_parameters(),
        click.Option(["--reason"], required=True, help="Why, for whoever waits for an update."),
        click.Option(["--until"], default="", metavar="TIME", help=f"When it ends: {moments.FORMS}."),
        *clusters.parameters(),
    ],
    help=_freeze.__doc__,
)
unfreeze = click.Command(
    "unfreeze", callback=_unfreeze, params=[*_parameters(), *clusters.parameters()], help=_unfreeze.__doc__
)
