"""`freeze` and `unfreeze`: automations write nothing for a while, with a reason that everybody sees.

An annotation of each automation, of their Namespace, or of the one that the service runs in, and nothing else: it is
heeded before the next push, and ends by itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.steering import moments

if TYPE_CHECKING:
    from gotk.kube.client import Client
    from image_automation.steering.freezing import Target


class _Scope(NamedTuple):
    """What is frozen: automations by name, all that a namespace has, a whole one, or the whole installation."""

    names: tuple[str, ...]
    everything: bool
    whole_namespace: bool
    installation: bool


class _Named(NamedTuple):
    """What is frozen or not, and how people are told of it."""

    target: "Target"
    words: str


def _freeze(*, reason: str, until: str, **options: Any) -> None:
    """Let ImageUpdateAutomations write nothing.

    Scanning and choosing go on. Without --until they are frozen until `unfreeze`; a later freeze takes the place of an
    earlier one. What somebody lets past it with `allow` is written all the same.
    """
    scope = _scope(options)
    for words, sentence in clusters.run(_frozen(clusters.from_options(options), scope, reason, until)):
        output.success(f"{words} is {sentence}")


def _unfreeze(**options: Any) -> None:
    """Let frozen ImageUpdateAutomations write again."""
    scope = _scope(options)
    for words, had in clusters.run(_thawed(clusters.from_options(options), scope)):
        output.success(f"{words} is {'frozen no more' if had else 'not frozen'}")


def _scope(options: dict[str, Any]) -> _Scope:
    scope = _Scope(*(options.pop(name) for name in _Scope._fields))
    if sum(map(bool, scope)) != 1:
        output.fail(
            "name ImageUpdateAutomations, or give --all for those of the namespace, --whole-namespace for whatever it"
            " will have, or --installation for all that the service of this namespace writes"
        )
    return scope


async def _frozen(cluster: clusters.Cluster, scope: _Scope, reason: str, until: str) -> list[tuple[str, str]]:
    """Return what is frozen, in words, and in which words it is."""
    from image_automation.steering import freezing  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        targets = await _targets(client, cluster.namespace, scope)
        made = await freezing.freeze(client, (each.target for each in targets), reason=reason, until=until)
        await _wake(client, cluster.namespace, scope, datetime.fromisoformat(made.at))
        return [(each.words, made.sentence) for each in targets]


async def _thawed(cluster: clusters.Cluster, scope: _Scope) -> list[tuple[str, bool]]:
    """Return what is frozen no more, in words, and whether it was."""
    from image_automation.steering import freezing, person  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        now = (await person.ask(client)).now
        targets = await _targets(client, cluster.namespace, scope)
        thawed = [(each.words, await freezing.unfreeze(client, each.target)) for each in targets]
        await _wake(client, cluster.namespace, scope, now)
    return thawed


async def _targets(client: "Client", namespace: str, scope: _Scope) -> Sequence[_Named]:
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.core import Namespace  # noqa: PLC0415
    from image_automation.steering import freezing  # noqa: PLC0415

    if scope.whole_namespace:
        return [_Named(freezing.Target(Namespace, "", namespace), f"namespace {namespace}")]
    if scope.installation:
        whole = freezing.Target(Namespace, "", namespace, extensions.FREEZE_INSTALLATION)
        return [_Named(whole, f"the installation in namespace {namespace}")]
    return [
        _Named(freezing.automation(namespace, name), f"image update {name}")
        for name in await _named(client, namespace, scope.names)
    ]


async def _wake(client: "Client", namespace: str, scope: _Scope, now: datetime) -> None:
    """Let automations see at once what is said of a Namespace, which nobody watches."""
    from image_automation.steering import waking  # noqa: PLC0415 - heavy imports wait

    if not (scope.whole_namespace or scope.installation):
        return
    if not await waking.wake(client, None if scope.installation else namespace, now):
        output.warning("some automations, which you may not write to, say so with their next run; they hold already")


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
        click.Option(["--whole-namespace"], is_flag=True, help="The namespace, with whatever comes into it."),
        click.Option(["--installation"], is_flag=True, help="All that the service of this namespace writes."),
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
