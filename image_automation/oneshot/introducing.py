"""A checkout becomes automated: its files read, its images' registries asked, the proposal made, and written if wanted.

Registries are asked as a scan asks them, with the credentials of the manifests or of a docker configuration. What they
do not answer is said for each image, and nothing is proposed for it that was not seen to work.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gotk import go_yaml
from gotk.api import core, extensions, scheme
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.git.objects import clone as clones
from gotk.git.objects.clone import Clone
from gotk.oci import keychain
from gotk.oci import name as names
from gotk.runtime import conditions
from gotk.runtime.clock import Clock
from image_automation.oneshot import choosing, covering, manifests, session
from image_automation.oneshot.session import Request
from image_automation.oneshot.world import World
from image_automation.proposing import drafting, files, objects
from image_automation.proposing.drafting import Draft, Existing, Registry
from image_automation.proposing.files import File
from image_automation.proposing.imported import Author, Imported
from image_automation.update.result import Problem
from image_automation.writing import folder

#: So many registries' images are asked for in one go; the rest is said to be left out.
IMAGES_LIMIT: Final = 200
_DOCKER_KEY: Final = ".dockerconfigjson"
_FILE: Final = "image-automation.yaml"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for besides a checkout: where objects go, which GitRepository, whether to ask registries."""

    objects: Path | None = None
    source: str = ""
    author: str = "image-automation@localhost"
    scan: bool = True
    timeout: float = 60.0
    #: The Secret that opens private images on the cluster.
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """The proposal: edits of marked files and the file of new objects, by path from `root`, with what was there."""

    root: Path
    draft: Draft
    automation: str
    edits: Mapping[str, bytes] = field(repr=False)
    before: Mapping[str, bytes] = field(repr=False)
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    #: How many images' registries were asked, and how many of them told no tags.
    asked: int = 0
    unread: int = 0

    @property
    def blind(self) -> bool:
        """Whether nothing is proposed or followed, and of no image any tags were to be had."""
        return 0 < self.asked == self.unread and not (self.draft.policies or self.draft.followed)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A checkout with its files read."""

    request: Request
    root: Path
    clone: Clone | None
    declared: manifests.Manifests
    files: tuple[File, ...]
    contents: Mapping[str, bytes] = field(repr=False)
    passed: tuple[str, ...]

    @property
    def world(self) -> World:
        """The objects that are there already."""
        return World(each.obj for each in self.declared.declared.values())


def survey(request: Request, also: Iterable[str] = ()) -> Surveyed:
    """Read a checkout, and those of the files `also` that lie in its root. Blocks. Raises ManifestError, OSError."""
    path = request.path.resolve(strict=True)
    clone = clones.discover(path, request.environment)
    root = clone.root.resolve() if clone else (path if path.is_dir() else path.parent)
    declared = manifests.load(path, namespace=request.namespace, within=root)
    found, passed, seen, contents = [], list[str](), set[Path](), dict[str, bytes]()
    for each in folder.readable(path, root):
        if isinstance(each.content, Problem):
            if each.content.level != "error":  # those are errors of the manifests already
                passed.append(f"{folder.display(each.name)}: {each.content}")
        elif each.path not in seen:
            seen.add(each.path)
            name = each.path.relative_to(root).as_posix()
            contents[name] = each.content
            if (file := files.read(name, each.content)) is not None:
                found.append(file)
    for name in (each for each in also if (root / each).is_file() and (root / each).resolve().is_relative_to(root)):
        contents[name] = (root / name).read_bytes()
    return Surveyed(request, root, clone, declared, tuple(found), contents, tuple(passed))


async def introduce(surveyed: Surveyed, wanted: Wanted, clock: Clock, imported: Imported | None = None) -> Introduction:
    """Make the proposal; an importer's for the places that it decided alone. Raises ManifestError, OSError."""
    request, existing = surveyed.request, _existing(surveyed)
    going, _ = drafting.wanted(surveyed.files)
    meant = going if imported is None else [each for each in going if each in imported.decided]
    images = sorted({str(drafting.canonical(sighting)) for sighting in meant})
    private = _private(surveyed, images, wanted.secret)
    registries: Mapping[str, Registry] = {}
    if wanted.scan and images:
        excluded = imported.excluded if imported else {}
        registries = await _ask(
            surveyed, images, existing, excluded=excluded, private=private, timeout=wanted.timeout, clock=clock
        )
    draft = drafting.draft(surveyed.files, registries, existing, request.namespace, imported)
    new, notes = list(objects.written(draft, request.namespace, private)), list[str]()
    if unopened := sorted(image for image in draft.repositories.values() if private.get(image) == ""):
        notes.append(
            f"read with credentials of this machine: {', '.join(map(objects.short, unopened))}; the cluster needs them"
            " too: --secret-ref NAME puts a Secret's name into ImageRepositories (create secret oci NAME)"
        )
    notes += _there_already(existing, draft)
    automation = _automation(surveyed, wanted, imported or Imported(), notes) if draft.policies else None
    new += [automation] if automation else []
    edits = dict(draft.edits)
    before = {file.path: file.data for file in surveyed.files}
    if new:
        path = _target(surveyed, wanted, notes)
        before[path], edits[path] = _added(surveyed.root / path, before.get(path), edits.get(path), new)
    return Introduction(
        root=surveyed.root,
        draft=draft,
        automation=automation["metadata"]["name"] if automation else "",
        edits=edits,
        before=before,
        notes=(*surveyed.passed, *notes),
        errors=tuple(surveyed.declared.errors),
        asked=len(registries),
        unread=sum(bool(each.failure) for each in registries.values()),
    )


def write(made: Introduction) -> None:
    """Write the proposal: all files or none. Raises OSError."""
    new = [path for path in made.edits if not (made.root / path).exists()]
    for path in new:
        (made.root / path).parent.mkdir(parents=True, exist_ok=True)
        (made.root / path).touch(exist_ok=False)
    try:
        folder.replace_all(made.root, made.edits, made.before)
    except OSError:
        for path in new:
            (made.root / path).unlink(missing_ok=True)
        raise


def _existing(surveyed: Surveyed) -> Existing:
    world, namespace = surveyed.world, surveyed.request.namespace
    repositories = world.list(ImageRepository, namespace)
    policies = world.list(ImagePolicy, namespace)
    known = {}
    for repository in repositories:
        try:
            known[str(names.parse(repository.spec.image))] = repository.metadata.name
        except names.InvalidName:
            continue
    taken = {each.metadata.name for each in (*repositories, *policies)}
    return Existing(repositories=known, policies=policies, names=taken)


async def _ask(
    surveyed: Surveyed, images: Iterable[str], existing: Existing, *,
    excluded: Mapping[str, Sequence[str]], private: Mapping[str, str], timeout: float, clock: Clock,
) -> dict[str, Registry]:  # fmt: skip
    """Ask the registries for the tags of images, as scans do, within a time for all of them."""
    request, world = surveyed.request, surveyed.world
    asked: dict[str, str] = {}
    answers: dict[str, Registry] = {}
    for number, image in enumerate(images):
        if number >= IMAGES_LIMIT:
            answers[image] = Registry(failure=f"more than {IMAGES_LIMIT} images: name a smaller PATH")
            continue
        asked[image] = existing.repositories.get(image) or f"asked-{number}"
        if image not in existing.repositories:
            new = objects.repository(
                image, asked[image], request.namespace, excluded.get(image, ()), private.get(image, "")
            )
            world.put(scheme.convert(new, ImageRepository))
    session.log_in(world, request.logins)
    async with choosing.chooser(world, request.settings, state=request.state, clock=clock) as chooser:
        repositories = (world.find(ImageRepository, request.namespace, name) for name in asked.values())
        try:
            async with asyncio.timeout(timeout):
                await chooser.scan(each for each in repositories if each)
        except TimeoutError:
            pass  # each image says so that was not answered
        for image, name in asked.items():
            answers[image] = _answer(chooser, world.find(ImageRepository, request.namespace, name))
    return answers


def _private(surveyed: Surveyed, images: Iterable[str], secret: str) -> dict[str, str]:
    """Return the images that there are credentials for, each with the Secret that it gets. Raises ManifestError."""
    request, there = surveyed.request, surveyed.world.find(core.Secret, surveyed.request.namespace, secret)
    try:
        known = [request.logins.keychain()]
        if there is not None and (content := there.data.get(_DOCKER_KEY)):
            known.append(keychain.read([(keychain.DOCKER_CONFIG_JSON, content)]))
    except keychain.InvalidConfig as error:
        raise manifests.ManifestError(f"credentials of registries: {error}") from None
    return {image: secret for image in images if any(each.resolve(image) for each in known)}


def _answer(chooser: choosing.Chooser, repository: ImageRepository | None) -> Registry:
    if repository is None or repository.status.last_scan_result is None:
        ready = [c for c in repository.status.conditions if c.type == conditions.READY] if repository else []
        said = ready[0].message if ready else "no answer within --timeout"
        return Registry(
            failure=f"the registry was not read: {said}; where it wants credentials, log in (docker login,"
            " --registry-creds); --no-scan asks no registry"
        )
    return Registry(tags=chooser.tags(repository))


def _there_already(existing: Existing, draft: Draft) -> Iterator[str]:
    """Say what is asked of ImageRepositories that are there, which are not changed."""
    for image, patterns in draft.excluded.items():
        if name := existing.repositories.get(image):
            yield f"ImageRepository that is there: {name}; add to its exclusionList: {', '.join(patterns)}"


def _automation(surveyed: Surveyed, wanted: Wanted, imported: Imported, notes: list[str]) -> dict[str, Any] | None:
    """Propose an automation, where the namespace has none."""
    world, namespace = surveyed.world, surveyed.request.namespace
    if there := world.list(ImageUpdateAutomation, namespace):
        listed = ", ".join(f"{each.metadata.name} ({each.spec.update.path or '.'})" for each in there)
        notes.append(f"ImageUpdateAutomation that is there: {listed}; see that its path holds the new markers")
        notes += [f"it is asked for the annotation {name}: {text!r}" for name, text in imported.annotations.items()]
        return None
    source = _source(surveyed, wanted, notes)
    branch = source.spec.ref.branch if source and source.spec.ref else ""
    branch = branch or (surveyed.clone.branch if surveyed.clone else "") or "main"
    reference = {"kind": "GitRepository", "name": source.metadata.name if source else wanted.source or "flux-system"}
    if source is not None and source.metadata.namespace != namespace:
        reference["namespace"] = source.metadata.namespace
    path = surveyed.request.path.resolve().relative_to(surveyed.root).as_posix()
    git: dict[str, Any] = {"checkout": {"ref": {"branch": branch}}, "commit": _commit(imported.author, wanted)}
    if extensions.PULL_REQUEST not in imported.annotations:
        git["push"] = {"branch": branch}
    metadata: dict[str, Any] = {"name": "image-updates", "namespace": namespace}
    if imported.annotations:
        metadata["annotations"] = dict(imported.annotations)
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": metadata,
        "spec": {
            "interval": "5m0s",
            "sourceRef": reference,
            "git": git,
            "update": {"path": "./" if path == "." else f"./{path}", "strategy": "Setters"},
        },
    }


def _commit(author: Author, wanted: Wanted) -> dict[str, Any]:
    commit: dict[str, Any] = {
        "author": {"name": author.name or "image-automation", "email": author.email or wanted.author}
    }
    if author.message:
        commit["messageTemplate"] = author.message
    return commit


def _source(surveyed: Surveyed, wanted: Wanted, notes: list[str]) -> GitRepository | None:
    """Find the GitRepository of this clone: the one named, the one with its remote's address, or the only one."""
    found = surveyed.world.list(GitRepository)
    if wanted.source:
        return next((each for each in found if each.metadata.name == wanted.source), None)
    remotes = surveyed.clone.remotes if surveyed.clone else []
    same = [each for each in found if any(covering.same_repository(each.spec.url, remote) for remote in remotes)]
    fitting = same or (list(found) if len(found) == 1 else [])
    if fitting:
        return fitting[0]
    notes.append("no GitRepository of this clone is among the manifests: flux-system is taken (--source NAME)")
    return None


def _target(surveyed: Surveyed, wanted: Wanted, notes: list[str]) -> str:
    """Choose the file of new objects: as asked, else where Flux's own folder lies, else the top of PATH."""
    if wanted.objects is not None:
        path = wanted.objects.absolute()
        resolved = path.parent.resolve() / path.name
        if not resolved.is_relative_to(surveyed.root) or path.is_symlink() or path.suffix not in {".yaml", ".yml"}:
            raise manifests.ManifestError(f"--objects {wanted.objects}: name a .yaml file within {surveyed.root}")
        target = resolved
    else:
        start = surveyed.request.path.resolve()
        start = start if start.is_dir() else start.parent
        syncs = sorted(start.glob("**/flux-system/gotk-sync.yaml"))
        if len(syncs) > 1:
            listed = ", ".join(folder.display(sync.parent.parent.relative_to(surveyed.root)) for sync in syncs)
            notes.append(f"several clusters are kept here ({listed}): --objects FILE says which gets the new objects")
        target = (syncs[0].parent.parent if len(syncs) == 1 else start) / _FILE
    listing = next((found for name in _KUSTOMIZATIONS if (found := target.parent / name).is_file()), None)
    if listing is not None and target.name.encode() not in listing.read_bytes():
        shown = folder.display(listing.relative_to(surveyed.root))
        notes.append(f"add {target.name} to the resources of {shown}, or it is not applied")
    return target.relative_to(surveyed.root).as_posix()


def _added(
    path: Path, known: bytes | None, edited: bytes | None, objects: Iterable[dict[str, Any]]
) -> tuple[bytes, bytes]:
    """Return what a file holds, and what it will hold with these objects behind that."""
    before = known if known is not None else (path.read_bytes() if path.exists() else b"")
    now = before if edited is None else edited
    if now and not now.endswith(b"\n"):
        now += b"\n"
    return before, now + b"".join(b"---\n" + go_yaml.write(each).encode() for each in objects)
