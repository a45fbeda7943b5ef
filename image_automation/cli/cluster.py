"""Which cluster a verb talks to, and in which namespace: the options, and the client they lead to.

As in flux the namespace of the kubeconfig's context is not used: the default is `flux-system`. The options may stand
before the verb as well. The client is loaded when it is used: the root command has these options, and every verb pays
for what the root loads.
"""

import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from gotk import duration
from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.kube import client, config

R = TypeVar("R")
_ELSEWHERE = f"{__name__}.elsewhere"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class DurationType(click.ParamType[duration.Duration]):
    """A Go duration on the command line, such as `5m` or `1m30s`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> duration.Duration:
        """Read the duration, or fail with Go's words."""
        if isinstance(value, duration.Duration):
            return value
        try:
            return duration.Duration.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The options that every verb on a cluster has."""

    kubeconfig: Path | None
    context: str | None
    namespace: str
    timeout: float

    async def config(self) -> "config.Config":
        """Find the cluster: the named kubeconfig, $KUBECONFIG, ~/.kube/config, or the pod's service account."""
        from gotk.kube import config, credentials  # noqa: PLC0415 - see the module

        paths = self.kubeconfigs()
        if paths:
            return await config.from_kubeconfig(paths, context=self.context)
        inside = await config.in_cluster(os.environ)
        if inside is None:
            raise credentials.ConfigError(
                "no cluster found: name a kubeconfig with --kubeconfig or $KUBECONFIG"
                " (the embedded control plane writes one to DIR/kubeconfig)"
            )
        return inside

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[client.Client]":
        """Open a client of the cluster."""
        from gotk.kube import client  # noqa: PLC0415 - see the module

        async with client.Client(await self.config()) as opened:
            yield opened

    async def found(self) -> bool:
        """Tell whether there is a cluster to speak of: a kubeconfig, or that of the pod."""
        from gotk.kube import config  # noqa: PLC0415 - see the module

        return bool(self.kubeconfigs()) or self.context is not None or await config.in_cluster(os.environ) is not None

    def kubeconfigs(self) -> list[Path]:
        """Return the kubeconfigs to read; none for the pod's service account."""
        if self.kubeconfig is not None:
            return [self.kubeconfig]
        if named := os.environ.get("KUBECONFIG"):
            return [path for name in named.split(os.pathsep) if name and (path := Path(name)).exists()]
        default = Path.home() / ".kube" / "config"
        return [default] if default.exists() else []


class Anywhere(click.Option):
    """An option that may stand before the verb as well as behind it, where the same one counts more."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Take the option's value: of a group it is kept for the verb, of a verb it is what was kept unless given."""
        value, source = super().consume_value(ctx, opts)
        kept: dict[str, Any] = ctx.meta.setdefault(_ELSEWHERE, {})
        given = source is ParameterSource.COMMANDLINE
        if isinstance(ctx.command, click.Group):
            kept |= {str(self.name): value} if given else {}
        elif not given and self.name in kept:
            return kept[self.name], ParameterSource.COMMANDLINE
        return value, source


def elsewhere(context: click.Context) -> list[str]:
    """Return the names of the options that were given before the verb."""
    return list(context.meta.get(_ELSEWHERE, ()))


def parameters() -> list[click.Parameter]:
    """Return the options of a cluster, for a verb that passes them on to `from_options`."""
    return [
        Anywhere(["--kubeconfig"], type=click.Path(path_type=Path), metavar="FILE", help="Path to the kubeconfig."),
        Anywhere(["--context"], metavar="NAME", help="Context of the kubeconfig to use."),
        Anywhere(
            ["-n", "--namespace"],
            envvar="FLUX_SYSTEM_NAMESPACE",
            default="flux-system",
            show_default=True,
            metavar="NAME",
            help="Namespace of the objects.",
        ),
        Anywhere(
            ["--timeout"], type=DurationType(), default="5m0s", show_default=True, help="How long to wait at most."
        ),
    ]


def from_options(options: dict[str, Any]) -> Cluster:
    """Take the options of a cluster out of a verb's and return the cluster they name."""
    namespace, timeout = options.pop("namespace"), options.pop("timeout")
    if not _LABEL.fullmatch(namespace):
        output.fail(f'namespace must be a valid DNS label: "{namespace}"')
    return Cluster(
        kubeconfig=options.pop("kubeconfig"),
        context=options.pop("context"),
        namespace=namespace,
        timeout=timeout.seconds,
    )


def run(work: Awaitable[R]) -> R:
    """Run a verb's work; what the cluster refuses, or makes no sense, becomes one line for the user."""
    import asyncio  # noqa: PLC0415 - see the module

    from gotk.kube import credentials, errors  # noqa: PLC0415 - see the module
    from image_automation.steering.cluster import CannotBeDoneError  # noqa: PLC0415 - see the module

    async def bounded() -> R:
        return await work

    try:
        return asyncio.run(bounded())
    except errors.Unauthorized as error:
        output.fail(f"the cluster does not accept these credentials: {error.message}")
    except (errors.APIError, credentials.ConfigError, CannotBeDoneError) as error:
        output.fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
