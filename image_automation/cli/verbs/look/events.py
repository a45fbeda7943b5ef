"""`events`: what happened to the objects of the service, or to one of them and what it comes from.

Answers to `flux2/cmd/flux/events.go` and, for when something was last seen, to `kubectl events`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from gotk import elapsed
from gotk.kube import client as kube
from image_automation.cli import cluster as clusters
from image_automation.cli import following, kinds, output

_TYPES = ("Normal", "Warning")
_HEADER = ("Last seen", "Type", "Reason", "Object", "Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """A kind whose objects come from another one, and where in them stands from which."""

    api_version: str
    path: tuple[str, ...]
    #: The kind that is referred to, where the reference does not say.
    kind: str = ""
    crosses: bool = False


REFERRING: Mapping[str, Referring] = {
    "Kustomization": Referring(api_version="kustomize.toolkit.fluxcd.io/v1", path=("spec", "sourceRef"), crosses=True),
    "HelmRelease": Referring(
        api_version="helm.toolkit.fluxcd.io/v2", path=("spec", "chart", "spec", "sourceRef"), crosses=True
    ),
    "HelmChart": Referring(api_version="source.toolkit.fluxcd.io/v1", path=("spec", "sourceRef")),
    "ImagePolicy": Referring(
        api_version="image.toolkit.fluxcd.io/v1",
        path=("spec", "imageRepositoryRef"),
        kind="ImageRepository",
        crosses=True,
    ),
    "Alert": Referring(
        api_version="notification.toolkit.fluxcd.io/v1beta3", path=("spec", "providerRef"), kind="Provider"
    ),
}
#: The kinds whose events are printed.
NOTED = (
    *REFERRING, "Receiver", "Provider", "GitRepository", "OCIRepository", "Bucket", "HelmRepository",
    "ExternalArtifact", "ArtifactGenerator", "ImageRepository", "ImageUpdateAutomation",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whose events are wanted: those of a namespace (of all for none), of a kind in it, of one object."""

    namespace: str
    kind: str = ""
    name: str = ""

    @property
    def fields(self) -> str:
        """The field selector for them."""
        wanted = {"involvedObject.kind": self.kind, "involvedObject.name": self.name}
        return ",".join(f"{field}={value}" for field, value in wanted.items() if value)


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Print the events of every namespace.")
@click.option("--for", "selector", metavar="KIND[/NAME]", help="Those of a kind, or of one object and of its source.")
@click.option("--types", multiple=True, metavar="TYPES", help="Only events of these types: Normal, Warning.")
@click.option("-w", "--watch", is_flag=True, help="Go on printing events as they come.")
def events(*, all_namespaces: bool, selector: str | None, types: Sequence[str], watch: bool, **options: Any) -> None:
    """Print the Kubernetes events of sources, Kustomizations, images and all other objects of the service."""
    cluster = clusters.from_options(options)
    about = _about("" if all_namespaces else cluster.namespace, selector)
    clusters.run(_events(cluster, about, _types(types), watch=watch))


events.params += clusters.parameters()


def _types(given: Sequence[str]) -> frozenset[str]:
    words = [word for each in given for word in each.split(",") if word]
    known = {name.lower(): name for name in _TYPES}
    for word in words:
        if word.lower() not in known:
            output.fail(f"type '{word}' not supported. Supported types are {', '.join(_TYPES)}")
    return frozenset(known[word.lower()] for word in words)


def _about(namespace: str, selector: str | None) -> About:
    if selector is None:
        return About(namespace=namespace)
    kind, slash, name = selector.partition("/")
    if not kind or (slash and not name) or "/" in name:
        output.fail("--for selector must be of format <kind>[/<name>]")
    found = next((known for known in NOTED if known.lower() == kind.lower()), None)
    if found is None:
        output.fail(f"'{kind}' is not a recognized Flux kind")
    return About(namespace=namespace, kind=found, name=name)


async def _events(cluster: clusters.Cluster, about: About, types: frozenset[str], *, watch: bool) -> None:
    async with cluster.connect() as client:
        asked = [about]
        if about.name:
            asked += await _origins(client, about, cluster.namespace)
        with_namespace = len({each.namespace for each in asked}) > 1 or not about.namespace
        shown: following.Shown = {}
        found = [event for each in asked for event in await _list(client, each) if _is_wanted(event, types)]
        found.sort(key=_when)
        for event in found:
            following.remember(shown, event)
        if found or watch:
            _print(found, with_namespace=with_namespace, with_header=True)
        else:
            output.failure(
                f"No events found in {about.namespace} namespace." if about.namespace else "No events found."
            )
        if watch:
            await following.together(
                _follow(client, each, types, shown, with_namespace=with_namespace) for each in asked
            )


async def _origins(client: kube.Client, about: About, namespace: str) -> list[About]:
    """Return what an object comes from: its source, its provider, and the chart between a release and its source."""
    referring = REFERRING.get(about.kind)
    if referring is None:
        return []
    obj = await client.get_object(referring.api_version, about.kind, namespace, about.name)
    ref = kinds.dig(obj, *referring.path)
    if about.kind == "HelmRelease" and ref is None:
        ref = kinds.dig(obj, "spec", "chartRef")
    if not isinstance(ref, Mapping):
        return []
    place = str(ref.get("namespace") or namespace) if referring.crosses else namespace
    found = [About(namespace=place, kind=str(ref.get("kind") or referring.kind), name=str(ref.get("name")))]
    if about.kind == "HelmRelease" and kinds.dig(obj, "spec", "chart"):
        found.append(About(namespace=place, kind="HelmChart", name=f"{namespace}-{about.name}"))
    return found


async def _list(client: kube.Client, about: About) -> list[dict[str, Any]]:
    return await client.list_objects("v1", "Event", about.namespace, fields=about.fields)


async def _follow(
    client: kube.Client, about: About, types: frozenset[str], shown: following.Shown, *, with_namespace: bool
) -> None:
    changes = following.changes(client, "v1", "Event", about.namespace, fields=about.fields, shown=shown)
    async for event in changes:
        if _is_wanted(event, types):
            _print([event], with_namespace=with_namespace, with_header=False)


def _is_wanted(event: kinds.Json, types: frozenset[str]) -> bool:
    return kinds.dig(event, "involvedObject", "kind") in NOTED and (not types or event.get("type") in types)


def _when(event: kinds.Json) -> str:
    return str(kinds.dig(event, "series", "lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime"))


def _last_seen(event: kinds.Json, now: datetime) -> str:
    first = elapsed.age(event.get("eventTime") or event.get("firstTimestamp"), now)
    if series := event.get("series"):
        return f"{elapsed.age(series.get('lastObservedTime'), now)} (x{series.get('count')} over {first})"
    if (count := event.get("count") or 0) > 1:
        return f"{elapsed.age(event.get('lastTimestamp'), now)} (x{count} over {first})"
    return first


def _print(found: Sequence[kinds.Json], *, with_namespace: bool, with_header: bool) -> None:
    now = datetime.now(UTC)
    header = ["Namespace", *_HEADER] if with_namespace else list(_HEADER)
    rows = []
    for event in found:
        who = event["involvedObject"]
        row = [event["metadata"]["namespace"]] if with_namespace else []
        row += [_last_seen(event, now), str(event.get("type") or ""), str(event.get("reason") or "")]
        rows.append(
            [*row, f"{who.get('kind')}/{who.get('name')}", " ".join(str(event.get("message") or "").split("\n"))]
        )
    output.table(header, rows, with_header=with_header)
