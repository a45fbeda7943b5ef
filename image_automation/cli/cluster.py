"""Which cluster a verb talks to, and in which namespace: the options, and the client they lead to.

As in flux the namespace of the kubeconfig's context is not used: the default is `flux-system`.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gotk import duration
from gotk.kube import client, config, credentials, errors
from image_automation.cli import output

R = TypeVar("R")
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

    async def config(self) -> config.Config:
        """Find the cluster: the named kubeconfig, $KUBECONFIG, ~/.kube/config, or the pod's service account."""
        paths = self._kubeconfigs()
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
    async def connect(self) -> AsyncIterator[client.Client]:
        """Open a client of the cluster."""
        async with client.Client(await self.config()) as opened:
            yield opened

    def _kubeconfigs(self) -> list[Path]:
        if self.kubeconfig is not None:
            return [self.kubeconfig]
        if named := os.environ.get("KUBECONFIG"):
            return [path for name in named.split(os.pathsep) if name and (path := Path(name)).exists()]
        default = Path.home() / ".kube" / "config"
        return [default] if default.exists() else []


def parameters() -> list[click.Parameter]:
    """Return the options of a cluster, for a verb that passes them on to `from_options`."""
    return [
        click.Option(["--kubeconfig"], type=click.Path(path_type=Path), metavar="FILE", help="Path to the kubeconfig."),
        click.Option(["--context"], metavar="NAME", help="Context of the kubeconfig to use."),
        click.Option(
            ["-n", "--namespace"],
            envvar="FLUX_SYSTEM_NAMESPACE",
            default="flux-system",
            show_default=True,
            metavar="NAME",
            help="Namespace of the objects.",
        ),
        click.Option(
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
    """Run a verb's work; what the cluster refuses becomes one line for the user."""

    async def bounded() -> R:
        return await work

    try:
        return asyncio.run(bounded())
    except errors.Unauthorized as error:
        output.fail(f"the cluster does not accept these credentials: {error.message}")
    except (errors.APIError, credentials.ConfigError) as error:
        output.fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
