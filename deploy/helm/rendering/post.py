"""What is done to a rendered release before it is applied: the object's own post-renderers, its common metadata, and
the labels that say which object a release belongs to.

Answers to `internal/postrender` of helm-controller, and to `renderResources` of Helm's `pkg/action`, which says what is
rendered together. Each object carries the file that it came from through kustomize, so that it returns to its place in
the manifest or among the hooks; what a hook is, is read anew afterwards, since a patch may have changed it.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy.cluster import redaction
from deploy.cluster.objects import Manifest, group_of
from deploy.helm.release import Hook, Release
from deploy.helm.rendering import kustomization
from deploy.helm.rendering.render import RenderError
from deploy.kustomize.building.build import Builder, BuildError
from deploy.source.charts import text
from gotk import documents, go_yaml
from gotk.api.helm import GROUP, HelmRelease, PostRendererKustomize
from gotk.runtime.blocking import Limiter

_SOURCE = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)
_PLACE = "postrenderer.helm.sh/postrender-filename"
_HOOK, _WEIGHT = "helm.sh/hook", "helm.sh/hook-weight"
_DELETE, _OUTPUT = "helm.sh/hook-delete-policy", "helm.sh/hook-output-log-policy"
_EVENTS = frozenset(
    {"pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback"}
    | {"post-rollback", "test"}
)
#: What tests of Helm 2 were called that had to succeed.
_OLD_TEST = "test-success"
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)


@dataclass(slots=True)
class _Part:
    """An object of a release, the file of its chart that it came from, and where it stands among the others."""

    place: int
    file: str
    obj: Manifest


class PostRenderer:
    """Runs post-renderers, those of kustomize by a builder of Kustomizations."""

    def __init__(self, *, builder: Builder, limiter: Limiter, scratch: Path) -> None:
        self._builder = builder
        self._limiter = limiter
        self._scratch = scratch

    async def post_render(
        self, release: Release, obj: HelmRelease, *, timeout: float, hidden: Sequence[str] = ()
    ) -> Release:
        """Return the release as it is to be applied. Raises RenderError, whose message shows nothing of `hidden`."""
        try:
            manifests, hooks = await self._limiter.run(_parts, release)
            made: list[_Part] = []
            for name, parts in _groups(obj.spec.post_render_strategy, manifests, hooks):
                made += await self._changed(name, parts, obj, timeout) if parts else ()
            kept = release.hooks if obj.spec.post_render_strategy == "nohooks" else ()
            return await self._limiter.run(_reassembled, release, made, kept)
        except _PostError as error:
            raise RenderError(redaction.Redactor(hidden).hide(str(error))) from None

    async def _changed(self, name: str, parts: list[_Part], obj: HelmRelease, timeout: float) -> list[_Part]:
        """Return what becomes of the objects that are rendered together. Raises _PostError."""
        try:
            for renderer in obj.spec.post_renderers:
                if renderer.kustomize is not None:
                    parts = await self._by_kustomize(parts, renderer.kustomize, timeout)
            await self._limiter.run(_mark, parts, obj)
        except (BuildError, documents.DocumentError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            cause = str(said).removeprefix("kustomize build failed: ")
            raise _PostError(f"error while running post render on {name}: {cause}") from error
        return parts

    async def _by_kustomize(self, parts: list[_Part], renderer: PostRendererKustomize, timeout: float) -> list[_Part]:
        folder = Path(await self._limiter.run(tempfile.mkdtemp, prefix="post-", dir=self._scratch))
        try:
            await self._limiter.run(_lay_out, folder, parts, renderer)
            built = await self._builder.build(folder, ".", kustomization.spec(renderer), timeout=timeout)
        finally:
            await self._limiter.run(shutil.rmtree, folder, ignore_errors=True)
        return await self._limiter.run(_returned, built.text)


class _PostError(Exception):
    """Something of a release cannot be rendered on."""


def _groups(strategy: str | None, manifests: list[_Part], hooks: list[_Part]) -> list[tuple[str, list[_Part]]]:
    """Return what is rendered together, and how Helm calls it."""
    match strategy:
        case "nohooks":
            return [("manifests", manifests)]
        case "separate":
            return [("hooks", hooks), ("manifests", manifests)]
    return [("files", [*manifests, *hooks])]


def _parts(release: Release) -> tuple[list[_Part], list[_Part]]:
    """Take a release apart. Raises _PostError."""
    _, *pieces = _SOURCE.split(release.manifest)
    files = [*zip(pieces[::2], pieces[1::2], strict=True), *((hook.path, hook.manifest) for hook in release.hooks)]
    made = [list(_objects(file, content)) for file, content in files]
    border = len(files) - len(release.hooks)
    numbered = [
        [_Part(place, file, obj) for obj in objects]
        for place, ((file, _), objects) in enumerate(zip(files, made, strict=True))
    ]
    return [part for each in numbered[:border] for part in each], [part for each in numbered[border:] for part in each]


def _objects(file: str, content: str) -> Iterator[Manifest]:
    """Read the objects of a file, lists unfolded. Raises _PostError."""
    try:
        values = documents.load(content)
    except documents.DocumentError as error:
        raise _PostError(f"error while running post render on files: parsing {file}: {error}") from None
    for value in values:
        yield from _unfolded(file, value)


def _unfolded(file: str, value: Any) -> Iterator[Manifest]:
    if not isinstance(value, dict) or not value.get("kind") or not value.get("apiVersion"):
        raise _PostError(f"error while running post render on files: {file}: an object has no apiVersion or no kind")
    if str(value["kind"]).endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _unfolded(file, item)
        return
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise _PostError(f"error while running post render on files: {file}: {value['kind']} has no metadata.name")
    yield value


def _mark(parts: Sequence[_Part], obj: HelmRelease) -> None:
    """Give all objects the common metadata and the labels of their origin. Raises DocumentError."""
    seen = set()
    common = obj.spec.common_metadata
    origin = {f"{GROUP}/name": obj.metadata.name, f"{GROUP}/namespace": obj.metadata.namespace}
    labels = {**(common.labels if common else {}), **origin}
    annotations = dict(common.annotations) if common else {}
    for part in parts:
        known = _id(part.obj)
        if known in seen:
            raise documents.DocumentError(f"may not add resource with an already registered id: {known}")
        seen.add(known)
        _add(part.obj, "labels", labels)
        _add(part.obj, "annotations", annotations)


def _id(obj: Manifest) -> str:
    """Return what an object is told from others by, as kustomize writes it."""
    version = str(obj["apiVersion"]).rpartition("/")[2]
    metadata = obj["metadata"]
    return (
        f"{obj['kind']}.{version}.{group_of(obj) or '[noGrp]'}/{metadata['name']}."
        f"{metadata.get('namespace') or '[noNs]'}"
    )


def _add(obj: Manifest, field: str, more: Mapping[str, str]) -> None:
    if not more:
        return
    present = obj["metadata"].get(field)
    if not isinstance(present or {}, dict):
        raise documents.DocumentError(f"metadata.{field} of {_id(obj)} is not a mapping")
    obj["metadata"][field] = {**(present or {}), **more}


def _lay_out(folder: Path, parts: Sequence[_Part], renderer: PostRendererKustomize) -> None:
    """Write a folder that kustomize builds; every object carries its place. Raises OSError."""
    for part in parts:
        _add(part.obj, "annotations", {_PLACE: f"{part.place}:{part.file}"})
    kustomization.lay_out(folder, [part.obj for part in parts], renderer)


def _returned(printed: str) -> list[_Part]:
    """Read what kustomize printed. Raises DocumentError."""
    return [_placed(obj, number) for number, obj in enumerate(documents.load(printed))]


def _placed(obj: Manifest, number: int) -> _Part:
    """Return an object to where it came from, if a patch has left that on it."""
    annotations = obj["metadata"].get("annotations") or {}
    place, _, file = str(annotations.pop(_PLACE, "")).partition(":")
    if not annotations:
        obj["metadata"].pop("annotations", None)
    return _Part(int(place) if place.isdecimal() else number, file or f"generated-by-postrender-{number}.yaml", obj)


def _reassembled(release: Release, parts: Iterable[_Part], hooks: Sequence[Hook]) -> Release:
    """Put a release together again: what is a hook now to the hooks, and the rest into the manifest."""
    manifest, found = [], list(hooks)
    for part in sorted(parts, key=lambda part: part.place):
        content = go_yaml.write(part.obj)
        annotations = part.obj["metadata"].get("annotations") or {}
        if _HOOK not in annotations:
            manifest.append(f"---\n# Source: {part.file}\n{content}")
        elif (hook := _hook(part, annotations, content)) is not None:
            found.append(hook)
    return msgspec.structs.replace(release, manifest="".join(manifest), hooks=tuple(found))


def _hook(part: _Part, annotations: Mapping[str, Any], content: str) -> Hook | None:
    """Read what kind of hook an object is; None for one of events that nobody knows, which helm leaves out."""
    events = ["test" if each == _OLD_TEST else each for each in _listed(annotations, _HOOK)]
    if not _EVENTS.issuperset(events):
        return None
    weight = _text(annotations.get(_WEIGHT))
    return Hook(
        name=str(part.obj["metadata"]["name"]),
        kind=str(part.obj["kind"]),
        path=part.file,
        manifest=content,
        events=tuple(events),
        weight=int(weight) if _INTEGER.fullmatch(weight) else 0,
        delete_policies=tuple(_listed(annotations, _DELETE)),
        output_log_policies=tuple(_listed(annotations, _OUTPUT)),
    )


def _listed(annotations: Mapping[str, Any], name: str) -> list[str]:
    if name not in annotations:
        return []
    return [each.strip().lower() for each in _text(annotations[name]).split(",")]


def _text(value: Any) -> str:
    try:
        return text.text(value)
    except text.Unreadable:
        return ""
