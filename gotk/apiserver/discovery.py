"""interim"""
from typing import Any


def _gv(group, version): return {"groupVersion": f"{group}/{version}", "version": version}
def api_versions(registry) -> Any:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
def groups(registry):
    found = {}
    for r in registry.all():
        if r.group: found.setdefault(r.group, []).append(r.version)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(g, registry) for g in found]}
def group(name, registry):
    vs = list(dict.fromkeys(r.version for r in registry.all() if r.group == name))
    return {"name": name, "versions": [_gv(name, v) for v in vs], "preferredVersion": _gv(name, vs[0])}
def resources(group, version, registry):
    out = []
    for r in registry.all():
        if (r.group, r.version) == (group, version):
            out.append({"name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind, "verbs": list(r.verbs), "shortNames": list(r.short_names), "categories": list(r.categories)})
            out += [{"name": f"{r.plural}/{s}", "singularName": "", "namespaced": r.namespaced, "kind": r.kind, "verbs": ["get", "patch", "update"]} for s in r.subresources]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}" if group else version, "resources": out}
