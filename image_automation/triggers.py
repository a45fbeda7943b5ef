"""What wakes an ImageUpdateAutomation besides its own changes and its interval.

Answers to the watches of Flux's image automation controller: a policy that chose another image, a repository whose spec
changed. Creations and deletions of either wake nobody. Ours is what people say of a policy in annotations: whether a
version may be written now is decided anew. Those that take failures back are also woken by what begins to fail, or ends
to; those that keep pull requests once their repository has moved, or a forge's webhook has asked for a look at it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import REQUESTED_AT, Condition, Object
from gotk.api.source import GitRepository
from gotk.runtime import conditions
from gotk.runtime.reconciler import Key, Reader, Watch


def chosen(old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
    """Tell whether a policy chose another image, or somebody asked something else of it."""
    if old is None or new is None or new.status.latest_ref is None:
        return False
    before, after = extensions.annotations(old.metadata.annotations), extensions.annotations(new.metadata.annotations)
    return old.status.latest_ref != new.status.latest_ref or before != after


def respecified(old: GitRepository | None, new: GitRepository | None) -> bool:
    """Tell whether a repository's spec changed; new commits do not wake anybody, the interval finds them."""
    return old is not None and new is not None and old.metadata.generation != new.metadata.generation


def moved(old: GitRepository | None, new: GitRepository | None) -> bool:
    """Tell whether a repository has another revision, or a webhook or a person asks for a look at it."""
    if old is None or new is None:
        return False
    asked = [each.metadata.annotations.get(REQUESTED_AT, "") for each in (old, new)]
    before, after = (each.status.artifact.revision if each.status.artifact else "" for each in (old, new))
    return before != after or asked[0] != asked[1]


def of_namespace(policy: ImagePolicy, reader: Reader) -> Iterable[Key]:
    """Name every automation of a policy's namespace, whatever its selector."""
    for automation in reader.list(ImageUpdateAutomation, policy.metadata.namespace):
        yield Key(automation.metadata.namespace, automation.metadata.name)


def of_source(repository: GitRepository, reader: Reader) -> Iterable[Key]:
    """Name the automations that refer to a repository."""
    wanted = Key(repository.metadata.namespace, repository.metadata.name)
    for automation in reader.list(ImageUpdateAutomation):
        if _source(automation) == wanted:
            yield Key(automation.metadata.namespace, automation.metadata.name)


def proposing_to(repository: GitRepository, reader: Reader) -> Iterable[Key]:
    """Name those of them that keep pull requests, which one that was merged or closed may concern."""
    for key in of_source(repository, reader):
        automation = reader.get(ImageUpdateAutomation, *key)
        if automation is not None and extensions.PULL_REQUEST in automation.metadata.annotations:
            yield key


def fails_otherwise(old: Object | None, new: Object | None) -> bool:
    """Tell whether what deploys began to fail, fails in another way, or ended to."""
    before, after = _ready(old), _ready(new)
    if after is None or (before is not None and _said(before) == _said(after)):
        return False
    return "False" in {after.status, before.status if before is not None else ""}


def of_those_that_recover(deployer: Object, reader: Reader) -> Iterable[Key]:
    """Name the automations that take failures back: those that write to what a Kustomization builds, or wait for it.

    One that waits may do so because of a failure of anything, which is over now.
    """
    built = _built_from(deployer) if isinstance(deployer, Kustomization) else None
    for automation in reader.list(ImageUpdateAutomation):
        own = automation.metadata
        waits = any(each.type == extensions.UPDATE_FAILED for each in automation.status.conditions)
        if extensions.ON_FAILURE in own.annotations and (waits or built in {None, _source(automation)}):
            yield Key(own.namespace, own.name)


def of_deployer(kind: type[Object]) -> Watch[Any]:
    """Watch a kind that deploys what is updated."""
    return Watch(kind=kind, changed=fails_otherwise, requests=of_those_that_recover)


def _source(automation: ImageUpdateAutomation) -> Key:
    reference = automation.spec.source_ref
    return Key(reference.namespace or automation.metadata.namespace, reference.name)


def _built_from(kustomization: Kustomization) -> Key:
    reference = kustomization.spec.source_ref
    return Key(reference.namespace or kustomization.metadata.namespace, reference.name)


def _ready(obj: Object | None) -> Condition | None:
    found: Iterable[Condition] = obj.status.conditions if obj is not None else ()  # type: ignore[attr-defined]
    return next((each for each in found if each.type == conditions.READY), None)


def _said(ready: Condition) -> tuple[str, str, str]:
    return (ready.status, ready.reason, ready.message)


#: What wakes every automation.
WATCHES: Final[Sequence[Watch[Any]]] = (
    Watch(kind=ImagePolicy, changed=chosen, requests=of_namespace),
    Watch(kind=GitRepository, changed=respecified, requests=of_source),
    Watch(kind=GitRepository, changed=moved, requests=proposing_to),
)
