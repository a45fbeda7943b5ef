"""`install`: the kit on a cluster, applied on the server's side and awaited; or printed, for a repository.

Answers to `flux install`: its options where they fit, its lines on stderr, what became of each object on stdout.
Calling it again is the upgrade.
"""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from deploy import manifests
from deploy.cluster.objects import subject
from deploy.installation import installed, neighbours, remembering, removal, tailoring
from deploy.installation.remembering import Options
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import install_options
from image_automation.cli.verbs.create import storing
from image_automation.cli.verbs.install_options import Asked, settled
from image_automation.cli.verbs.look import installed as look_at

Manifest = dict[str, Any]

#: Who applies the kit.
MANAGER = "image-automation"
_ADVICE = (
    "two that act on the same objects undo each other's work: move the cluster (`image-automation migrate --to"
    " image-automation`), choose the components that Flux lacks (--overlay image), or say --force"
)


def _install(*, export: bool, force: bool, asked: Asked, cluster: clusters.Cluster) -> None:
    """Install the service on a cluster, or upgrade it; or print the kit.

    Applies the kit on the server's side, waits until definitions are served and until the replicas are ready. What is
    not named is as it was at the last time.
    """
    if export:
        usual = Options(wishes=tailoring.Wishes(namespace=cluster.namespace))
        output.text(kit(usual.but(asked.overlay, asked.wishes))[1].removesuffix("\n"))
        return
    clusters.run(_carry_out(cluster, asked, force=force))


def kit(options: Options) -> tuple[list[Manifest], str]:
    """Return the objects to apply, and as text; kustomize's own text where nothing is wished for."""
    import yaml  # noqa: PLC0415 - heavy imports wait

    try:
        text = manifests.build(options.overlay)
    except manifests.KitError as error:
        output.fail(str(error))
    objects = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    tailored = remembering.record(tailoring.tailor(objects, options.wishes), options)
    if tailored == objects:
        return objects, text
    return tailored, yaml.dump_all(tailored, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=4096)


async def _carry_out(cluster: clusters.Cluster, asked: Asked, *, force: bool) -> None:
    async with cluster.connect() as client:
        options = settled(asked, await installations(client, cluster.namespace), cluster.namespace)
        output.action("generating manifests")
        objects, _ = kit(options)
        output.success("manifests build completed")
        await check(client, cluster.namespace, manifests.OVERLAYS[options.overlay], force=force)
        if not force:
            await _check_sync(client, cluster.namespace)
        await put_pull_secret(client, objects, install_options.pull_secret(asked, options))
        output.action(f"installing components in {cluster.namespace} namespace")
        await apply(client, objects)
        await prune(client, cluster.namespace, objects)
        output.waiting("verifying installation")
        await ready(client, objects, cluster.timeout)
    output.success("install finished")


async def put_pull_secret(client: kube.Client, objects: list[Manifest], secret: Manifest | None) -> None:
    """Make the Secret that pulls the image, and its namespace before, so that no pod waits for it."""
    if secret is None:
        return
    for each in objects:
        if each["kind"] == "Namespace":
            await client.apply_object(each, field_manager=MANAGER)
    await storing.merge(client, secret)
    output.success(f"reconciled image pull secret {secret['metadata']['name']}")


async def installations(client: kube.Client, namespace: str) -> list[Manifest]:
    """Return the Deployments of an installation of ours."""
    return await client.list_objects("apps/v1", "Deployment", namespace, labels=removal.labels(namespace))


async def _check_sync(client: kube.Client, namespace: str) -> None:
    """Refuse what a Kustomization would undo. Raises Failure."""
    for each in installed.find(await installations(client, namespace)):
        if each.synced_by:
            output.fail(
                f"this cluster has already been bootstrapped: Kustomization {'/'.join(each.synced_by)} applies what Git"
                " has: please use `image-automation bootstrap` to upgrade, or say --force"
            )


async def check(client: kube.Client, namespace: str, controllers: frozenset[str], *, force: bool) -> None:
    """Refuse what would undo somebody else's work: Flux's own controllers', or Helm's."""
    found = await client.list_objects("apps/v1", "Deployment", labels=neighbours.FLUX)
    if acting := neighbours.acting(found, controllers):
        for each in installed.find(found):
            if each.whose == installed.FLUX:
                output.warning(f"{each}; objects: {installed.counted(await look_at.objects(client))}")
        said = f"Flux's {', '.join(acting)} act on this cluster"
        if not force:
            output.fail(f"{said}: {_ADVICE}")
        output.warning(said)
    here = [each for each in found if each["metadata"]["namespace"] == namespace]
    if release := neighbours.released_by_helm(here):
        output.fail(f"Helm installed this: upgrade it with `helm upgrade {release} CHART --namespace {namespace}`")


async def apply(
    client: kube.Client, objects: list[Manifest], *, manager: str = MANAGER, instead_of: Sequence[str] = ()
) -> None:
    """Apply objects on the server's side, definitions first, and say what became of each. Raises Failure.

    What managers whose names begin as one of `instead_of` had applied becomes the manager's, and goes where the objects
    do not have it.
    """
    from deploy.cluster import apply as applying  # noqa: PLC0415
    from deploy.cluster import owner, trial, wait  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    installer = owner.Owner(field=manager, group="image-automation.dev", name="", namespace="", namespace_advice="")
    manner = dataclasses.replace(trial.USUAL, override_managers=tuple(instead_of))
    applier = applying.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=manner)
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
    ours, others = removal.superseded(found, objects, MANAGER)
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


def _called(
    *,
    overlay: str | None,
    components: str,
    export: bool,
    force: bool,
    reset_options: bool,
    registry_creds: str,
    **options: Any,
) -> None:
    asked = Asked(
        overlay=install_options.overlay_of(overlay, components),
        wishes=install_options.wishes_of(options),
        reset=reset_options,
        credentials=registry_creds,
    )
    if export and registry_creds:
        output.fail("--registry-creds: not with --export, which prints no Secret: see `create secret oci`")
    _install(export=export, force=force, asked=asked, cluster=clusters.from_options(options))


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
        install_options.RESET,
        install_options.CREDENTIALS,
        *install_options.WISHES,
        *clusters.parameters(),
    ],
    help=_install.__doc__,
)
