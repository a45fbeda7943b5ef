"""Which Kustomizations have applied the same object: what one of them does to it, the others have to look after.

An object that moves from one Kustomization to another is in both inventories for a while, and each takes it over from
the other when it applies. Flux applies both for each revision, so what the former owner deletes the new one makes again
at once. So does everything that shares an object here: for it no revision is merely recorded.
"""

from typing import Any

import msgspec

from gotk.api.kustomize import Kustomization
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Key, Watch


class Claims:
    """The inventories of all Kustomizations, as the watch tells of them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, tuple[Key, ...]] = {}
        self._shared: set[str] = set()
        self._lost: dict[Key, float] = {}
        self.watch: Watch[Any] = Watch(kind=Kustomization, changed=self.changed, requests=lambda *_: ())

    def changed(self, old: Kustomization | None, new: Kustomization | None) -> bool:
        """Learn of a change; it wakes nobody."""
        if old is not None and new is not None and _claims(old) == _claims(new):
            return False
        before, now = _items(old), _items(new)
        for item in before - now:
            self._leave(item, _key(old))
        for item in now - before:
            self._of[item] = (*self._of.get(item, ()), _key(new))
            if len(self._of[item]) > 1:
                self._shared.add(item)
        if new is None:
            self._lost.pop(_key(old), None)
        return False

    def is_shared(self, obj: Kustomization) -> bool:
        """Tell whether another one has an object of this one, or has given one up since this one was applied."""
        return _key(obj) in self._lost or bool(self._shared and not self._shared.isdisjoint(_items(obj)))

    def applied(self, obj: Kustomization, began: float) -> None:
        """Forget what others gave up before a run began that has applied everything."""
        if self._lost.get(_key(obj), began) < began:
            del self._lost[_key(obj)]

    def _leave(self, item: str, key: Key) -> None:
        others = tuple(each for each in self._of.get(item, ()) if each != key)
        if len(others) < 2:
            self._shared.discard(item)
        if others:
            self._of[item] = others
        else:
            self._of.pop(item, None)
        self._lost.update(dict.fromkeys(others, self._clock.monotonic()))


def _claims(obj: Kustomization) -> tuple[Any, Any]:
    """Return what the items of an inventory are made of."""
    return obj.status.inventory, obj.spec.kube_config


def _items(obj: Kustomization | None) -> set[str]:
    """Return the objects of an inventory, by the cluster that they are in."""
    if obj is None or obj.status.inventory is None:
        return set()
    where = obj.spec.kube_config
    cluster = f"{obj.metadata.namespace} {msgspec.json.encode(where).decode()} " if where is not None else ""
    return {f"{cluster}{entry.id}" for entry in obj.status.inventory.entries}


def _key(obj: Kustomization | None) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name) if obj is not None else Key("", "")
