"""Small changes that controllers make: in place, against the newest state, by the same rules as a client's."""

from collections.abc import Callable
from typing import Any

from gotk.apiserver.call import Plane
from gotk.apiserver.resources import versions
from gotk.apiserver.storage.store import Key
from gotk.apiserver.wire import options

Json = dict[str, Any]
Edit = Callable[[Json], None]


async def drop_finalizer(plane: Plane, key: Key, finalizer: str, how: options.Write) -> None:
    """Remove a finalizer; the object goes if it was the last one."""

    def drop(obj: Json) -> None:
        put_list(obj, "finalizers", [each for each in obj["metadata"].get("finalizers") or () if each != finalizer])

    await change(plane, key, drop, how)


async def change(plane: Plane, key: Key, edit: Edit, how: options.Write, *, subresource: str = "") -> None:
    """Change an object in place, if it is still there."""
    item, resource = plane.store.latest(key), plane.stored_as(key.storage)
    if item is None or resource is None:
        return
    obj = versions.convert(item.object(), resource)
    edit(obj)
    await plane.writer.replace(resource, item, obj, how, subresource=subresource)


def put_list(obj: Json, field: str, values: list[Any]) -> None:
    """Set a list of the metadata; an empty one goes away."""
    if values:
        obj["metadata"][field] = values
    else:
        obj["metadata"].pop(field, None)
