"""What wakes an ImagePolicy besides its own changes: other tags of the ImageRepository that it refers to.

Answers to the watch of Flux's ImagePolicy controller and to the index that stands behind it: who refers to what is
learnt from the watch of the policies, since looking through all of them for each of as many repositories would take a
start a time that grows with the square of their number.
"""

from collections.abc import Iterable
from typing import Any

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.runtime.reconciler import Key, Reader, Watch


def repository_of(obj: ImagePolicy) -> Key:
    """Return which ImageRepository a policy refers to: in its own namespace where none is given."""
    ref = obj.spec.image_repository_ref
    return Key(ref.namespace or obj.metadata.namespace, ref.name)


def tags_changed(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Tell whether an event about an ImageRepository concerns its policies.

    It came, it went, it has other tags, or the doubt about them is over.
    """
    if old is None or new is None or (_is_doubted(old) and not _is_doubted(new)):
        return True
    scan, before = new.status.last_scan_result, old.status.last_scan_result
    return scan is not None and (before is None or before.revision != scan.revision)


class Followers:
    """Which policies refer to which ImageRepository, in whatever namespace."""

    def __init__(self) -> None:
        self._of: dict[Key, dict[Key, None]] = {}
        self.watches: tuple[Watch[Any], ...] = (
            Watch(kind=ImagePolicy, changed=self.changed, requests=_nobody),
            Watch(kind=ImageRepository, changed=tags_changed, requests=self.of),
        )

    def changed(self, old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
        """Learn of a change of a policy, which wakes nobody else."""
        before, now = (None if each is None else (repository_of(each), _key(each)) for each in (old, new))
        if before != now:
            if before is not None:
                self._drop(*before)
            if now is not None:
                self._of.setdefault(now[0], {})[now[1]] = None
        return False

    def of(self, repository: ImageRepository, _: Reader) -> Iterable[Key]:
        """Return the policies that refer to an ImageRepository."""
        return tuple(self._of.get(_key(repository), ()))

    def _drop(self, repository: Key, policy: Key) -> None:
        policies = self._of.get(repository, {})
        policies.pop(policy, None)
        if not policies:
            self._of.pop(repository, None)


def _nobody(_policy: ImagePolicy, _reader: Reader) -> Iterable[Key]:
    return ()


def _key(obj: ImagePolicy | ImageRepository) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def _is_doubted(obj: ImageRepository) -> bool:
    return any(c.type == extensions.TAGS_HELD and c.status == "True" for c in obj.status.conditions)
