"""`audit`: who let which version through, or stopped it, from the cluster and from the commits of a clone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.api.core import Namespace
    from gotk.kube.client import Client
    from image_automation.audit import Entry

_HEADER = ("AT", "WHAT", "BY", "OBJECT", "VERSION", "REASON", "COMMIT")
_MOST = 10_000


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Look into every namespace.")
@click.option(
    "--repository", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="CLONE",
    help="Read the trailers of a clone's commits instead of the cluster.",
)  # fmt: skip
@click.option("-o", "--output", "form", type=click.Choice(["table", "jsonl"]), default="table", help="How to print it.")
def audit(*, all_namespaces: bool, repository: Path | None, form: str, **options: Any) -> None:
    """Print who approved, rejected or let past which version, who froze what, and which commits it went into.

    From the cluster that is what its objects say now; from a clone what its branch's commits say, which nobody writes
    over: up to 10,000 of them.
    """
    from gotk.git import errors as git  # noqa: PLC0415 - `--help` needs no rooms
    from image_automation import audit as entries  # noqa: PLC0415 - nor this

    cluster = clusters.from_options(options)
    if repository is not None:
        try:
            found = list(_of_clone(repository))
        except git.Error as error:
            output.fail(f"'{repository}': {error.message}")
    else:
        found = clusters.run(_of_cluster(cluster, everywhere=all_namespaces))
    _show(entries.ordered(found), form)


audit.params += clusters.parameters()


def _of_clone(path: Path) -> "Iterator[Entry]":
    from gotk.git.objects import clone as clones  # noqa: PLC0415 - `--help` needs no rooms
    from image_automation import audit as entries  # noqa: PLC0415 - nor this

    clone = clones.discover(path, os.environ)
    if clone is None or clone.head is None:
        output.fail(f"'{path}' is no clone with a commit in it")
    for past in clone.history(clone.head, _MOST):
        yield from entries.of_commit(past)


async def _of_cluster(cluster: clusters.Cluster, *, everywhere: bool) -> "list[Entry]":
    from gotk.api.image import ImagePolicy, ImageUpdateAutomation  # noqa: PLC0415 - heavy imports wait
    from image_automation import audit as entries  # noqa: PLC0415

    namespace, found = None if everywhere else cluster.namespace, list["Entry"]()
    async with cluster.connect() as client:
        for policy in await client.list(ImagePolicy, namespace):
            try:
                found += entries.of_policy(policy)
            except ValueError as error:
                output.warning(f"ImagePolicy {policy.metadata.namespace}/{policy.metadata.name}: {error}")
        for each in await _namespaces(client, namespace):
            try:
                found += entries.of_namespace(each)
            except ValueError as error:
                output.warning(str(error))
        for automation in await client.list(ImageUpdateAutomation, namespace):
            try:
                found += entries.of_automation(automation)
            except ValueError as error:
                output.warning(str(error))
    return found


async def _namespaces(client: "Client", named: str | None) -> "list[Namespace]":
    """Return a Namespace, or all; none where one may not look at them."""
    from gotk.api.core import Namespace  # noqa: PLC0415 - heavy imports wait
    from gotk.kube import errors  # noqa: PLC0415

    try:
        return list(await client.list(Namespace)) if named is None else [await client.get(Namespace, "", named)]
    except (errors.Forbidden, errors.NotFound):
        return []


def _show(found: "list[Entry]", form: str) -> None:
    import msgspec  # noqa: PLC0415 - only here

    from gotk.git import errors as git  # noqa: PLC0415 - only here

    if form == "jsonl":
        for entry in found:
            output.text(msgspec.json.encode(entry).decode())
        return
    if not found:
        output.success("nobody let a version through, or stopped one")
        return
    cells = [(e.at, e.what, e.by, e.object, e.version, e.reason, e.commit[:12]) for e in found]
    output.table(_HEADER, [[git.printable(cell) for cell in row] for row in cells])
