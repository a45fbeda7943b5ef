"""Fields that a built-in kind does not have: they are left out, as Flux leaves them out.

Flux does so by reading objects into Go's structs and writing them again. Here the API server says which fields it does
not know (structured-merge-diff's "field not declared in schema"), so nothing is left out that it would take.
"""

import copy
import re
from typing import Any

from deploy.cluster import objects

_UNKNOWN = re.compile(r"(?<!\S)(\.\S.*?): field not declared in schema")
_ITEM = re.compile(r'\[((?:[^\]"]|"(?:[^"\\]|\\.)*")*)\]')
_PAIR = re.compile(r'([^,=]*)=("(?:[^"\\]|\\.)*"|[^,]*),?')
#: The groups of kinds that Flux knows as structs.
_GROUPS = frozenset({
    "", "apps", "autoscaling", "batch", "extensions", "policy", "admissionregistration.k8s.io", "authentication.k8s.io",
    "authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io",
    "flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io",
    "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
})  # fmt: skip
#: Kinds that Flux applies as they are written.
_AS_WRITTEN = frozenset({("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "ClusterRole")})


def without(obj: objects.Manifest, message: str) -> tuple[objects.Manifest, tuple[str, ...]] | None:
    """Return an object without the fields that a refusal complains of, and their paths.

    None where the refusal is about something else, or the kind is none that fields are left out of.
    """
    kind = (objects.group_of(obj), str(obj.get("kind")))
    if kind[0] not in _GROUPS or kind in _AS_WRITTEN:
        return None
    paths = tuple(dict.fromkeys(_UNKNOWN.findall(message)))
    kept = copy.deepcopy(obj)
    if not paths or not all(_remove(kept, path) for path in paths):
        return None
    return kept, paths


def _remove(obj: objects.Manifest, path: str) -> bool:
    """Take a field out, in place; tells whether it was there."""
    value: Any = obj
    while path:
        if path.startswith("."):
            name = _name(value, path[1:])
            if name is None:
                return False
            path = path[1 + len(name) :]
            if not path:
                del value[name]
                return True
            value = value[name]
        else:
            found = _ITEM.match(path)
            value = _item(value, found[1]) if found else None
            if value is None:
                return False
            path = path[found.end() :] if found else ""
    return False


def _name(value: Any, rest: str) -> str | None:
    """Return the longest field that the rest of a path begins with."""
    names = [
        name
        for name in (value if isinstance(value, dict) else ())
        if rest.startswith(name) and rest[len(name) :][:1] in {"", ".", "["}
    ]
    return max(names, key=len, default=None)


def _item(value: Any, said: str) -> Any:
    """Return the item of a list that an index or keys say."""
    if not isinstance(value, list):
        return None
    if said.isdecimal():
        return value[int(said)] if int(said) < len(value) else None
    wanted = {name: text.strip('"') for name, text in _PAIR.findall(said)}
    items = (item for item in value if isinstance(item, dict))
    return next((i for i in items if all(str(i.get(name, "")) == text for name, text in wanted.items())), None)
