"""Nobody hands out more than they hold: a check on writes of roles and bindings while roles are enforced.

Answers to `pkg/registry/rbac/{role,clusterrole,rolebinding,...}/policybased`: whoever writes a role must hold all its
rules, or the verb `escalate` on it; whoever binds a role must hold its rules, or the verb `bind` on it.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from gotk.apiserver import status
from gotk.apiserver.access.authorization import Action, master
from gotk.apiserver.access.identity import User
from gotk.apiserver.access.rbac import GROUP, Rbac
from gotk.apiserver.resources.resource import Resource

Json = dict[str, Any]


def check(rbac: Rbac, user: User, resource: Resource, obj: Json, before: Json | None) -> None:
    """Refuse a role or binding that would give more than its writer holds. Raises Refusal (403)."""
    if resource.group != GROUP or master(user):
        return
    namespace = obj["metadata"].get("namespace", "")
    name = obj["metadata"].get("name", "")
    if resource.kind in {"Role", "ClusterRole"}:
        unchanged = before is not None and all(before.get(key) == obj.get(key) for key in ("rules", "aggregationRule"))
        action = Action(verb="escalate", group=GROUP, resource=resource.plural, namespace=namespace, name=name)
        wanted = obj.get("rules") or []
        if (obj.get("aggregationRule") or {}).get("clusterRoleSelectors"):
            wanted = [*wanted, *_EVERYTHING]  # whatever others add later comes with it
    else:
        unchanged = before is not None and all(before.get(key) == obj.get(key) for key in ("roleRef", "subjects"))
        reference = obj.get("roleRef") or {}
        plural = "clusterroles" if reference.get("kind") == "ClusterRole" else "roles"
        action = Action(verb="bind", group=GROUP, resource=plural, namespace=namespace, name=reference.get("name", ""))
        wanted = rbac.referred(obj)
    if unchanged or rbac.decide(user, action).allowed:
        return
    held, _ = rbac.rules(user, namespace)
    lacking = [rule for rule in wanted for part in _parts(rule) if not any(_covers(each, part) for each in held)]
    if lacking:
        raise status.forbidden(resource, name, _why(user, lacking))


_EVERYTHING: list[Json] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]


def _why(user: User, lacking: list[Json]) -> str:
    groups = ",".join(f'"{each}"' for each in user.groups)
    rules = "\n".join(dict.fromkeys(_shown(rule) for rule in lacking))
    return (
        f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{rules}'
    )


def _shown(rule: Json) -> str:
    keys = {"apiGroups": "APIGroups", "resources": "Resources", "resourceNames": "ResourceNames"}
    keys |= {"nonResourceURLs": "NonResourceURLs", "verbs": "Verbs"}
    parts = [f"{title}:{orjson.dumps(rule[key]).decode()}" for key, title in keys.items() if rule.get(key)]
    return "{" + ", ".join(parts) + "}"


def _parts(rule: Json) -> Iterator[Json]:
    """Break a rule into rules of one verb, group, resource and name each."""
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            yield {"verbs": [verb], "nonResourceURLs": [path]}
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or [""]:
                    names = {"resourceNames": [name]} if name else {}
                    yield {"verbs": [verb], "apiGroups": [group], "resources": [resource], **names}


def _covers(held: Json, part: Json) -> bool:
    """Whether a held rule contains one of a single verb, group, resource and name."""
    if not _has(held.get("verbs"), part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        path = part["nonResourceURLs"][0]
        return any(
            each in {"*", path} or (each.endswith("*") and path.startswith(each.rstrip("*")))
            for each in held.get("nonResourceURLs") or ()
        )
    resource = part["resources"][0]
    below = f"*/{resource.partition('/')[2]}" if "/" in resource else resource
    names = held.get("resourceNames")
    return (
        _has(held.get("apiGroups"), part["apiGroups"][0])
        and (_has(held.get("resources"), resource) or below in (held.get("resources") or ()))
        and (not names or ("resourceNames" in part and part["resourceNames"][0] in names))
    )


def _has(values: list[str] | None, wanted: str) -> bool:
    return bool(values) and ("*" in (values or ()) or wanted in (values or ()))
