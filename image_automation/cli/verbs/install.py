"""`install`: the kit on a cluster, applied on the server's side and awaited; or printed, for a repository.

Answers to `flux install`: its options where they fit, its lines on stderr, what became of each object on stdout.
Calling it again is the upgrade.
"""

import contextlib
from typing import Any

import click

from deploy import manifests
from deploy.cluster.objects import subject
from deploy.installation import neighbours, removal, tailoring
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import output

Manifest = dict[str, Any]

_MANAGER = "image-automation"
_ADVICE = (
    "two that act on the same objects undo each other's work: scale them to 0 or uninstall them, choose the components"
    " that Flux lacks (--overlay image), or say --force"
)


def overlay_of(name: str | None, components: str) -> str:
    """Return the overlay: the one named, or the one that does the work of Flux's components."""
    if not components:
        return name or "all"
    if name:
        output.fail("--overlay and --components choose the same: name one of them")
    wanted = frozenset(part.strip() for part in components.split(",") if part.strip())
    known = manifests.OVERLAYS["all"]
    if unknown := sorted(wanted - known):
        output.fail(f"component {unknown[0]} is not available; there are {', '.join(sorted(known))}")
    every = wanted | manifests.EXTRA
    overlay = next((each for each in ("image", "all") if wanted <= manifests.OVERLAYS[each] <= every), None)
    if overlay is None:
        alone = ", ".join(sorted(manifests.OVERLAYS["image"]))
        output.fail(f"--components: the kit comes whole, or as {alone}; `--controllers` of `run` chooses more finely")
    return overlay


def _install(
    *, overlay: str | None, components: str, export: bool, force: bool, wishes: dict[str, Any], **options: Any
) -> None:
    """Install the service on a cluster, or upgrade it; or print the kit.

    Applies the kit on the server's side, waits until definitions are served and until the replicas are ready.
    """
    cluster = clusters.from_options(options)
    chosen = overlay_of(overlay, components)
    wished = tailoring.Wishes(namespace=cluster.namespace, **wishes)
    if not export:
        output.action("generating manifests")
    objects, text = kit(chosen, wished)
    if export:
        output.text(text.removesuffix("\n"))
        return
    output.success("manifests build completed")
    clusters.run(_carry_out(cluster, objects, manifests.OVERLAYS[chosen], force=force))


def kit(overlay: str, wishes: tailoring.Wishes) -> tuple[list[Manifest], str]:
    """Return the objects to apply, and as text; kustomize's own text where nothing is wished for."""
    import yaml  # noqa: PLC0415 - heavy imports wait

    try:
        text = manifests.build(overlay)
    except manifests.KitError as error:
        output.fail(str(error))
    objects = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    tailored = tailoring.tailor(objects, wishes)
    if tailored == objects:
        return objects, text
    return tailored, yaml.dump_all(tailored, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=4096)


async def _carry_out(
    cluster: clusters.Cluster, objects: list[Manifest], controllers: frozenset[str], *, force: bool
) -> None:
    async with cluster.connect() as client:
        await check(client, cluster.namespace, controllers, force=force)
        output.action(f"installing components in {cluster.namespace} namespace")
        await apply(client, objects)
        await prune(client, cluster.namespace, objects)
        output.waiting("verifying installation")
        await ready(client, objects, cluster.timeout)
    output.success("install finished")


async def check(client: kube.Client, namespace: str, controllers: frozenset[str], *, force: bool) -> None:
    """Refuse what would undo somebody else's work: Flux's own controllers', or Helm's."""
    found = await client.list_objects("apps/v1", "Deployment", labels=neighbours.FLUX)
    if acting := neighbours.acting(found, controllers):
        said = f"Flux's {', '.join(acting)} act on this cluster"
        if not force:
            output.fail(f"{said}: {_ADVICE}")
        output.warning(said)
    here = [each for each in found if each["metadata"]["namespace"] == namespace]
    if release := neighbours.released_by_helm(here):
        output.fail(f"Helm installed this: upgrade it with `helm upgrade {release} CHART --namespace {namespace}`")


async def apply(client: kube.Client, objects: list[Manifest]) -> None:
    """Apply objects on the server's side, definitions first, and say what became of each. Raises Failure."""
    from deploy.cluster import apply as applying  # noqa: PLC0415
    from deploy.cluster import owner, trial, wait  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    installer = owner.Owner(field=_MANAGER, group="image-automation.dev", name="", namespace="", namespace_advice="")
    applier = applying.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=trial.USUAL)
    try:
        changes = await applier.apply(objects, cluster=client, owner=installer)
    except trial.ApplyError as error:
        for change in error.changes:
            output.text(str(change))
        output.fail(str(error).replace("\n", "\n✗ "))
    for change in changes:
        output.text(str(change))


async def prune(client: kube.Client, namespace: str, objects: list[Manifest]) -> None:
    """Delete what an earlier `install` has put there and the kit has no more; name what others have put there."""
    found: list[Manifest] = []
    for api_version, kind in removal.KINDS:
        found += await client.list_objects(api_version, kind, labels=removal.labels(namespace))
    ours, others = removal.superseded(found, objects, _MANAGER)
    for each in ours:
        metadata = each["metadata"]
        place = (each["apiVersion"], each["kind"], metadata.get("namespace", ""), metadata["name"])
        with contextlib.suppress(errors.NotFound):
            await client.delete_object(*place, uid=metadata["uid"])
        output.text(f"{subject(each)} deleted")
    for each in others:
        output.warning(f"{subject(each)} is not in this kit and was applied by somebody else: it stays")


async def ready(client: kube.Client, objects: list[Manifest], timeout: float) -> None:
    """Wait for the Deployments, and say what to look at where they do not get ready."""
    from deploy.cluster import inventory, wait  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    deployments = [inventory.item_of(each) for each in objects if each["kind"] == "Deployment"]
    try:
        await wait.Waiter(clock=SystemClock()).until_current(deployments, cluster=client, timeout=timeout)
    except wait.WaitError as error:
        namespace = deployments[0].id.namespace
        output.fail(
            f"{error}\n  look at: kubectl -n {namespace} describe pods -l app.kubernetes.io/name=image-automation"
        )
    for each in deployments:
        output.success(f"{each.id.name}: deployment ready")


def _wish(name: str, help_: str, **settings: Any) -> click.Option:
    return click.Option([name], help=help_, **settings)


_LEVELS = click.Choice(["debug", "info", "warn", "error"])
WISHES = (
    _wish(
        "--watch-all-namespaces",
        "With false only the namespace of the installation is watched, and rights end there.",
        type=bool,
        default=True,
        show_default=True,
    ),
    _wish("--network-policy", "Say which traffic goes in and out.", type=bool, default=True, show_default=True),
    _wish("--log-level", "The service's log level.", type=_LEVELS, default="info", show_default=True),
    _wish("--registry", "Where the image is: HOST/PATH/image-automation.", default="", metavar="HOST/PATH"),
    _wish("--image-pull-secret", "Secret of the namespace that pulls the image.", default="", metavar="NAME"),
    _wish("--cluster-domain", "The cluster's domain.", default="cluster.local", show_default=True, metavar="NAME"),
    _wish("--toleration-keys", "Taints to tolerate, separated by commas.", default="", metavar="KEYS"),
)


def wishes_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take what `WISHES` say out of a verb's options, as `tailoring.Wishes` has it."""
    wishes = {str(each.name): options.pop(str(each.name)) for each in WISHES}
    keys = wishes["toleration_keys"].split(",")
    wishes["toleration_keys"] = tuple(key.strip() for key in keys if key.strip())
    return wishes


def _called(**options: Any) -> None:
    _install(wishes=wishes_of(options), **options)


install = click.Command(
    "install",
    callback=_called,
    params=[
        click.Option(["--overlay"], type=click.Choice(sorted(manifests.OVERLAYS)), help="Which kit.  [default: all]"),
        click.Option(
            ["--components"],
            default="",
            metavar="NAMES",
            help="The same in Flux's words: those of its controllers whose work is done, separated by commas.",
        ),
        click.Option(["--export"], is_flag=True, help="Print the kit and touch no cluster."),
        click.Option(["--force"], is_flag=True, help="Install although Flux's own controllers act on these kinds."),
        *WISHES,
        *clusters.parameters(),
    ],
    help=_install.__doc__,
)
