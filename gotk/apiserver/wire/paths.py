"""From a request path to what is meant by it.

Answers to `k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory`: `/api/v1/...` is the core group,
`/apis/GROUP/VERSION/...` all others; `namespaces/NAME` in front of a plural narrows it; what follows a name is a
subresource. Everything else is not about objects.
"""

from dataclasses import dataclass

from gotk.apiserver import status

#: What may follow a namespace's own name without being a resource inside that namespace.
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path names: a kind, perhaps in a namespace, perhaps one object, perhaps a part of it."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""


def parse(path: str) -> Target | None:
    """Read a path. None when it names no kind (discovery, health, OpenAPI...); raises Refusal for a malformed one."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 2 and parts[0] == "api":
        group, version, tail = "", parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":
        group, version, tail = parts[1], parts[2], parts[3:]
    else:
        return None
    if tail[0] == "watch":
        raise status.no_resource()
    namespace = ""
    if tail[0] == "namespaces" and len(tail) > 2 and tail[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, tail = tail[1], tail[2:]
    plural, name, subresource, *rest = [*tail, "", ""] if len(tail) < 3 else tail
    return Target(
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest="/".join(each for each in rest if each),
    )
