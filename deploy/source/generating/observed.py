"""The sources of an ArtifactGenerator as they are now: found, told apart by a digest, and what of them wakes it.

Answers to `observeSources` and `HashObservedSources` of source-watcher, texts included. Other than there a generator
that would be fed by its own artifacts, which grows without end, is refused.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from deploy.source.generating.captures import bad_name
from gotk.api.meta import Artifact
from gotk.api.source import GROUP, Bucket, ExternalArtifact, GitRepository, HelmChart, OCIRepository
from gotk.api.source_extensions import ArtifactGenerator, SourceReference
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Key, Reader, Watch

Origin: TypeAlias = GitRepository | OCIRepository | Bucket | HelmChart | ExternalArtifact

KINDS: Mapping[str, type[Origin]] = {
    kind.__name__: kind for kind in (GitRepository, OCIRepository, Bucket, HelmChart, ExternalArtifact)
}
#: What an artifact's metadata call the revision that it was made of.
ORIGIN_REVISION = "org.opencontainers.image.revision"
_INVALID = "ValidationFailed"


class NotThere(Exception):
    """A source that is missing or has no artifact yet."""


def key(reference: SourceReference, obj: ArtifactGenerator) -> Key:
    """Return where a source is."""
    return Key(reference.namespace or obj.metadata.namespace, reference.name)


def check(obj: ArtifactGenerator, objects: Reader, *, cross_namespace: bool) -> None:
    """Refuse a spec that cannot be. Raises Stalled."""
    aliases: set[str] = set()
    for source in obj.spec.sources:
        if source.alias in aliases:
            raise Stalled(_INVALID, f"duplicate source alias '{source.alias}' found")
        aliases.add(source.alias)
        if not cross_namespace and source.namespace not in {"", obj.metadata.namespace}:
            where = f"{source.kind}/{source.namespace}/{source.name}"
            raise Stalled("AccessDenied", f"cross-namespace reference to source {where} is not allowed")
    names: set[str] = set()
    for artifact in obj.spec.artifacts:
        if artifact.name in names:
            raise Stalled(_INVALID, f"duplicate artifact name '{artifact.name}' found")
        names.add(artifact.name)
        if not obj.spec.path_pattern and (problem := bad_name(artifact.name)):
            raise Stalled(_INVALID, f'artifact name "{artifact.name}" is not a valid Kubernetes object name: {problem}')
        for field, alias in (("revision", artifact.revision), ("origin revision", artifact.origin_revision)):
            if alias and alias.removeprefix("@") not in aliases:
                what = f"artifact {artifact.name} {field} source alias"
                raise Stalled(_INVALID, f"{what} '{alias.removeprefix('@')}' not found")
    if circle := _circle(obj, objects):
        raise Stalled(_INVALID, f"artifacts go round in a circle: {' -> '.join(circle)}")


async def artifacts(obj: ArtifactGenerator, objects: Reader) -> dict[str, Artifact]:
    """Return the sources' artifacts by alias. Raises NotThere."""
    found: dict[str, Artifact] = {}
    for reference in obj.spec.sources:
        where = key(reference, obj)
        source = objects.get(KINDS[reference.kind], *where)
        if source is None:
            raise NotThere(f'{reference.kind}.{GROUP} "{reference.name}" not found')
        if source.status.artifact is None:
            raise NotThere(f"source '{reference.kind}/{where}' is not ready")
        found[reference.alias] = source.status.artifact
    return found


def digest(found: Mapping[str, Artifact]) -> str:
    """Return what tells one state of the sources from another."""
    said = (f"{alias}=[digest={each.digest},revision={each.revision},url={each.url}]" for alias, each in found.items())
    return f"sha256:{hashlib.sha256('|'.join(sorted(said)).encode()).hexdigest()}"


def _circle(obj: ArtifactGenerator, objects: Reader) -> list[str]:
    """Return the names along a way from a generator back to itself; nothing where there is none."""
    own = Key(obj.metadata.namespace, obj.metadata.name)
    seen: set[Key] = set()
    ways = [[own]]
    while ways:
        way = ways.pop()
        generator = obj if way == [own] else objects.get(ArtifactGenerator, *way[-1])
        for following in _fed_by(generator, objects) if generator else ():
            if following == own:
                return [each.name for each in (*way, own)]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _fed_by(obj: ArtifactGenerator, objects: Reader) -> Iterable[Key]:
    """Name the generators whose artifacts are this one's sources."""
    for reference in obj.spec.sources:
        if reference.kind != "ExternalArtifact":
            continue
        where = key(reference, obj)
        if where.namespace == obj.metadata.namespace and any(each.name == where.name for each in obj.spec.artifacts):
            yield Key(obj.metadata.namespace, obj.metadata.name)
        external = objects.get(ExternalArtifact, *where)
        made_for = external.spec.source_ref if external else None
        if made_for is not None and made_for.kind == "ArtifactGenerator":
            yield Key(made_for.namespace or where.namespace, made_for.name)


def _is_new(old: Origin | None, new: Origin | None) -> bool:
    if new is None or new.status.artifact is None:
        return False
    before, now = old.status.artifact if old else None, new.status.artifact
    return before is None or (before.revision, before.digest) != (now.revision, now.digest)


def _generators(source: Origin, reader: Reader) -> Iterable[Key]:
    where = Key(source.metadata.namespace, source.metadata.name)
    for obj in reader.list(ArtifactGenerator):
        if any(each.kind == type(source).__name__ and key(each, obj) == where for each in obj.spec.sources):
            yield Key(obj.metadata.namespace, obj.metadata.name)


def _is_gone(old: ExternalArtifact | None, new: ExternalArtifact | None) -> bool:
    return old is not None and new is None


def _makers(gone: ExternalArtifact, reader: Reader) -> Iterable[Key]:
    """Name the generator of an artifact's object that was deleted, which makes it anew."""
    for obj in reader.list(ArtifactGenerator, gone.metadata.namespace):
        if any(each.name == gone.metadata.name for each in obj.status.inventory):
            yield Key(obj.metadata.namespace, obj.metadata.name)


WATCHES: tuple[Watch[Any], ...] = (
    *(Watch(kind=kind, changed=_is_new, requests=_generators) for kind in KINDS.values()),
    Watch(kind=ExternalArtifact, changed=_is_gone, requests=_makers),
)
