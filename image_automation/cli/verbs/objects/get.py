"""`get`: the objects of a kind and their state, in flux's tables, or whole as JSON or YAML."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import msgspec
import yaml

from gotk.api import scheme
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, following, kinds, output
from image_automation.cli.verbs import completion


@dataclass(frozen=True, slots=True)
class StatusSelector:
    """Which condition an object is to have, or not to have; letters count in either case."""

    type: str
    status: str
    negated: bool

    @classmethod
    def parse(cls, text: str) -> "StatusSelector":
        """Read `type=status` or `type!=status`."""
        type_, operator, status = text.partition("=")
        if not operator:
            output.fail(f"expected status selector in type=status or type!=status format, but found: {text}")
        return cls(type_.removesuffix("!").lower(), status.lower(), type_.endswith("!"))

    def takes(self, obj: kinds.Json) -> bool:
        """Tell whether an object is selected."""
        pairs = (
            (str(each.get("type", "")).lower(), str(each.get("status", "")).lower())
            for each in kinds.dig(obj, "status", "conditions") or ()
        )
        return ((self.type, self.status) in pairs) != self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to get and how to print it."""

    cluster: clusters.Cluster
    all_namespaces: bool
    labels: str
    status: StatusSelector | None
    no_header: bool
    watch: bool
    form: str | None
    name: str | None = None
    show_source: bool = False

    @property
    def namespace(self) -> str | None:
        """The namespace to look in; None for all."""
        return None if self.all_namespaces else self.cluster.namespace

    @property
    def is_table(self) -> bool:
        """Tell whether rows are wanted, and not documents or names."""
        return self.form in {None, "wide"}

    def shows_source(self, kind: kinds.Kind) -> bool:
        """Tell whether the rows of a kind have a column for what each object is made of."""
        return self.show_source or (self.form == "wide" and kind.has_source)

    @property
    def fields(self) -> str:
        """The field selector that a name becomes, as in flux: a named get is a list."""
        return f"metadata.name={self.name}" if self.name else ""

    def selects(self, obj: kinds.Json) -> bool:
        """Tell whether the object has the status that was asked for."""
        return self.status is None or self.status.takes(obj)


def _parameters(wanted: Sequence[kinds.Kind]) -> list[click.Parameter]:
    parameters: list[click.Parameter] = [
        click.Option(["-A", "--all-namespaces"], is_flag=True, help="List the objects of every namespace."),
        click.Option(["-l", "--label-selector", "labels"], default="", metavar="SELECTOR", help="Filter by labels."),
        click.Option(["--status-selector"], metavar="TYPE=STATUS", help="Filter by a condition, such as ready=false."),
        click.Option(["--no-header"], is_flag=True, help="Leave the header out."),
        click.Option(["-w", "--watch"], is_flag=True, help="Go on printing objects as they change."),
        click.Option(
            ["-o", "--output", "form"],
            type=click.Choice(["wide", "name", "json", "yaml"]),
            help="Print revisions uncut and sources (wide), names alone, or whole objects.",
        ),
    ]
    if len(wanted) == 1:
        complete = completion.names(wanted[0])
        parameters.insert(0, click.Argument(["name"], required=False, shell_complete=complete))
        if wanted[0].has_source:
            parameters.append(click.Option(["--show-source"], is_flag=True, help="Print each object's source."))
        if wanted[0] is kinds.RECEIVER:
            option = click.Option(
                ["--hostname"], default="", metavar="URL", help="Print whole URLs under this address."
            )
            parameters.append(option)
    return parameters + clusters.parameters()


def _with_urls(kind: kinds.Kind, hostname: str) -> kinds.Kind:
    """Add the column of whole URLs."""

    def url(obj: kinds.Json) -> Sequence[str]:
        path = kinds.dig(obj, "status", "webhookPath")
        return (kinds.receiver_url(hostname, str(path)) if path else "",)

    return dataclasses.replace(kind, columns=("URL",), details=url)


def _command(name: str, wanted: Sequence[kinds.Kind], summary: str) -> click.Command:
    def call(**options: Any) -> None:
        hostname = options.pop("hostname", "")
        shown = (_with_urls(wanted[0], hostname),) if hostname else wanted
        selector = options.pop("status_selector")
        status = StatusSelector.parse(selector) if selector else None
        query = Query(cluster=clusters.from_options(options), status=status, **options)
        if query.watch and len(wanted) > 1:
            output.fail("expected a single resource type, but found all")
        clusters.run(_watch(query, shown[0]) if query.watch else _get(query, shown))

    return flags.Command(name, callback=call, params=_parameters(wanted), help=summary)


def _group(name: str, summary: str, commands: Sequence[click.Command], aliases: dict[str, str]) -> click.Group:
    group = flags.Group(name, help=summary)
    for command in commands:
        group.add_command(command)
    for alias, original in aliases.items():
        found = group.commands[original]
        hidden = flags.Command(alias, callback=found.callback, params=found.params, help=found.help, hidden=True)
        group.add_command(hidden)
    return group


get = _group(
    "get",
    "Print objects and their state.",
    (
        _command("all", kinds.EVERY, "Print every object."),
        _command("kustomizations", (kinds.KUSTOMIZATION,), "Print Kustomizations."),
        _command("helmreleases", (kinds.HELM_RELEASE,), "Print HelmReleases."),
        _command("alerts", (kinds.ALERT,), "Print Alerts."),
        _command("alert-providers", (kinds.PROVIDER,), "Print Providers of alerts."),
        _command("receivers", (kinds.RECEIVER,), "Print Receivers, with --hostname the URLs to configure at senders."),
    ),
    {
        "ks": "kustomizations",
        "kustomization": "kustomizations",
        "hr": "helmreleases",
        "helmrelease": "helmreleases",
        "alert": "alerts",
        "alert-provider": "alert-providers",
        "receiver": "receivers",
    },
)
_sources = _group(
    "sources",
    "Print sources.",
    (
        _command("all", (*kinds.SOURCES, kinds.EXTERNAL_ARTIFACT), "Print every source."),
        _command("git", (kinds.GIT_REPOSITORY,), "Print GitRepositories."),
        _command("helm", (kinds.HELM_REPOSITORY,), "Print HelmRepositories."),
        _command("external-artifact", (kinds.EXTERNAL_ARTIFACT,), "Print ExternalArtifacts."),
        _command("bucket", (kinds.BUCKET,), "Print Buckets."),
        _command("chart", (kinds.HELM_CHART,), "Print HelmCharts."),
        _command("oci", (kinds.OCI_REPOSITORY,), "Print OCIRepositories."),
    ),
    {"external": "external-artifact"},
)
_images = _group(
    "images",
    "Print image repositories, policies and automations.",
    (
        _command("all", kinds.IMAGES, "Print every image object."),
        _command("repository", (kinds.IMAGE_REPOSITORY,), "Print ImageRepositories."),
        _command("policy", (kinds.IMAGE_POLICY,), "Print ImagePolicies."),
        _command("update", (kinds.IMAGE_UPDATE,), "Print ImageUpdateAutomations."),
    ),
    {"repositories": "repository", "policies": "policy", "updates": "update"},
)
_artifacts = _group(
    "artifacts",
    "Print what makes artifacts.",
    (_command("generators", (kinds.ARTIFACT_GENERATOR,), "Print ArtifactGenerators."),),
    {"generator": "generators"},
)
for _each in (_sources, _images, _artifacts):
    get.add_command(_each)
    get.add_command(flags.Group(_each.name and _each.name[:-1], commands=_each.commands, help=_each.help, hidden=True))


async def _get(query: Query, wanted: Sequence[kinds.Kind]) -> None:
    async with query.cluster.connect() as client:
        found = [(kind, await _list(client, query, kind, lenient=len(wanted) > 1)) for kind in wanted]
    if not query.is_table:
        _print_whole([obj for _, objects in found for obj in objects], query)
        return
    for kind, objects in found:
        if not objects and len(wanted) == 1:
            _fail_empty(query, kind)
        if objects:
            _print_table(query, kind, objects, prefixed=len(wanted) > 1)
            if len(wanted) > 1:
                output.text("")


async def _list(client: kube.Client, query: Query, kind: kinds.Kind, *, lenient: bool) -> list[kinds.Json]:
    try:
        items, _ = await client.list_raw(kind.struct, query.namespace, labels=query.labels, fields=query.fields)
    except errors.NotFound:
        if lenient:
            return []
        raise errors.NoMatch(404, "NotFound", f"this cluster does not serve {kind.name}: is it installed?") from None
    return [obj for item in items if query.selects(obj := msgspec.json.decode(item))]


def _fail_empty(query: Query, kind: kinds.Kind) -> None:
    place = "any" if query.all_namespaces else f'"{query.cluster.namespace}"'
    if query.name:
        output.fail(f"{kind.name} object '{query.name}' not found in {place} namespace")
    output.fail(f"no {kind.name} objects found in {place} namespace")


def _header(query: Query, kind: kinds.Kind) -> list[str]:
    header = ["NAMESPACE"] if query.all_namespaces else []
    header.append("NAME")
    if query.shows_source(kind):
        header.append("SOURCE")
    header.extend(kind.columns)
    if kind.suspendable:
        header.append("SUSPENDED")
    return [*header, "READY", "MESSAGE"]


def _row(query: Query, kind: kinds.Kind, obj: kinds.Json, *, prefixed: bool) -> list[str]:
    cut = kinds.shorten if kind.shortens and query.form != "wide" else str
    metadata = obj["metadata"]
    row = [metadata.get("namespace", "")] if query.all_namespaces else []
    row.append(f"{kind.name.lower()}/{metadata['name']}" if prefixed else metadata["name"])
    if query.shows_source(kind):
        ref = kinds.source_of(obj)
        row.append(f"{ref.get('kind')}/{ref.get('namespace') or metadata.get('namespace')}/{ref.get('name')}")
    row.extend(cut(cell) for cell in kind.details(obj))
    if kind.suspendable:
        row.append(str(kind.is_suspended(obj)))
    ready, message = ("True", kind.done(obj)) if kind.is_static(obj) else kinds.readiness(obj)
    return [*row, ready, " ".join(cut(message).split("\n"))]


def _print_table(query: Query, kind: kinds.Kind, objects: Sequence[kinds.Json], *, prefixed: bool) -> None:
    rows = [_row(query, kind, obj, prefixed=prefixed) for obj in objects]
    output.table(_header(query, kind), rows, with_header=not query.no_header)


def _print_whole(objects: Sequence[kinds.Json], query: Query) -> None:
    if query.form == "name":
        output.text("\n".join(map(_named, objects)))
        return
    whole: Any = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    if query.name and len(objects) == 1:
        whole = objects[0]
    output.text(_whole(whole, query))


def _named(obj: kinds.Json) -> str:
    """Return the name of an object as kubectl prints it: `gitrepository.source.toolkit.fluxcd.io/podinfo`."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    return f"{str(obj['kind']).lower()}.{group}/{obj['metadata']['name']}"


def _whole(obj: Any, query: Query) -> str:
    if query.form == "json":
        return msgspec.json.format(msgspec.json.encode(obj), indent=2).decode()
    return str(yaml.dump(obj, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True)).rstrip("\n")


async def _watch(query: Query, kind: kinds.Kind) -> None:
    """Print the objects, then each one again whenever it changes, until interrupted."""
    resource = scheme.resource_of(kind.struct)
    async with query.cluster.connect() as client:
        shown: following.Shown = {}
        objects = await _list(client, query, kind, lenient=False)
        for obj in objects:
            following.remember(shown, obj)
        _print_watched(query, kind, objects, with_header=not query.no_header)
        async for obj in following.changes(
            client,
            resource.api_version,
            resource.kind,
            query.namespace or "",
            labels=query.labels,
            fields=query.fields,
            shown=shown,
        ):
            if query.selects(obj):
                _print_watched(query, kind, [obj], with_header=False)


def _print_watched(query: Query, kind: kinds.Kind, objects: Sequence[kinds.Json], *, with_header: bool) -> None:
    if query.is_table:
        rows = [_row(query, kind, obj, prefixed=False) for obj in objects]
        output.table(_header(query, kind), rows, with_header=with_header)
        return
    for obj in objects:
        if query.form == "name":
            output.text(_named(obj))
            continue
        output.text(f"---\n{_whole(obj, query)}" if query.form == "yaml" else _whole(obj, query))
