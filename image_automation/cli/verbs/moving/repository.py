"""The repository that an installation is synced from: its `gotk-components.yaml` becomes that of the kit that comes.

The sync manifests beside it name no program, so they stay byte for byte; and so does the user's kustomization, which
is built with the new kit before anything is pushed: a patch for a controller that goes would stop the sync.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy import manifests
from gotk.git import errors as git
from gotk.git.objects.commit import Person
from gotk.kube import errors
from gotk.runtime.blocking import Limiter
from image_automation.cli import output
from image_automation.cli.verbs.bootstrap import files, patching, reaching
from image_automation.cli.verbs.bootstrap.clone import Branch, Pen
from image_automation.cli.verbs.moving import beside
from image_automation.cli.verbs.moving.kits import Kit
from image_automation.cli.verbs.moving.options import Pushing

if TYPE_CHECKING:
    from gotk.git.auth import Credentials
    from gotk.kube import client as kube

Json = Mapping[str, Any]
Manifest = dict[str, Any]
_SOURCE = ("source.toolkit.fluxcd.io/v1", "GitRepository")
_ATTEMPTS = 3
_SECONDS = 60.0
_ALONE = "or say --no-push and commit the kit yourself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the kit is in Git."""

    sync: files.Sync
    url: str
    credentials: "Credentials"


async def find(client: "kube.Client", kustomization: Json, pushing: Pushing) -> Place:
    """Find out where the kit is in Git, and how it is written there. Raises Failure."""
    metadata, spec = kustomization["metadata"], kustomization["spec"]
    name, namespace = str(metadata["name"]), str(metadata["namespace"])
    reference = spec["sourceRef"]
    if reference["kind"] != "GitRepository" or (reference["name"], name) != (namespace, namespace):
        output.fail(
            f"Kustomization {namespace}/{name} applies the installation from {reference['kind']} {reference['name']},"
            f" which is not as bootstrap has it: say --no-push and put the kit there yourself"
        )
    source = await client.get_object(*_SOURCE, namespace, name)
    branch = (source["spec"].get("ref") or {}).get("branch")
    if not branch or source["spec"].get("provider", "generic") != "generic":
        output.fail(f"GitRepository {namespace}/{name} follows no branch with a Secret: say --no-push")
    secret = str((source["spec"].get("secretRef") or {}).get("name", ""))
    sync = files.Sync(
        url=source["spec"]["url"], branch=branch, path=files.path_of(str(spec.get("path") or "")),
        namespace=namespace, secret=secret, interval="",
    )  # fmt: skip
    url = pushing.url or sync.url
    return Place(sync=sync, url=url, credentials=await _credentials(client, sync, url, pushing))


async def _credentials(client: "kube.Client", sync: files.Sync, url: str, pushing: Pushing) -> "Credentials":
    if pushing.password:
        if url.startswith("ssh://"):
            output.fail(f"--password opens no address of SSH: name --url https://..., {_ALONE}")
        texts = {"username": pushing.username, "password": pushing.password}
        return reaching.credentials(url, texts, "--password")
    texts_: dict[str, bytes] = {}
    if sync.secret:
        try:
            texts_ = await reaching.secret_on_cluster(client, sync.namespace, sync.secret) or {}
        except errors.Forbidden as error:
            output.fail(f"{error}: name --password, {_ALONE}")
    return reaching.credentials(url, texts_, f"{sync.namespace}/{sync.secret}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """One rewriting of the repository; `going` are the objects that go."""

    place: Place
    kit: Kit
    going: Sequence[Json]
    branch: Branch
    blocking: Limiter

    @property
    def folder(self) -> str:
        """The folder of the kit in the repository."""
        return self.place.sync.folder

    async def carry_out(self) -> list[Manifest]:
        """Commit and push; return the kit as the user's kustomization patches it. Raises Failure."""
        name = self.place.sync.branch
        output.action(f'cloning branch "{name}" from Git repository "{self.place.url}"')
        path = f"{self.folder}/{files.COMPONENTS}"

        def pushing(commit: str) -> None:
            output.success(f'committed component manifests to "{name}" ("{commit}")')
            output.action(f'pushing component manifests to "{self.place.url}"')

        for attempt in range(_ATTEMPTS):
            await self.blocking.run(self.branch.bring)
            folder = await self.blocking.run(self.branch.files, self.folder)
            if files.COMPONENTS not in folder:
                output.fail(f"there is no {path} on branch {name}: say --no-push and commit the kit yourself")
            changed = self._changed(folder)
            built = await self._built({**folder, **changed})
            edits = {f"{self.folder}/{each}": content for each, content in changed.items()}
            try:
                made = await self.blocking.run(self.branch.write, edits, self.kit.subject, pushing=pushing)
            except git.NonFastForward:
                if attempt == _ATTEMPTS - 1:
                    raise
                output.waiting("git conflict detected, retrying with a fresh clone")
                continue
            output.success("pushed component manifests" if made else "component manifests are up to date")
            return built
        raise AssertionError("the last attempt returns or raises")

    def _changed(self, folder: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the files that become others. Raises Failure."""
        if self.kit.part is None:
            return {files.COMPONENTS: self.kit.text.encode(), **beside.retired(folder)}
        try:
            return beside.edits(folder, self.kit.text, self.kit.objects, self.going)
        except beside.Unfit as error:
            output.fail(f"{self.folder}: {error}: {_ALONE}")

    async def _built(self, found: Mapping[str, bytes]) -> list[Manifest]:
        """Build the folder as it will be, and say what then has no effect any more. Raises Failure."""
        own, file = found.get(files.KUSTOMIZATION, b""), f"{self.folder}/{files.KUSTOMIZATION}"
        if not own:
            return list(self.kit.objects)
        try:
            built = await self.blocking.run(patching.patched, found, self.kit.objects)
        except manifests.KitError as error:
            output.fail(
                f"{file} does not build with the kit that comes: {patching.complaint(error)}\n"
                "  take out what patches controllers that go, or say --no-push and commit it with the kit"
            )
        for name in (str(each["metadata"]["name"]) for each in self.going if each["kind"] == "Deployment"):
            if re.search(rb"\b%s\b" % re.escape(name.encode()), own):
                output.warning(f"{file} names {name}, which goes: what it sets there has no effect then")
        return built


async def rewrite(place: Place, kit: Kit, going: Sequence[Json]) -> list[Manifest]:
    """Commit the kit in the place of the other one, and push; return it as the user's kustomization patches it.

    Raises Failure; then nothing has changed.
    """
    with tempfile.TemporaryDirectory(prefix="migrate-") as folder, Limiter(width=1, name="git") as blocking:
        pen = Pen(author=Person("image-automation", "noreply@image-automation.dev"))
        branch = Branch(Path(folder), place.url, place.credentials, place.sync.branch, pen=pen, timeout=_SECONDS)
        rewriting = Rewriting(place=place, kit=kit, going=going, branch=branch, blocking=blocking)
        try:
            return await rewriting.carry_out()
        except git.Error as error:
            output.fail(f"{error.message}: to push as somebody else name --url and --password, {_ALONE}")
