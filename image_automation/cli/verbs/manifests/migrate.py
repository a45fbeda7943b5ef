"""`migrate`: old API versions replaced by the newest, in manifests or in what a cluster stores.

Answers to `flux migrate`. Beyond it fields that the newest version of a kind no longer has are said, file by file, and
`--to` moves a cluster between Flux and this service (`verbs/moving/`).
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output, words
from image_automation.cli.verbs.manifests import versions
from image_automation.cli.verbs.moving import options as moves

if TYPE_CHECKING:
    from gotk.kube import client as kube

_CRDS = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_OURS = "app.kubernetes.io/part-of=flux"
_ONLY_FILES = "only with --path, which names manifests"


@dataclass(frozen=True, slots=True)
class _File:
    """A manifest with versions to replace."""

    path: Path
    data: bytes
    upgrades: Sequence[versions.Upgrade]


def _called(*, to: str | None, yes: bool, dry_run: bool, **options: Any) -> None:
    """Replace old API versions of Flux's kinds by the newest, or move a cluster.

    With --path in the manifests of a folder or in one file, where nothing else changes. Without it in what the cluster
    stores: every object is written anew in its definition's storage version, which takes cluster-admin.

    With --to the cluster's installation changes: from Flux to image-automation, or back. Definitions, objects and what
    they have applied stay as they are; the kit is replaced, in Git too.
    """
    if to is None:
        if strange := moves.given(options):
            output.fail(f"{strange[0]}: only with --to, which moves a cluster")
        _migrate(**{key: options[key] for key in ("path", "extensions", "version")}, yes=yes, dry_run=dry_run,
                 cluster=clusters.from_options(options))  # fmt: skip
        return
    for name, given in (("--path", options["path"]), ("--version", options["version"])):
        if given:
            output.fail(f"{name}: not with --to, which moves a cluster")
    from image_automation.cli.verbs.moving import kits, move  # noqa: PLC0415 - only for a move

    if str(options["kit"]) == "-" and not (yes or dry_run):
        output.fail("--kit -: stdin is the kit, so that nobody can be asked: say --yes, or look first with --dry-run")
    cluster = clusters.from_options(options)
    kit = kits.wanted(to, cluster.namespace, options)
    clusters.run(move.run(cluster, kit, moves.pushing(options), dry_run=dry_run, yes=yes))


def _migrate(
    *,
    path: Path | None,
    extensions: tuple[str, ...],
    version: str | None,
    yes: bool,
    dry_run: bool,
    cluster: clusters.Cluster,
) -> None:
    output.action("starting migration of custom resources")
    if path is None:
        for name, given in (("--version", version), ("--yes", yes), ("--dry-run", dry_run)):
            if given:
                output.fail(f"{name}: {_ONLY_FILES}")
        clusters.run(_migrate_cluster(cluster))
        output.success("custom resources migrated successfully")
        return
    newest = versions.OF_FLUX[version or next(iter(versions.OF_FLUX))]
    found = list(_found(path, words.listed(extensions), newest))
    if not found:
        output.success("no custom resources found that require migration")
        return
    for file in found:
        _tell(file)
    if dry_run:
        output.success("dry-run mode enabled, no changes will be made")
        return
    if not yes and not _confirmed():
        output.fail("aborting")
    for file in found:
        _write(file)
    output.success("custom resources migrated successfully")


def _found(path: Path, extensions: Sequence[str], newest: Mapping[tuple[str, str], str]) -> Iterator[_File]:
    for each in _files(path, extensions):
        try:
            data = each.read_bytes()
        except OSError as error:
            output.fail(f"failed to read file {each}: {error.strerror}")
        if upgrades := versions.find(data, newest):
            yield _File(each, data, upgrades)


def _files(path: Path, extensions: Sequence[str]) -> Iterator[Path]:
    if path.is_file() and not path.is_symlink():
        if not path.name.endswith(tuple(extensions)):
            output.fail(f"file {path} does not match the specified extensions: {', '.join(extensions)}")
        yield path
        return
    if not path.is_dir():
        output.fail(f"there is no '{path}': --path names a folder of manifests, or one")
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            each = Path(folder, name)
            if not name.endswith(tuple(extensions)):
                continue
            if each.is_symlink():
                output.warning(f"skipping irregular file {each}")
            else:
                yield each


def _tell(file: _File) -> None:
    for each in file.upgrades:
        click.echo(f"✚ {file.path}:{each.line}: {each.kind} {each.old} -> {each.new}", err=True)
    from image_automation.cli.verbs.manifests import departed  # noqa: PLC0415 - only where something is found

    for warning in departed.fields(file.path, versions.replace(file.data, file.upgrades)):
        output.warning(warning)


def _write(file: _File) -> None:
    mode = stat.S_IMODE(file.path.stat().st_mode)
    fresh = file.path.with_name(f".{file.path.name}.migrated")
    try:
        fresh.write_bytes(versions.replace(file.data, file.upgrades))
        fresh.chmod(mode)
        fresh.replace(file.path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        output.fail(f"failed to write file {file.path}: {error.strerror}")
    output.success(f"file {file.path} migrated successfully")


def _confirmed() -> bool:
    try:
        return click.confirm("Are you sure you want to proceed with the above upgrades", err=True)
    except click.Abort:
        return False


async def _migrate_cluster(cluster: clusters.Cluster) -> None:
    async with cluster.connect() as client:
        for crd in await client.list_objects(*_CRDS, labels=_OURS):
            await _migrate_kind(client, crd)


async def _migrate_kind(client: "kube.Client", crd: Mapping[str, Any]) -> None:
    """Write every object of a kind anew, and say then that no other version is stored."""
    from gotk.kube import errors  # noqa: PLC0415

    name, spec = crd["metadata"]["name"], crd["spec"]
    storage = next(each["name"] for each in spec["versions"] if each["storage"])
    if (crd.get("status") or {}).get("storedVersions") == [storage]:
        return
    api_version, kind = f"{spec['group']}/{storage}", spec["names"]["kind"]
    for obj in await client.list_objects(api_version, kind):
        metadata = obj["metadata"]
        place = (metadata.get("namespace", ""), metadata["name"])
        try:
            await client.patch_object(api_version, kind, *place, {})
        except errors.NotFound:
            continue
        output.success(f"{kind}/{place[0]}/{place[1]} migrated to version {storage}")
    await client.patch_object(*_CRDS, "", name, {"status": {"storedVersions": [storage]}}, subresource="status")
    output.success(f"{name} migrated to storage version {storage}")


migrate = flags.Command(
    "migrate",
    callback=_called,
    params=[
        click.Option(
            ["-f", "--path"],
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Folder of manifests, or one, to migrate instead of the cluster.",
        ),
        click.Option(
            ["-e", "--extensions"],
            multiple=True,
            default=(".yaml", ".yml"),
            show_default=True,
            metavar="EXTENSIONS",
            help="Endings of the files to look at, separated by commas.",
        ),
        click.Option(
            ["-v", "--version"],
            type=click.Choice(list(versions.OF_FLUX)),
            help="The Flux that the manifests are for.  [default: the newest]",
        ),
        click.Option(["-y", "--yes"], is_flag=True, help="Do not ask."),
        click.Option(["--dry-run"], is_flag=True, help="Say what would change, and change nothing."),
        *moves.PARAMETERS,
        *clusters.parameters(),
    ],
    help=_called.__doc__,
)
