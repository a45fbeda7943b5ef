"""What a move would do to a cluster, looked up and said before anything is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.cluster import inventory
from deploy.installation import installed, moving, neighbours, removal
from gotk.kube import errors
from image_automation.cli import output
from image_automation.cli.verbs.look import installed as look_at
from image_automation.cli.verbs.moving.kits import Kit

if TYPE_CHECKING:
    from gotk.kube import client as kube

Json = Mapping[str, Any]
CRDS = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
_HELM_RELEASE = ("helm.toolkit.fluxcd.io/v2", "HelmRelease")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is there: the installation that goes (None where it is gone already), its objects, and what was applied."""

    leaving: installed.Installation | None
    going: Sequence[Json]
    definitions: Sequence[Json]
    #: How many objects of each kind there are, by API group and kind.
    counts: Mapping[tuple[str, str], int]
    #: What Kustomizations and HelmReleases have applied beside installations, and the uids of what of it exists.
    applied: Sequence[inventory.Item]
    held: Mapping[inventory.ObjectID, str]
    owners: int


async def look(client: "kube.Client", namespace: str, kit: Kit) -> Survey:
    """Look at a cluster. Raises Failure where nothing can be moved there."""
    deployments = await client.list_objects("apps/v1", "Deployment", labels=neighbours.FLUX)
    there = [each for each in installed.find(deployments) if each.whose == kit.other]
    here = next((each for each in there if each.namespace == namespace), None)
    if others := [each for each in there if each is not here and each.acts]:
        output.fail(f"{others[0]}: its namespace is another one: name it with --namespace")
    if here and (obstacle := installed.obstacle(here)):
        output.fail(f"{here}: {obstacle}")
    definitions = await client.list_objects(*CRDS, labels=neighbours.FLUX)
    if lost := moving.unreadable(definitions, kit.objects):
        output.fail(
            f"the cluster stores objects in versions that the kit does not have: {', '.join(lost)}:"
            " call `image-automation migrate` without options first"
        )
    found: list[Json] = []
    for kind in removal.KINDS:
        found += await client.list_objects(*kind, labels=neighbours.FLUX)
    owners = [each for kind in (KUSTOMIZATION, _HELM_RELEASE) for each in await _listed(client, *kind)]
    going = moving.leaving(found, kit.objects, whose=kit.other, namespace=namespace, part=kit.part)
    own = {inventory.ObjectID.of(each) for each in (*going, *kit.objects)}
    applied = [each for each in moving.held(owners) if each.id not in own]
    for name, question in moving.questions(going):
        if name not in kit.decided:
            output.fail(question)
    return Survey(
        leaving=here,
        going=going,
        definitions=definitions,
        counts=await look_at.objects(client),
        applied=applied,
        held=await uids(client, applied),
        owners=len(owners),
    )


async def uids(client: "kube.Client", items: Sequence[inventory.Item]) -> dict[inventory.ObjectID, str]:
    """Return the uids of those that exist, asked for kind by kind."""
    wanted = {each.id for each in items}
    found: dict[inventory.ObjectID, str] = {}
    for api_version, kind in sorted({(each.api_version, each.id.kind) for each in items}):
        for obj in await _listed(client, api_version, kind):
            id_ = inventory.ObjectID.of(obj)
            if id_ in wanted:
                found[id_] = str(obj["metadata"]["uid"])
    return found


async def _listed(client: "kube.Client", api_version: str, kind: str) -> list[dict[str, Any]]:
    try:
        return await client.list_objects(api_version, kind)
    except errors.NotFound:  # the cluster does not serve it
        return []


def tell(survey: Survey, kit: Kit) -> None:
    """Say what would be done, and what the user has to look after."""
    if survey.leaving:
        output.success(str(survey.leaving))
    output.success(f"objects that change hands: {installed.counted(survey.counts)}")
    output.success(f"applied by {survey.owners} of them, and not touched: {len(survey.held)} objects")
    for each in survey.going:
        metadata = each["metadata"]
        place = "/".join(filter(None, (each["kind"], metadata.get("namespace"), metadata["name"])))
        output.action(f"{place} goes")
    staying = {each.name for each in survey.leaving.controllers} if survey.leaving and kit.part else set()
    if versions := moving.older(survey.definitions, kit.objects):
        output.warning(
            f"the definitions are those of Flux {versions[0]}, the kit's of {versions[1]}: fields that came in between"
            " are dropped where an object is written next"
        )
    for kind in moving.unserved(survey.counts, kit.controllers | staying):
        output.warning(f"nobody will look after the objects of kind {kind}: the kit has no controller for it")
    for account in moving.annotated(survey.going):
        output.warning(f"{account} goes with what is written on it: carry it over to the accounts that come")
    if moving.locks_tenants_in(survey.going) and not kit.confines:
        output.warning("the kit that comes does not confine tenants, unless your kustomization.yaml patches it")
    for name, arguments in moving.arguments(survey.going).items():
        output.warning(f"{name} runs with {' '.join(arguments)}, which the kit that comes does not know of")
