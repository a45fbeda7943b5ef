"""`reconcile`: ask for a run now, wait for its end and say what it brought."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from gotk.api import extensions
from gotk.api.helm import FORCE_AT, RESET_AT, HelmRelease
from gotk.api.image import ImageRepository
from image_automation import acts
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output, waiting
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from gotk.kube import client as kube

#: What `--accept-loss` without a value stands for: the loss that the status shows.
_SHOWN = "*"


def build(
    verb: str,
    summary: str,
    chosen: tuple[kinds.Kind, ...],
    command: Callable[[str, kinds.Kind], click.Command],
) -> click.Group:
    """Build a verb's tree of nouns (`source git`, `image policy`, `kustomization`) with a command per kind."""
    group = flags.Group(verb, help=summary)
    nested = {
        "source": flags.Group("source", help="Sources."),
        "image": flags.Group("image", help="Image repositories, policies and automations."),
    }
    if any(kind.words[0] == "artifact" for kind in chosen):
        nested["artifact"] = flags.Group("artifact", help="What makes artifacts.")
    for kind in chosen:
        parent = nested[kind.words[0]] if len(kind.words) > 1 else group
        made = command(kind.words[-1], kind)
        parent.add_command(made)
        for alias in kind.aliases:
            parent.add_command(
                flags.Command(alias, callback=made.callback, params=made.params, help=made.help, hidden=True)
            )
    for child in nested.values():
        group.add_command(child)
    return group


def _command(word: str, kind: kinds.Kind) -> click.Command:
    def call(
        *,
        name: str | None,
        with_source: bool = False,
        accept_loss: str | None = None,
        force: bool = False,
        reset: bool = False,
        **options: Any,
    ) -> None:
        if not name:
            output.fail(f"{kind.name} name is required")
        cluster = clusters.from_options(options)
        marks = [mark for mark, wanted in ((FORCE_AT, force), (RESET_AT, reset)) if wanted]
        clusters.run(_reconcile(cluster, kind, name, with_source=with_source, accept_loss=accept_loss, marks=marks))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names(kind)),
        *clusters.parameters(),
    ]
    if kind.has_source or kind is kinds.HELM_CHART:
        parameters.insert(1, click.Option(["--with-source"], is_flag=True, help="Reconcile its source first."))
    if kind.struct is ImageRepository:
        parameters.insert(1, _accept_loss())
    if kind.struct is HelmRelease:
        parameters.insert(1, click.Option(["--force"], is_flag=True, help="Upgrade once, even if nothing has changed."))
        parameters.insert(2, click.Option(["--reset"], is_flag=True, help="Forget the failures: retries begin anew."))
    return flags.Command(
        word, callback=call, params=parameters, help=f"Ask a controller to reconcile one {kind.name} now."
    )


def _accept_loss() -> click.Option:
    return click.Option(
        ["--accept-loss"],
        is_flag=False,
        flag_value=_SHOWN,
        metavar="[LOSS]",
        help="Accept, once, that tags are gone: those that the last scan lacked, or of the loss that is named.",
    )


reconcile = build("reconcile", "Reconcile an object now and wait for it.", kinds.ALL, _command)


async def _reconcile(
    cluster: clusters.Cluster,
    kind: kinds.Kind,
    name: str,
    *,
    with_source: bool,
    accept_loss: str | None,
    marks: Sequence[str],
) -> None:
    async with cluster.connect() as client:
        obj = await waiting.fetch(client, kind, cluster.namespace, name)
        _refuse_suspended(kind, obj)
        if with_source:
            await _source(client, cluster, obj)
        extra = {} if accept_loss is None else {extensions.ACCEPT_LOSS: _loss(obj, name, accept_loss)}
        await _one(client, cluster, kind, cluster.namespace, name, extra=extra, marks=marks)


def _loss(obj: kinds.Json, name: str, wanted: str) -> str:
    """Return the name of the loss to accept: the one that was given, else the one that the last scan told of."""
    if wanted != _SHOWN:
        return wanted
    loss = kinds.dig(obj, "metadata", "annotations", extensions.LOSS)
    if not isinstance(loss, str):
        output.fail(f"ImageRepository {name} keeps no tags that its registry lacks: there is nothing to accept")
    conditions = kinds.dig(obj, "status", "conditions") or ()
    held = (c["message"] for c in conditions if (c["type"], c["status"]) == (extensions.TAGS_HELD, "True"))
    output.action(f"accepting the loss {loss}: {next(held, 'a few tags that the registry lists no more')}")
    return loss


def _refuse_suspended(kind: kinds.Kind, obj: kinds.Json) -> None:
    if kind.is_suspended(obj):
        output.fail("resource is suspended")


async def _source(client: "kube.Client", cluster: clusters.Cluster, obj: kinds.Json) -> None:
    for ref in _references(obj):
        found = next((kind for kind in kinds.SOURCES if kind.name == ref.get("kind")), None)
        if found is None:
            output.fail(f"cannot reconcile source of kind {ref.get('kind')}")
        await _one(client, cluster, found, ref.get("namespace") or cluster.namespace, str(ref.get("name")))


def _references(obj: kinds.Json) -> Sequence[kinds.Json]:
    """Return what an object is made of, what comes first first: a chart's own source, then the chart."""
    if (template := kinds.dig(obj, "spec", "chart", "spec", "sourceRef")) is not None:
        namespace, _, name = str(kinds.dig(obj, "status", "helmChart") or "").partition("/")
        chart = [{"kind": kinds.HELM_CHART.name, "namespace": namespace, "name": name}] if name else []
        return [template, *chart]
    return [kinds.dig(obj, "spec", "chartRef") or kinds.dig(obj, "spec", "sourceRef") or {}]


async def _one(
    client: "kube.Client",
    cluster: clusters.Cluster,
    kind: kinds.Kind,
    namespace: str,
    name: str,
    *,
    extra: Mapping[str, str] = MappingProxyType({}),
    marks: Sequence[str] = (),
) -> None:
    obj = await waiting.fetch(client, kind, namespace, name)
    _refuse_suspended(kind, obj)
    if kind.is_static(obj):
        output.success("reconciliation not supported by the object")
        return
    before = kinds.dig(obj, "status", "lastHandledReconcileAt")
    output.action(f"annotating {kind.name} {name} in {namespace} namespace")
    stamp = datetime.now(UTC).astimezone().isoformat()
    await client.merge_patch(kind.struct, namespace, name, acts.requesting(stamp, marks=marks, extra=extra))
    output.success(f"{kind.name} annotated")
    output.waiting(f"waiting for {kind.name} reconciliation")
    try:
        obj = await waiting.until(
            client,
            kind,
            namespace,
            name,
            begun=lambda now: kinds.dig(now, "status", "lastHandledReconcileAt") != before,
            timeout=cluster.timeout,
        )
    except output.Failure as error:
        output.fail(f"{kind.name} reconciliation failed: '{error.message}'")
    output.success(kind.done(obj))
