"""`logs`: what the service logged of its objects, from its pods, or from the file that it keeps without a cluster.

Answers to `flux2/cmd/flux/logs.go`: only lines that are JSON are shown, and only those of a namespace unless all are
asked for. Every replica's log is read, where flux picks one: which of them acts is not seen from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from gotk.duration import Duration
from image_automation.app import kept_log
from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs.look import log_sources


class Line(msgspec.Struct, frozen=True):
    """What a line says; zap's names, and the two that Flux's controllers have for the kind."""

    ts: str = ""
    level: str = ""
    msg: str = ""
    error: str = ""
    controller_kind: str = msgspec.field(default="", name="controllerKind")
    reconciler_kind: str = msgspec.field(default="", name="reconciler kind")
    name: str = ""
    namespace: str = ""

    @property
    def kind(self) -> str:
        """The kind of the object that the line is about."""
        return self.reconciler_kind or self.controller_kind

    def __str__(self) -> str:
        about = f"/{self.name}.{self.namespace}" if self.name else ""
        return f"{self.ts} {self.level} {self.kind}{about} - {self.msg} {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which lines are wanted; empty is any."""

    level: str
    kind: str
    name: str
    namespace: str

    def takes(self, line: Line) -> bool:
        """Tell whether a line is wanted."""
        pairs = ((self.kind, line.kind), (self.name, line.name), (self.namespace, line.namespace))
        if self.level and self.level != line.level:
            return False
        return all(not wanted or wanted.lower() == found.lower() for wanted, found in pairs)


@click.command()
@click.argument("arguments", nargs=-1, metavar="")
@click.option("--level", type=click.Choice(["debug", "info", "error"]), help="Only lines of this level.")
@click.option("--kind", default="", metavar="KIND", help="Only lines about objects of this kind.")
@click.option("--name", default="", metavar="NAME", help="Only lines about objects of this name.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Lines about objects of every namespace, and about none.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing lines as they come.")
@click.option("--tail", type=int, default=-1, metavar="N", help="Look at the last N lines only.  [default: all]")
@click.option("--since", type=clusters.DurationType(), metavar="DURATION", help="Only lines newer than, such as 5m.")
@click.option("--since-time", metavar="TIME", help="Only lines after a time (RFC 3339).")
@click.option(
    "--flux-namespace", default="flux-system", show_default=True, metavar="NAME", help="Where the service runs."
)
def logs(*, arguments: tuple[str, ...], flux_namespace: str, follow: bool, tail: int, **options: Any) -> None:
    """Print what the service logged about objects of a namespace.

    With an embedded control plane it is found beside the kubeconfig, also when the service has ended.
    """
    if arguments:
        output.fail("no argument required")
    ago: Duration | None = options.pop("since")
    since = _since(ago, options.pop("since_time"))
    level, kind, name = (options.pop(each) or "" for each in ("level", "kind", "name"))
    everywhere = options.pop("all_namespaces")
    cluster = clusters.from_options(options)
    wanted = Filter(level=level, kind=kind, name=name, namespace="" if everywhere else cluster.namespace)
    seconds = ago.seconds if ago is not None else None
    part = log_sources.Part(since=since, ago=seconds, tail=tail if tail >= 0 else None, follow=follow)
    clusters.run(_logs(cluster, flux_namespace, part, _printer(wanted)))


logs.params += clusters.parameters()


def _since(ago: Duration | None, time: str | None) -> datetime | None:
    if ago is not None and time is not None:
        output.fail("at most one of `sinceTime` or `sinceDuration` may be specified")
    if ago is not None:
        return datetime.now(UTC) - timedelta(seconds=ago.seconds)
    if time is None:
        return None
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        output.fail(f"{time} is not a valid (RFC3339) time")
    return found


def _printer(wanted: Filter) -> Callable[[bytes], None]:
    decoder = msgspec.json.Decoder(Mapping[str, Any])

    def show(raw: bytes) -> None:
        if not raw.startswith(b"{"):
            return
        try:
            line = msgspec.convert({k: v for k, v in decoder.decode(raw).items() if isinstance(v, str)}, Line)
        except msgspec.DecodeError:
            return
        if wanted.takes(line):
            output.text(str(line))

    return show


async def _logs(
    cluster: clusters.Cluster, namespace: str, part: log_sources.Part, show: Callable[[bytes], None]
) -> None:
    kubeconfigs = cluster.kubeconfigs()
    # Of several, the context may be that of another cluster than the one whose log lies there.
    kept = kept_log.find(kubeconfigs[0]) if len(kubeconfigs) == 1 else None
    if kept is not None:
        await log_sources.of_file(kept, part, show)
        return
    async with cluster.connect() as client:
        await log_sources.of_pods(client, namespace, part, show, timeout=cluster.timeout)
