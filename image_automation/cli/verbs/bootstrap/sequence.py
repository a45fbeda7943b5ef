"""The order of bootstrap: clone, commit the kit, install, secret, commit the sync, apply it, wait.

Answers to `flux2/pkg/bootstrap`: its order and its lines. What would be refused is refused before anything is written.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from deploy import manifests
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from image_automation.cli import output
from image_automation.cli.verbs import install
from image_automation.cli.verbs.bootstrap import files, patching, syncing
from image_automation.cli.verbs.bootstrap.clone import Branch
from image_automation.cli.verbs.bootstrap.reaching import Reach

if TYPE_CHECKING:
    from gotk.kube import client as kube

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What is installed: objects, the text that is committed, the controllers of Flux whose work it does."""

    objects: list[dict[str, Any]]
    text: str
    version: str
    controllers: frozenset[str]
    force: bool
    #: What pulls the image, where that is said.
    pull_secret: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def deployments(self) -> list[str]:
        """The names of what runs."""
        return [each["metadata"]["name"] for each in self.objects if each["kind"] == "Deployment"]


#: Builds what is installed for a cluster, which remembers how it was installed before.
KitOf: TypeAlias = "Callable[[kube.Client], Awaitable[Kit]]"


async def check(client: "kube.Client", kit: Kit, sync: files.Sync) -> bool:
    """Refuse what would undo other work; tell whether the cluster syncs this path already. Raises Failure."""
    synced = await syncing.existing(client, sync)
    await install.check(client, sync.namespace, kit.controllers, force=kit.force)
    return synced


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of bootstrap: what is wanted, and what it works with."""

    client: "kube.Client"
    kit: Kit
    sync: files.Sync
    reach: Reach
    branch: Branch
    blocking: Limiter
    timeout: float
    #: Whether the cluster has applied this path before, and brings the kit itself.
    synced: bool
    #: Lets a new deploy key in at the forge; git alone has asked the user before.
    admit: Callable[[str], Awaitable[None]]

    async def carry_out(self) -> None:
        """Do all of it. Raises Failure."""
        try:
            await self._carry_out()
        except git.Error as error:
            output.fail(error.message)

    async def _carry_out(self) -> None:
        await self._clone()
        await self._write_kit()
        await install.put_pull_secret(self.client, self.kit.objects, self.kit.pull_secret)
        if not self.synced:
            output.action(f'installing components in "{self.sync.namespace}" namespace')
            await install.apply(self.client, await self._patched())
            await install.prune(self.client, self.sync.namespace, self.kit.objects)
            output.success("installed components")
        output.success("reconciled components")
        await self._secret()
        await self._write_sync()
        output.action("applying sync manifests")
        await install.apply(self.client, files.sync_objects(self.sync))
        output.success("reconciled sync configuration")
        await syncing.through(self.client, self.sync, self.kit.deployments, self.timeout)
        await syncing.healthy(self.client, self.kit.objects, self.sync.namespace, self.timeout)

    async def _patched(self) -> list[dict[str, Any]]:
        """Return the kit as the user's kustomization patches it, where there is one that builds."""
        found = await self.blocking.run(self.branch.files, self.sync.folder)
        if not found.get(files.KUSTOMIZATION, b"").strip():
            return self.kit.objects
        whole = {**found, files.SYNC: files.sync(self.sync).encode()}
        try:
            return await self.blocking.run(patching.patched, whole, self.kit.objects)
        except manifests.KitError as error:
            file = f"{self.sync.folder}/{files.KUSTOMIZATION}"
            output.warning(f"{file} does not build, so the kit is installed without it: {patching.complaint(error)}")
            return self.kit.objects

    async def _clone(self) -> None:
        output.action(f'cloning branch "{self.sync.branch}" from Git repository "{self.reach.url}"')
        await self.blocking.run(self.branch.bring)
        output.success("cloned repository")

    async def _write_kit(self) -> None:
        output.action("generating component manifests")
        output.success("generated component manifests")
        await self._write(
            "component", {files.COMPONENTS: self.kit.text}, f"image-automation {self.kit.version} component"
        )

    async def _secret(self) -> None:
        place = f'"{self.sync.namespace}/{self.sync.secret}"'
        output.action(f"determining if source secret {place} exists")
        if self.reach.texts is None:
            output.success("source secret up to date")
            return
        output.action("generating source secret")
        if self.reach.public:
            output.success(f"public key: {self.reach.public.strip()}")
            await self.admit(self.reach.public)
        await syncing.put_secret(self.client, self.sync, self.reach.texts)

    async def _write_sync(self) -> None:
        output.action("generating sync manifests")
        wanted = {files.SYNC: files.sync(self.sync)}
        if not (self.branch.read(f"{self.sync.folder}/{files.KUSTOMIZATION}") or b"").strip():
            wanted[files.KUSTOMIZATION] = files.FIRST_KUSTOMIZATION
        output.success("generated sync manifests")
        await self._write("sync", wanted, "sync")

    async def _write(self, what: str, texts: Mapping[str, str], subject: str) -> None:
        """Commit files of the folder and push them, on top of whatever others push meanwhile."""
        edits = {f"{self.sync.folder}/{name}": text.encode() for name, text in texts.items()}

        def pushing(commit: str) -> None:
            output.success(f'committed {what} manifests to "{self.sync.branch}" ("{commit}")')
            output.action(f'pushing {what} manifests to "{self.reach.url}"')

        for attempt in range(_ATTEMPTS):
            try:
                made = await self.blocking.run(self.branch.write, edits, f"Add {subject} manifests", pushing=pushing)
            except git.NonFastForward:
                if attempt == _ATTEMPTS - 1:
                    raise
                output.waiting("git conflict detected, retrying with a fresh clone")
                await self.blocking.run(self.branch.bring)
                continue
            if not made:
                output.success(f"{what} manifests are up to date")
            return
