"""From a folder of this machine and a Kustomization to the text that `build kustomization` prints."""

import posixpath
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from deploy.cluster.objects import Manifest, group_of
from deploy.kustomize import rendering
from deploy.kustomize.building import assembly, build, references, source
from deploy.kustomize.substitution import substitute, variables
from deploy.source import ignore
from gotk import documents
from gotk.api import scheme
from gotk.api.kustomize import GROUP, Kustomization
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects import clone
from gotk.http.transport import Transport
from gotk.kube import errors
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from image_automation.app import builds
from image_automation.app.settings import Settings
from image_automation.cli.verbs.manifests.kustomization import Request

_MOST_KUSTOMIZATIONS = 1000


#: A Kustomization and the objects that it makes.
Part: TypeAlias = tuple[Kustomization, list[Manifest]]


class RenderError(ValueError):
    """The manifests cannot be made. The message is for people."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder to build, and what of its repository stays out."""

    root: Path
    directory: str
    excludes: source.Excludes = source.nothing


async def text(request: Request, objects: Getter | None, *, namespace: str, timeout: float) -> str:
    """Return the manifests of a Kustomization. Raises RenderError and the errors of `gotk.kube.errors`."""
    found = await manifests(request, objects, namespace=namespace, timeout=timeout)
    return rendering.text(found)


async def manifests(request: Request, objects: Getter | None, *, namespace: str, timeout: float) -> list[Manifest]:
    """Return the objects that a Kustomization makes of a folder; `objects` are the cluster's, if any."""
    made = await parts(request, objects, namespace=namespace, timeout=timeout)
    return [manifest for _, found in made for manifest in found]


async def parts(request: Request, objects: Getter | None, *, namespace: str, timeout: float) -> list[Part]:
    """Return a Kustomization with what it makes, and those among that with theirs where they are asked for, too."""
    kustomization = await _kustomization(request, objects, namespace)
    made: list[Part] = []
    seen = {_key(kustomization)}
    pending = [(kustomization, _place(request.path, request.ignored))]
    async with _builder(request) as builder:
        while pending:
            kustomization, place = pending.pop(0)
            found = await _made(builder, kustomization, place, request, objects, timeout=timeout)
            made.append((kustomization, found))
            for manifest in found if request.recursive else ():
                if group_of(manifest) != GROUP or manifest["kind"] != "Kustomization":
                    continue
                inner = _read(manifest, namespace=_key(kustomization)[0])
                if _key(inner) not in seen:
                    seen.add(_key(inner))
                    pending.append((inner, _place_of(inner, request)))
            if len(seen) > _MOST_KUSTOMIZATIONS:
                raise RenderError(f"more than {_MOST_KUSTOMIZATIONS} Kustomizations lead to one another")
    return made


@asynccontextmanager
async def _builder(request: Request) -> AsyncIterator[build.Builder]:
    with tempfile.TemporaryDirectory(prefix="build-") as name, Limiter(width=2, name="work") as work:
        folder = Path(name)
        settings = Settings(
            data_dir=folder,
            remote_bases=request.remote_bases,
            remote_bases_known_hosts=request.remote_bases_known_hosts,
            remote_bases_identity=request.remote_bases_identity,
        )
        (folder / "scratch").mkdir()
        async with Transport() as transport:
            try:
                yield builds.builder(
                    settings,
                    folder / "scratch",
                    mirrors=Mirrors(folder / "mirrors"),
                    transport=transport,
                    git=work,
                    work=work,
                )
            except FileNotFoundError as error:
                raise RenderError(str(error)) from error


async def _made(
    builder: build.Builder,
    kustomization: Kustomization,
    place: _Place,
    request: Request,
    objects: Getter | None,
    *,
    timeout: float,
) -> list[Manifest]:
    named = f"Kustomization {_key(kustomization)[0]}/{kustomization.metadata.name}"
    try:
        built = await builder.build(
            place.root, place.directory, kustomization.spec, timeout=timeout, excludes=place.excludes
        )
        values = await _variables(kustomization, objects)
        return rendering.objects(kustomization, built.text, values, strict=request.strict)
    except (build.BuildError, assembly.AssemblyError, documents.DocumentError, variables.VariablesError) as error:
        raise RenderError(f"{named}: {error}") from error
    except substitute.SubstitutionError as error:
        raise RenderError(f"{named}: spec.postBuild: {error}") from error


async def _variables(kustomization: Kustomization, objects: Getter | None) -> Mapping[str, str]:
    """Return the variables; without a cluster those alone that the object holds itself."""
    post_build, namespace = kustomization.spec.post_build, kustomization.metadata.namespace
    if post_build is None:
        return {}
    if objects is None:
        values: Mapping[str, str] = {name: value.replace("\n", "") for name, value in post_build.substitute.items()}
    else:
        values = (await variables.load(post_build, namespace, objects)).values
    substitute.check_names(values)
    return values


async def _kustomization(request: Request, objects: Getter | None, namespace: str) -> Kustomization:
    if request.file is not None:
        return _of_file(request.file, request.name, namespace)
    assert objects is not None
    try:
        return await objects.get(Kustomization, namespace, request.name)
    except errors.NotFound as error:
        raise RenderError(
            f"failed to get kustomization object: {error.message}: name a file that holds it with --kustomization-file"
        ) from error


def _of_file(file: Path, name: str, namespace: str) -> Kustomization:
    try:
        values = documents.load(file.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, documents.DocumentError) as error:
        raise RenderError(f"failed to read kustomization file {file}: {error}") from error
    for value in values:
        if not isinstance(value, dict) or value.get("kind") != "Kustomization" or group_of(value) != GROUP:
            continue
        metadata = value.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("name") != name:
            continue
        if metadata.get("namespace") in {None, "", namespace}:
            return _read(value, namespace=namespace, where=f"{file}: ")
    raise RenderError(f"failed find kustomization with name '{name}' and namespace '{namespace}' in file '{file}'")


def _read(value: Manifest, *, namespace: str, where: str = "") -> Kustomization:
    meta = {"namespace": namespace, **value["metadata"]}
    try:
        return scheme.convert(
            {**value, "metadata": {**meta, "namespace": meta["namespace"] or namespace}}, Kustomization
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise RenderError(f"{where}Kustomization {meta.get('namespace')}/{meta.get('name')}: {error}") from error


def _key(kustomization: Kustomization) -> tuple[str, str]:
    return kustomization.metadata.namespace, kustomization.metadata.name


def _place_of(kustomization: Kustomization, request: Request) -> _Place:
    reference, (namespace, name) = kustomization.spec.source_ref, _key(kustomization)
    wanted = f"{reference.kind}/{reference.namespace or namespace}/{reference.name}"
    root = request.sources.get(wanted)
    if root is None:
        raise RenderError(
            f"cannot get local path for {wanted} of kustomization {name}: say where it lies with"
            f" --local-sources {wanted}=DIR"
        )
    root = root.resolve()
    try:
        directory = build.locate(root, kustomization.spec.path)
    except build.PathMissing as error:
        raise RenderError(f"Kustomization {namespace}/{name}: {error}") from error
    return _Place(root, directory, _excludes(root, directory, request.ignored))


def _place(path: Path, ignored: Sequence[str]) -> _Place:
    """Find what a folder belongs to: its clone, or the folder that this is run in, or else itself alone."""
    path = path.resolve()
    found = clone.discover(path)
    root = found.root.resolve() if found else Path.cwd()
    if not path.is_relative_to(root):
        root = path
    directory = path.relative_to(root).as_posix()
    return _Place(root, directory, _excludes(root, directory, ignored))


def _excludes(root: Path, directory: str, ignored: Sequence[str]) -> source.Excludes:
    """Return what leaves files out: `.sourceignore` of the folders down to this one, and patterns relative to it."""
    scope = () if directory == "." else tuple(directory.split("/"))
    files: list[tuple[tuple[str, ...], str]] = []
    for depth in range(len(scope) + 1):
        file = root.joinpath(*scope[:depth], ignore.IGNORE_FILE)
        if file.is_file() and not file.is_symlink():
            files.append((scope[:depth], file.read_text(errors="replace")))
    if ignored:
        files.append((scope, "\n".join(ignored)))
    if not files:
        return source.nothing
    decides = ignore.Ignore(files, None)

    def excludes(path: str) -> bool:
        return posixpath.basename(path) not in references.FILE_NAMES and decides.excludes(tuple(path.split("/")))

    return excludes
