"""`v1 list-workloads` and `v1 list-images`: fluxctl's two tables.

Answers to `fluxcd/flux/cmd/fluxctl/list_workloads_cmd.go` and `list_images_cmd.go`. Where fluxctl lists when an image
was made, this lists what the image's policy makes of each tag: it comes from the service (`explain`), and where that
does not answer from the ten greatest tags that each ImageRepository has in its status.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs import explain
from image_automation.cli.verbs.v1 import repository, tags, watched, workloads

if TYPE_CHECKING:
    from gotk.kube import client as kube

K = TypeVar("K", ImageRepository, ImagePolicy, ImageUpdateAutomation)
_EVERYWHERE = "--all-namespaces"
_GAP = 2


def _parameters() -> list[click.Parameter]:
    anywhere = [each for each in clusters.parameters() if each.name != "namespace"]
    return [
        clusters.Anywhere(
            ["-n", "--namespace"], default="default", show_default=True, metavar="NAME",
            help="Namespace of the workloads.",
        ),
        click.Option(["-a", "-A", _EVERYWHERE], is_flag=True, help="List the workloads of every namespace."),
        flags.text("-c", "--container", summary="List containers of this name alone."),
        click.Option(["--no-headers"], is_flag=True, help="Leave the header out."),
        *repository.forwarding(),
        *anywhere,
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read off a cluster."""

    workloads: Sequence[workloads.Workload]
    watched: watched.Watched


def _list_workloads(*, all_namespaces: bool, container: str, no_headers: bool, **options: Any) -> None:
    options.pop("k8s_fwd_ns")
    found = clusters.run(_read(clusters.from_options(options), everywhere=all_namespaces, container=container))
    header = () if no_headers else ("WORKLOAD", "CONTAINER", "IMAGE", "RELEASE", "POLICY")
    _print(header, [row for each in found.workloads for row in _rows(each, found.watched)])


list_workloads = flags.Command(
    "list-workloads",
    callback=_list_workloads,
    params=_parameters(),
    help="List what runs containers: their images, how far the rollout is, and whether images are automated.",
)


def _list_images(**options: Any) -> None:
    options.pop("k8s_fwd_ns")
    no_headers, limit, server = options.pop("no_headers"), options.pop("limit"), options.pop("server")
    everywhere, container, wanted = (options.pop(each) for each in ("all_namespaces", "container", "workload"))
    cluster = clusters.from_options(options)
    found = clusters.run(_read(cluster, everywhere=everywhere, container=container))
    chosen = [each for each in found.workloads if not wanted or each.answers_to(wanted)]
    if wanted and not chosen:
        output.fail(
            f"no workload '{wanted}' in {'any' if everywhere else cluster.namespace} namespace: see list-workloads"
        )
    images = [watched.Image.parse(each.image) for workload in chosen for each in workload.containers]
    told = clusters.run(_ask(cluster, found.watched, images, server))
    rows: list[Sequence[str]] = []
    for workload in chosen:
        name = workload.id
        for each in workload.containers or (workloads.Container("", ""),):
            image = watched.Image.parse(each.image)
            rows += tags.rows(name, each.name, image, told.get(image), limit) if each.image else [(name, "", "", "")]
            name = ""
    _print(() if no_headers else ("WORKLOAD", "CONTAINER", "IMAGE", "VERDICT"), rows)


list_images = flags.Command(
    "list-images",
    callback=_list_images,
    params=[
        flags.text("-w", "--workload", summary="List the images of one workload.", metavar="[NAMESPACE:]KIND/NAME"),
        click.Option(
            ["-l", "--limit"], type=click.IntRange(min=0), default=10, show_default=True, metavar="N",
            help="Show so many tags of each image, 0 for all.",
        ),
        flags.text(
            "--server", summary="Where the service answers `explain`.", metavar="URL", envvar="IMAGE_AUTOMATION_SERVER"
        ),
        *_parameters(),
    ],
    help="List the tags that there are of the images that run; the one that runs is marked.",
)  # fmt: skip


async def _read(cluster: clusters.Cluster, *, everywhere: bool, container: str) -> _Found:
    async with cluster.connect() as client:
        objects = []
        for api_version, kind in workloads.KINDS:
            objects += await _listed(client, api_version, kind, "" if everywhere else cluster.namespace)
        found = sorted((workloads.read(obj) for obj in objects), key=lambda each: each.id)
        watching = watched.Watched(
            await _typed(client, ImageRepository),
            await _typed(client, ImagePolicy),
            await _typed(client, ImageUpdateAutomation),
        )
    return _Found([each for each in (_only(each, container) for each in found) if each], watching)


async def _listed(client: "kube.Client", api_version: str, kind: str, namespace: str) -> list[dict[str, Any]]:
    try:
        return await client.list_objects(api_version, kind, namespace)
    except (errors.NoMatch, errors.NotFound):
        return []


async def _typed(client: "kube.Client", kind: type[K]) -> list[K]:
    try:
        return await client.list(kind)
    except (errors.NoMatch, errors.NotFound):
        return []


def _only(workload: workloads.Workload, container: str) -> workloads.Workload | None:
    """Return a workload with the containers that are wanted; None where it has none of these."""
    if not container:
        return workload
    kept = tuple(each for each in workload.containers if each.name == container)
    return workloads.with_containers(workload, kept) if kept else None


def _rows(workload: workloads.Workload, watching: watched.Watched) -> Iterator[Sequence[str]]:
    images = [watched.Image.parse(each.image) for each in workload.containers]
    policy = watching.says(images, ignored=workload.ignored)
    first, *others = workload.containers or (workloads.Container("", ""),)
    yield workload.id, first.name, first.image, workload.release, policy
    for each in others:
        yield "", each.name, each.image, "", ""


async def _ask(
    cluster: clusters.Cluster, watching: watched.Watched, images: Sequence[watched.Image], server: str
) -> Mapping[watched.Image, tags.Told]:
    """Return what is known of the tags of each image; of an image that nobody scans, nothing."""
    where, told, complained = server or explain.where_beside(cluster) or explain.SERVER, {}, False
    for image in dict.fromkeys(images):
        watches, scans = watching.watches(image), watching.scans(image)
        if watches and not complained:
            policy = watches[0].policy.metadata
            try:
                found = await explain.ask(where, cluster, policy.namespace, policy.name)
                if watched.Image.parse(found.image).repository != image.repository:
                    output.fail(
                        f"the service at {where} speaks of {found.image or 'no image'}: it is another cluster's"
                    )
                told[image] = tags.explained(found)
                continue
            except output.Failure as error:
                if server:
                    raise
                complained = True
                output.warning(f"{error.message}; until then each image's ten greatest tags are listed")
        if scans:
            told[image] = tags.scanned(scans[0], watches)
    return told


def _print(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as Go's tabwriter does for fluxctl: two spaces between them; nothing at the end of a line."""
    lines = [*([header] if header else []), *rows]
    widths = [max(map(len, column)) + _GAP for column in zip(*lines, strict=True)]
    for line in lines:
        output.text("".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
