"""What was applied: the ids in `status.inventory`, and what is in one inventory but not in another.

Answers to `cli-utils` object metadata: `<namespace>_<name>_<group>_<kind>`, empty parts kept, a `:` in an RBAC name
written as `__`. The API version stands beside the id, so a new version of the same object is not another object.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.cluster import objects, order
from gotk.api.meta import ResourceInventory, ResourceRef


@dataclass(frozen=True, slots=True, order=True)
class ObjectID:
    """An object of the cluster, whatever its version."""

    namespace: str
    name: str
    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.namespace}_{self.name.replace(':', '__')}_{self.group}_{self.kind}"

    @property
    def subject(self) -> str:
        """The object as messages name it: `Deployment/apps/podinfo`."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> "ObjectID":
        """Read an id. Raises ValueError."""
        namespace, found, rest = text.partition("_")
        rest, found_kind, kind = rest.rpartition("_")
        name, found_group, group = rest.rpartition("_")
        if not (found and found_kind and found_group and name and kind):
            raise ValueError(f"unable to parse stored object metadata: {text}")
        return cls(namespace, name.replace("__", ":"), group, kind)

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "ObjectID":
        """Return the id of an object."""
        meta = obj["metadata"]
        return cls(str(meta.get("namespace") or ""), str(meta["name"]), objects.group_of(obj), str(obj["kind"]))


@dataclass(frozen=True, slots=True)
class Item:
    """An object and the version it was applied in."""

    id: ObjectID
    version: str

    @property
    def api_version(self) -> str:
        """The object's `apiVersion`."""
        return f"{self.id.group}/{self.version}" if self.id.group else self.version


def item_of(obj: Mapping[str, Any]) -> Item:
    """Return the inventory's item for an object."""
    return Item(ObjectID.of(obj), str(obj["apiVersion"]).rpartition("/")[2])


def read(inventory: ResourceInventory | None) -> list[Item]:
    """Read an inventory; an entry that is no id is left out, since nothing can be done with it."""
    items = []
    for entry in inventory.entries if inventory else ():
        try:
            items.append(Item(ObjectID.parse(entry.id), entry.v))
        except ValueError:
            continue
    return items


def write(items: Iterable[Item]) -> ResourceInventory:
    """Make the inventory to store, each object once."""
    unique = {item.id: item for item in items}
    return ResourceInventory(entries=tuple(ResourceRef(id=str(item.id), v=item.version) for item in unique.values()))


def stale(old: Iterable[Item], new: Iterable[Item]) -> list[Item]:
    """Return what is in the old inventory only, in the order of deletion."""
    kept = {item.id for item in new}
    return deletion_order(item for item in old if item.id not in kept)


def deletion_order(items: Iterable[Item]) -> list[Item]:
    """Sort into the reverse of the order of application."""
    return sorted(
        items, key=lambda item: order.place(item.id.group, item.id.kind, item.id.namespace, item.id.name), reverse=True
    )
