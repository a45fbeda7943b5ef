"""The order of a move: suspend the sync, push, stop what acts, apply what comes, delete what goes, resume, compare.

At no moment do two act, and nothing is pruned by a kit that is half there: until the other side is ready, the
Kustomization of the installation is suspended. Definitions stay, so do finalizers, inventories and workloads; their
uids are compared in the end. Whatever ends a move early, the same call again goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.installation import installed, moving
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import install
from image_automation.cli.verbs.bootstrap import syncing
from image_automation.cli.verbs.moving import halting, options, repository, survey
from image_automation.cli.verbs.moving.kits import Kit
from image_automation.cli.verbs.moving.survey import Survey

if TYPE_CHECKING:
    from gotk.kube import client as kube

Manifest = dict[str, Any]
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a cluster."""

    client: "kube.Client"
    namespace: str
    kit: Kit
    pushing: options.Pushing
    timeout: float

    async def prepare(self) -> tuple[Survey, Mapping[str, Any] | None]:
        """Look, and say what would be done; return it with the Kustomization of the installation. Raises Failure."""
        output.action("looking at what is installed")
        found = await survey.look(self.client, self.namespace, self.kit)
        synced = await halting.sync_of(self.client, found.leaving, self.namespace)
        gone = not found.going and (not found.leaving or self.kit.part is not None)
        if gone and not (synced and halting.is_marked(synced)):
            name = "Flux" if self.kit.other == installed.FLUX else self.kit.other
            output.fail(f"there is nothing to move: no installation of {name} in namespace {self.namespace}")
        survey.tell(found, self.kit)
        if synced and self.pushing.push:
            halting.check(synced)
        return found, synced

    async def carry_out(self, found: Survey, synced: Mapping[str, Any] | None) -> str:
        """Move, and return what the sync complains of afterwards, if anything. Raises Failure."""
        place = None
        if synced and self.pushing.push:
            place = await repository.find(self.client, synced, self.pushing)
        if synced:
            await halting.suspend(self.client, synced, resumes=self.pushing.push)
        arriving = await self._push(place, found, synced) if place else list(self.kit.objects)
        await self._replace(found, arriving)
        complaint = ""
        if synced and place:
            await halting.resume(self.client, synced)
            names = [str(each["metadata"]["name"]) for each in arriving if each["kind"] == "Deployment"]
            try:
                await syncing.through(self.client, place.sync, names, self.timeout)
            except output.Failure as error:  # it may have been so before: what was applied is compared all the same
                complaint = error.message
        await self._compare(found)
        if synced and not place:
            self._advise(synced)
        return complaint

    async def _push(self, place: repository.Place, found: Survey, synced: Mapping[str, Any] | None) -> list[Manifest]:
        try:
            return await repository.rewrite(place, self.kit, found.going)
        except output.Failure:
            if synced and found.leaving and found.leaving.acts:  # all is as it was
                await halting.resume(self.client, synced)
            raise

    async def _replace(self, found: Survey, arriving: list[Manifest]) -> None:
        acting = [each for each in found.going if each["kind"] == "Deployment"]
        await halting.stop(self.client, acting, self.timeout)
        if self.kit.part is None:
            await halting.keep_definitions(self.client, found.definitions, arriving)
        output.action(f"installing components in {self.namespace} namespace")
        manager, other = (_MANAGERS[each] for each in (self.kit.whose, self.kit.other))
        await install.apply(self.client, arriving, manager=manager, instead_of=(other,))
        output.waiting("verifying installation")
        await install.ready(self.client, arriving, self.timeout)
        for each in found.going:
            await halting.delete(self.client, each)

    async def _compare(self, found: Survey) -> None:
        now = await survey.uids(self.client, found.applied)
        if lost := moving.lost(found.held, now):
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            output.fail(f"these are not what they were before the move: {', '.join(lost[:_SHOWN])}{more}")
        output.success(f"{len(now)} applied objects are the same as before, by their uids")

    def _advise(self, synced: Mapping[str, Any]) -> None:
        namespace, name = (str(synced["metadata"][each]) for each in ("namespace", "name"))
        source = "image-automation install --export" if self.kit.whose == installed.OURS else "flux install --export"
        where = "as gotk-components.yaml"
        if self.kit.part is not None:
            source, where = f"{source} --overlay image", "beside gotk-components.yaml, and take out there what went"
        output.warning(
            f"Kustomization {namespace}/{name} is suspended: commit what `{source}` prints {where}, then"
            f" `image-automation resume kustomization {name} --namespace {namespace}`"
        )


#: Who applies each kit, as `install` and `flux install` do.
_MANAGERS = {installed.OURS: install.MANAGER, installed.FLUX: "flux"}


async def run(cluster: clusters.Cluster, kit: Kit, pushing: options.Pushing, *, dry_run: bool, yes: bool) -> None:
    """Move a cluster, after asking. Raises Failure."""
    async with cluster.connect() as client:
        move = Move(client=client, namespace=cluster.namespace, kit=kit, pushing=pushing, timeout=cluster.timeout)
        found, synced = await move.prepare()
        if dry_run:
            output.success("dry-run mode enabled, no changes will be made")
            return
        if not yes and not output.confirmed(f"Move this cluster to {kit.whose}?"):
            output.fail("aborting")
        try:
            complaint = await move.carry_out(found, synced)
        except (output.Failure, errors.APIError):
            output.warning("the move is not at its end: the same call again goes on")
            raise
    if complaint:
        output.fail(f"the cluster has changed hands, but its sync is not ready: {complaint}")
    output.success("migrate finished")
