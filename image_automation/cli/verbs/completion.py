"""`completion`: the script that completes commands in a shell, and the names of objects while typing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click import shell_completion

from image_automation.cli import output, powershell

if TYPE_CHECKING:
    from gotk.api.meta import Object
    from image_automation.cli import kinds

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
_SECONDS = 2.0


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", powershell.NAME]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL, to be sourced: `. <(image-automation completion bash)`.

    In PowerShell: image-automation completion powershell | Out-String | Invoke-Expression
    """
    from image_automation.cli import root  # noqa: PLC0415 - the root lists this verb

    powershell.register()
    kind = shell_completion.get_completion_class(shell)
    if kind is None:
        output.fail(f"there is no completion for {shell}")
    output.text(kind(root.root, {}, "image-automation", "_IMAGE_AUTOMATION_COMPLETE").source())


def of(constant: str) -> Completer:
    """Return a completer of the names of a kind's objects; the kind is loaded when something is completed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from image_automation.cli import kinds  # noqa: PLC0415 - slow to load

        kind: kinds.Kind = getattr(kinds, constant)
        return names(kind)(ctx, param, incomplete)

    return complete


def names(kind: "kinds.Kind") -> Completer:
    """Return a completer of the names of a kind's objects."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return names_of(kind.struct)(ctx, param, incomplete)

    return complete


def names_of(struct: "type[Object]") -> Completer:
    """Return a completer of the names of the objects of a struct. A cluster that does not answer completes nothing."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        import asyncio  # noqa: PLC0415 - only needed when a name is completed

        from gotk.kube import credentials, errors  # noqa: PLC0415 - only needed when a name is completed
        from image_automation.cli import cluster  # noqa: PLC0415

        options = dict(ctx.params)
        found = cluster.Cluster(
            kubeconfig=options.get("kubeconfig"),
            context=options.get("context"),
            namespace=options.get("namespace") or "flux-system",
            timeout=_SECONDS,
        )

        async def listed() -> list[str]:
            async with asyncio.timeout(_SECONDS), found.connect() as client:
                return [obj.metadata.name for obj in await client.list(struct, found.namespace)]

        try:
            return [name for name in asyncio.run(listed()) if name.startswith(incomplete)]
        except (errors.APIError, credentials.ConfigError, TimeoutError):
            return []

    return complete
