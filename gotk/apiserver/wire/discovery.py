"""Discovery: which groups, versions and kinds are served, in the form of today (one list) and the older ones.

Answers to `apidiscovery.k8s.io/v2` and to `APIVersions`, `APIGroupList`, `APIGroup`, `APIResourceList`.
"""

import re
from typing import Any, Final

from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.resources.resource import Resource

Json = dict[str, Any]
#: The content type of the one-list form; clients ask for exactly this.
AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_WRITES: Final = ("get", "patch", "update")
_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
#: Subresources that are of a kind of their own: group, version, kind, verbs.
_FOREIGN: Final[dict[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "scale": ("autoscaling", "v1", "Scale", _WRITES),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
}


def api_versions(_registry: Registry) -> Json:
    """Return the versions of the core group."""
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": ""}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def groups(registry: Registry) -> Json:
    """Return every group but the core one."""
    found = [_group(name, registry) for name in _names(registry) if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(name: str, registry: Registry) -> Json:
    """Return one group."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, registry)}


def resources(group: str, version: str, registry: Registry) -> Json:
    """Return the kinds of one version."""
    found: list[Json] = []
    for resource in _served(group, version, registry):
        found.append(_listed(resource))
        found += [_listed_subresource(resource, name) for name in sorted(resource.subresources)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}


def aggregated(registry: Registry, *, core: bool) -> Json:
    """Return the one-list form: of the core group alone, or of all others."""
    names = [name for name in _names(registry) if (name == "") is core]
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "resources": [_described(r) for r in _served(name, version, registry)],
                    "freshness": "Current",
                }
                for version in versions(name, registry)
            ],
        }
        for name in names
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def versions(group: str, registry: Registry) -> list[str]:
    """Return the versions of a group, the one to prefer first: stable before beta before alpha, new before old."""
    found = {resource.version for resource in registry.all() if resource.group == group}
    return sorted(found, key=_preference, reverse=True)


def _preference(version: str) -> tuple[int, int, int, str]:
    match = _VERSION.fullmatch(version)
    if match is None:
        return (-1, 0, 0, version)
    stage = {None: 2, "beta": 1, "alpha": 0}[match[2]]
    return (stage, int(match[1]), int(match[3] or 0), version)


def _names(registry: Registry) -> list[str]:
    return list(dict.fromkeys(resource.group for resource in registry.all()))


def _served(group: str, version: str, registry: Registry) -> list[Resource]:
    return [r for r in registry.all() if (r.group, r.version) == (group, version)]


def _group(name: str, registry: Registry) -> Json:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions(name, registry)]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _listed(resource: Resource) -> Json:
    found: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        found["shortNames"] = list(resource.short_names)
    if resource.categories:
        found["categories"] = list(resource.categories)
    return found


def _subresource(resource: Resource, name: str) -> tuple[str, str, str, tuple[str, ...]]:
    verbs = ("update",) if name == "finalize" else _WRITES
    return _FOREIGN.get(name, (resource.group, resource.version, resource.kind, verbs))


def _listed_subresource(resource: Resource, name: str) -> Json:
    group, version, kind, verbs = _subresource(resource, name)
    foreign = {"group": group, "version": version} if name in _FOREIGN else {}
    return {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        **foreign,
        "kind": kind,
        "verbs": list(verbs),
    }


def _described(resource: Resource) -> Json:
    found: Json = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        found["shortNames"] = list(resource.short_names)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if resource.subresources:
        found["subresources"] = [_described_subresource(resource, name) for name in sorted(resource.subresources)]
    return found


def _described_subresource(resource: Resource, name: str) -> Json:
    group, version, kind, verbs = _subresource(resource, name)
    kinds = {"group": group, "version": version, "kind": kind}
    return {"subresource": name, "responseKind": kinds, "verbs": list(verbs)}
