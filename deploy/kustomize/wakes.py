"""What wakes a Kustomization besides its own changes: a new revision of its source, a dependency that is ready.

Answers to kustomize-controller's watches: of a source the revision counts, not the digest, and a Kustomization that has
applied the revision sleeps on; ConfigMaps and Secrets with the label for it wake who reads them. Two things more are
ours: an artifact that moved to another address wakes those that could not fetch it, and dependencies are watched, where
there they are asked every 30 seconds.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from deploy.cluster import configs
from deploy.kustomize import dependencies
from gotk.api.core import ConfigMap, Secret
from gotk.api.kustomize import Kustomization
from gotk.api.source import SOURCES, ExternalArtifact, Source
from gotk.runtime.conditions import READY
from gotk.runtime.reconciler import Key, Reader, Sifted, Watch

Sift = Callable[[Any, Sequence[Key]], Awaitable[Sifted]]


def artifact_changed(old: Source | None, new: Source | None) -> bool:
    """Tell whether a source has an artifact of another revision than before, or at another address."""
    if new is None or new.status.artifact is None:
        return False
    before, now = old.status.artifact if old else None, new.status.artifact
    return before is None or (before.revision, before.url) != (now.revision, now.url)


def of_source(source: Source, reader: Reader) -> Iterable[Key]:
    """Return the Kustomizations of a source that have not applied its revision."""
    key = (type(source).__name__, source.metadata.namespace, source.metadata.name)
    revision = source.status.artifact.revision if source.status.artifact else ""
    for obj in reader.list(Kustomization):
        if dependencies.source_key(obj) == key and not _is_done_with(obj, revision):
            yield _key(obj)


def _is_done_with(obj: Kustomization, revision: str) -> bool:
    ready = any(c.type == READY and c.status == "True" for c in obj.status.conditions)
    return ready and obj.status.last_attempted_revision == revision


def became_ready(old: Kustomization | None, new: Kustomization | None) -> bool:
    """Tell whether a Kustomization has become ready, or ready for another revision."""
    if new is None or dependencies.ready(new) is None:
        return False
    if old is None or dependencies.ready(old) is None:
        return True
    return old.status.last_applied_revision != new.status.last_applied_revision


class Dependents:
    """Which Kustomizations depend on which, as the watch tells: one that becomes ready wakes those that wait for it."""

    def __init__(self) -> None:
        self._of: dict[Key, dict[Key, None]] = {}
        self.watch: Watch[Any] = Watch(kind=Kustomization, changed=self.changed, requests=self.waiting)

    def has(self, obj: Kustomization) -> bool:
        """Tell whether another Kustomization depends on one."""
        return bool(self._of.get(_key(obj)))

    def changed(self, old: Kustomization | None, new: Kustomization | None) -> bool:
        """Learn of a change, and tell whether it has made something ready."""
        before, now = _needs(old), _needs(new)
        if before != now:
            for needed, key in before:
                self._of.get(needed, {}).pop(key, None)
            for needed, key in now:
                self._of.setdefault(needed, {})[key] = None
        return became_ready(old, new)

    def waiting(self, dependency: Kustomization, reader: Reader) -> Iterable[Key]:
        """Return the Kustomizations that wait for one and are not ready."""
        for key in self._of.get(_key(dependency), ()):
            obj = reader.get(Kustomization, *key)
            if obj is not None and dependencies.ready(obj) is None:
                yield key


def _needs(obj: Kustomization | None) -> list[tuple[Key, Key]]:
    if obj is None:
        return []
    return [(dependencies.key(each, obj.metadata.namespace), _key(obj)) for each in obj.spec.depends_on]


def _key(obj: Kustomization) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def of_config(config: ConfigMap | Secret, reader: Reader) -> Iterable[Key]:
    """Return the Kustomizations of its namespace that take variables, keys or a kubeconfig from it."""
    named = (type(config).__name__, config.metadata.name)
    for obj in reader.list(Kustomization, config.metadata.namespace):
        if named in _configs(obj):
            yield _key(obj)


def _configs(obj: Kustomization) -> Iterable[tuple[str, str]]:
    spec = obj.spec
    for reference in spec.post_build.substitute_from if spec.post_build else ():
        yield reference.kind, reference.name
    if spec.decryption is not None and spec.decryption.secret_ref is not None:
        yield "Secret", spec.decryption.secret_ref.name
    yield from configs.of_kube_config(spec.kube_config)


#: What else wakes Kustomizations where the operator does not turn it off: objects with the label for it.
CONFIGS: Sequence[Watch[Any]] = tuple(
    Watch(kind=kind, changed=configs.changed, requests=of_config) for kind in (ConfigMap, Secret)
)


def of_sources(sift: Sift, *, external: bool) -> Iterable[Watch[Any]]:
    """Yield the watches of sources, and with `external` of a kind that not every cluster has."""
    for kind in (*SOURCES.values(), *((ExternalArtifact,) if external else ())):
        yield Watch(kind=kind, changed=artifact_changed, requests=of_source, sift=sift)
