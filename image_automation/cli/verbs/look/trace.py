"""`trace`: from an object of the cluster back to what applied it, and to the source that it came from.

Answers to `flux2/cmd/flux/trace.go`: labels say who applied an object, or who applied its owner; an object without
either is told of on stderr, and is no error.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output

_KUSTOMIZE, _HELM, _SOURCE = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io", "source.toolkit.fluxcd.io/v1"
#: How wide flux makes the labels of a block.
_WIDE, _NARROW, _NARROWEST = 17, 16, 15
_ORIGINS = {"Origin Revision": "org.opencontainers.image.revision", "Origin Source": "org.opencontainers.image.source"}
_DEEPEST = 10

Lines = Iterator[tuple[str, Any]]


class Untraceable(Exception):
    """What stands between an object and its source is not there."""


@click.command()
@click.argument("arguments", nargs=-1, metavar="RESOURCE NAME... | RESOURCE/NAME...")
@click.option("--kind", default="", metavar="KIND", help="The kind of the object; then only its name is an argument.")
@click.option("--api-version", default="", metavar="VERSION", help="The API version of the object, with --kind.")
def trace(arguments: Sequence[str], *, kind: str, api_version: str, **options: Any) -> None:
    """Print who applied objects of the cluster, from which source and revision, and how that went.

    For example `trace deployment my-app`, or `trace deployment/my-app configmap/my-app`.
    """
    cluster = clusters.from_options(options)
    wanted = [_static(arguments, kind, api_version)] if kind or api_version else _dynamic(arguments)
    clusters.run(_trace(cluster, wanted, api_version))


trace.params += clusters.parameters()


def _static(arguments: Sequence[str], kind: str, api_version: str) -> tuple[str, str]:
    if not arguments:
        output.fail("object name is required")
    if not kind:
        output.fail("object kind is required (--kind)")
    if not api_version:
        output.fail("object apiVersion is required (--api-version)")
    return kind, arguments[0]


def _dynamic(arguments: Sequence[str]) -> list[tuple[str, str]]:
    if arguments and all(argument.count("/") == 1 for argument in arguments):
        pairs = [argument.split("/") for argument in arguments]
    elif len(arguments) > 1 and not any("/" in argument for argument in arguments):
        pairs = [[resource, name] for resource in arguments[0].split(",") for name in arguments[1:]]
    else:
        pairs = []
    if not pairs or not all(resource and name for resource, name in pairs):
        output.fail("either `<resource>/<name>` or `<resource> <name>` is required as an argument")
    return [(resource, name) for resource, name in pairs]


async def _trace(cluster: clusters.Cluster, wanted: Sequence[tuple[str, str]], api_version: str) -> None:
    async with cluster.connect() as client:
        objects = []
        for word, name in wanted:
            version, kind = await client.kind_of(word, api_version)
            objects.append(await client.get_object(version, kind, cluster.namespace, name))
        for place, obj in enumerate(objects):
            try:
                output.text(await _report(client, obj))
            except Untraceable as error:
                metadata = obj["metadata"]
                who = f"{obj['kind']}/{metadata['name']} in namespace {metadata.get('namespace', '')}"
                click.echo(f"failed to trace {who}: {error}", err=True)
            if place < len(objects) - 1:
                output.text("---")


async def _report(client: kube.Client, obj: kinds.Json) -> str:
    """Return what is printed of one object. Raises Untraceable."""
    if found := await _applier(client, obj, _KUSTOMIZE):
        blocks = await _kustomization(client, *found)
        width = _WIDE
    elif found := await _applier(client, obj, _HELM):
        blocks = await _release(client, *found)
        width = _NARROW
    else:
        raise Untraceable("object not managed by Flux")
    namespace = obj["metadata"].get("namespace")
    head: list[tuple[str, Any]] = [("Object", f"{obj['kind']}/{obj['metadata']['name']}")]
    head += [("Namespace", namespace)] if namespace else []
    return "\n" + "\n---\n".join([_block([*head, ("Status", "Managed by Flux")], width), *blocks])


async def _applier(client: kube.Client, obj: kinds.Json, group: str, depth: int = 0) -> tuple[str, str] | None:
    """Return namespace and name of who applied an object, or an owner of it; None where nobody of that group did."""
    labels = kinds.dig(obj, "metadata", "labels") or {}
    if name := labels.get(f"{group}/name"):
        return str(labels.get(f"{group}/namespace") or ""), str(name)
    if depth == _DEEPEST:
        return None
    for owner in kinds.dig(obj, "metadata", "ownerReferences") or ():
        namespace = str(obj["metadata"].get("namespace") or "")
        try:
            found = await client.get_object(owner["apiVersion"], owner["kind"], namespace, owner["name"])
        except errors.NotFound:
            continue
        if applier := await _applier(client, found, group, depth + 1):
            return applier
    return None


async def _kustomization(client: kube.Client, namespace: str, name: str) -> list[str]:
    obj = await _find(client, f"{_KUSTOMIZE}/v1", "Kustomization", namespace, name)
    lines: list[tuple[str, Any]] = [*_named(obj), *_target(obj), ("Path", kinds.dig(obj, "spec", "path") or "")]
    lines += [("Revision", kinds.dig(obj, "status", "lastAppliedRevision") or ""), *_state(obj, tells=False)]
    ref = kinds.dig(obj, "spec", "sourceRef") or {}
    return [_block(lines, _WIDE), _block(_source(await _referred(client, obj, ref)), _WIDE)]


async def _release(client: kube.Client, namespace: str, name: str) -> list[str]:
    obj = await _find(client, f"{_HELM}/v2", "HelmRelease", namespace, name)
    history = kinds.dig(obj, "status", "history") or [{}]
    revision = history[0].get("chartVersion") or kinds.dig(obj, "status", "lastAttemptedRevision") or ""
    lines = [*_named(obj), *_target(obj), ("Revision", revision), *_state(obj, tells=False)]
    blocks = [_block(lines, _NARROW)]
    chart, ref = None, kinds.dig(obj, "spec", "chartRef") or {}
    if made := kinds.dig(obj, "status", "helmChart"):
        place, _, name = str(made).partition("/")
        chart = await _find(client, _SOURCE, "HelmChart", place, name)
    elif ref.get("kind") == "HelmChart":
        chart = await _referred(client, obj, ref)
    if chart is not None:
        blocks.append(_block(_chart(chart), _NARROW))
        source = await _referred(client, chart, kinds.dig(chart, "spec", "sourceRef") or {})
    elif ref := ref or kinds.dig(obj, "spec", "chart", "spec", "sourceRef"):
        source = await _referred(client, obj, ref)
    else:
        return blocks
    widths = {"HelmRepository": _NARROW, "GitRepository": _NARROWEST}
    return [*blocks, _block(_source(source), widths.get(source["kind"], _WIDE))]


def _chart(obj: kinds.Json) -> Lines:
    yield from _named(obj)
    yield "Chart", kinds.dig(obj, "spec", "chart") or ""
    yield "Version", kinds.dig(obj, "spec", "version") or ""
    yield from _artifact(obj)
    yield from _state(obj, tells=False)


def _source(obj: kinds.Json) -> Lines:
    spec: Mapping[str, Any] = obj.get("spec") or {}
    yield from _named(obj)
    if address := spec.get("url") or spec.get("endpoint"):
        yield "URL", address
    if spec.get("bucketName"):
        yield "Bucket name", spec["bucketName"]
    ref = spec.get("ref") or {}
    for field, label in (("tag", "Tag"), ("semver", "Tag"), ("branch", "Branch"), ("digest", "Digest")):
        if ref.get(field):
            yield label, ref[field]
            break
    yield from _artifact(obj)
    origin = kinds.dig(obj, "status", "artifact", "metadata") or {}
    yield from ((label, origin[key]) for label, key in _ORIGINS.items() if origin.get(key))
    yield from _state(obj, tells=obj["kind"] != "HelmRepository")


def _named(obj: kinds.Json) -> Lines:
    yield obj["kind"], obj["metadata"]["name"]
    yield "Namespace", obj["metadata"]["namespace"]


def _target(obj: kinds.Json) -> Lines:
    if target := kinds.dig(obj, "spec", "targetNamespace"):
        yield "Target", target


def _artifact(obj: kinds.Json) -> Lines:
    if revision := kinds.dig(obj, "status", "artifact", "revision"):
        yield "Revision", revision


def _state(obj: kinds.Json, *, tells: bool) -> Lines:
    """Say how it went last, and when; flux tells in some blocks only that it went wrong, elsewhere by the message."""
    ready = kinds.condition(obj, "Ready")
    if ready is None:
        yield "Status", "Unknown"
        return
    how = "Last reconciliation failed" if tells and ready.get("status") == "False" else "Last reconciled"
    yield "Status", f"{how} at {_time(str(ready.get('lastTransitionTime')))}"
    yield "Message", ready.get("message") or ""


def _time(text: str) -> str:
    """Write a time as Go prints it, in this machine's zone."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")
    except ValueError:
        return text


def _block(lines: Lines | Sequence[tuple[str, Any]], width: int) -> str:
    return "\n".join(f"{f'{label}:':<{width}}{value}" for label, value in lines)


async def _referred(client: kube.Client, obj: kinds.Json, ref: Mapping[str, Any]) -> dict[str, Any]:
    namespace = ref.get("namespace") or obj["metadata"]["namespace"]
    return await _find(client, _SOURCE, str(ref.get("kind")), str(namespace), str(ref.get("name")))


async def _find(client: kube.Client, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
    try:
        return await client.get_object(api_version, kind, namespace, name)
    except errors.NotFound as error:
        raise Untraceable(f"failed to find {kind} {namespace}/{name}: {error}") from None
