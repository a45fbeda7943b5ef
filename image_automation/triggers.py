"""What wakes an ImageUpdateAutomation besides its own changes and its interval.

Answers to the watches of Flux's image automation controller: a policy that chose another image, a repository whose spec
changed. Creations and deletions of either wake nobody. Ours is what people say of a policy in annotations: whether a
version may be written now is decided anew.
"""

from collections.abc import Iterable

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.runtime.reconciler import Key, Reader


def chosen(old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
    """Tell whether a policy chose another image, or somebody asked something else of it."""
    if old is None or new is None or new.status.latest_ref is None:
        return False
    before, after = extensions.annotations(old.metadata.annotations), extensions.annotations(new.metadata.annotations)
    return old.status.latest_ref != new.status.latest_ref or before != after


def respecified(old: GitRepository | None, new: GitRepository | None) -> bool:
    """Tell whether a repository's spec changed; new commits do not wake anybody, the interval finds them."""
    return old is not None and new is not None and old.metadata.generation != new.metadata.generation


def of_namespace(policy: ImagePolicy, reader: Reader) -> Iterable[Key]:
    """Name every automation of a policy's namespace, whatever its selector."""
    for automation in reader.list(ImageUpdateAutomation, policy.metadata.namespace):
        yield Key(automation.metadata.namespace, automation.metadata.name)


def of_source(repository: GitRepository, reader: Reader) -> Iterable[Key]:
    """Name the automations that refer to a repository."""
    wanted = (repository.metadata.namespace, repository.metadata.name)
    for automation in reader.list(ImageUpdateAutomation):
        reference, own = automation.spec.source_ref, automation.metadata.namespace
        if (reference.namespace or own, reference.name) == wanted:
            yield Key(own, automation.metadata.name)
