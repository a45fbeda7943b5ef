"""Roles and bindings: what they allow. Answers to `plugin/pkg/auth/authorizer/rbac` and `pkg/registry/rbac/validation`.

Rules come from the stored objects; those that were read are kept until a role or a binding changes. That nobody
hands out more than they hold is looked after by escalation.py.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gotk.apiserver.access import identity
from gotk.apiserver.access.authorization import EVERYTHING, Action, Decision, master
from gotk.apiserver.access.identity import User
from gotk.apiserver.storage.store import Event, Key, Store

Json = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS = (
    f"{plural}.{GROUP}" for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)
_STORAGES = frozenset({ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS})


class Rbac:
    """Decides by the stored roles and bindings."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bindings: dict[tuple[str, str], list[Json]] = {}
        self._rules: dict[tuple[str, str, str], list[Json] | None] = {}
        store.subscribe(self._observe)

    def _observe(self, events: Sequence[Event]) -> None:
        if any(event.current.key.storage in _STORAGES for event in events):
            self._bindings.clear()
            self._rules.clear()

    def enforcing(self) -> bool:
        """Whoever has no role is refused."""
        return True

    def decide(self, user: User, action: Action) -> Decision:
        """Look for a rule that allows an action."""
        if master(user):
            return Decision(allowed=True, reason=f"member of {identity.MASTERS}")
        if not user.name:
            return Decision(allowed=False)
        missing: list[str] = []
        for binding, rules in self._held(user, action.namespace, missing):
            if any(allows(rule, action) for rule in rules):
                return Decision(allowed=True, reason=_said(binding, user))
        return Decision(allowed=False, error=_aggregate(missing))

    def rules(self, user: User, namespace: str) -> tuple[list[Json], str]:
        """Return all rules that a user has in a namespace, cluster-wide ones included."""
        if master(user):
            return EVERYTHING, ""
        missing: list[str] = []
        found = [rule for _, rules in self._held(user, namespace, missing) for rule in rules] if user.name else []
        return found, _aggregate(missing)

    def referred(self, binding: Json) -> list[Json]:
        """Return the rules of the role that a binding names; none when it does not exist."""
        return self._role(binding) or []

    def _held(self, user: User, namespace: str, missing: list[str]) -> Iterator[tuple[Json, list[Json]]]:
        """Yield every binding that is about a user, with its rules; note roles that do not exist."""
        places = [(CLUSTER_BINDINGS, ""), *([(BINDINGS, namespace)] if namespace else [])]
        for storage, space in places:
            for binding in self._all(storage, space):
                inside = binding["metadata"].get("namespace", "")
                if not any(_about(subject, user, inside) for subject in binding.get("subjects") or ()):
                    continue
                rules = self._role(binding)
                if rules is None:
                    reference = binding["roleRef"]
                    missing.append(f'{reference["kind"].lower()}.{GROUP} "{reference["name"]}" not found')
                else:
                    yield binding, rules

    def _all(self, storage: str, namespace: str) -> list[Json]:
        found = self._bindings.get((storage, namespace))
        if found is None:
            found = [item.object() for item in self._store.objects(storage, namespace)]
            self._bindings[storage, namespace] = found
        return found

    def _role(self, binding: Json) -> list[Json] | None:
        reference = binding.get("roleRef") or {}
        cluster = reference.get("kind") == "ClusterRole"
        namespace = "" if cluster else binding["metadata"].get("namespace", "")
        key = (CLUSTER_ROLES if cluster else ROLES, namespace, str(reference.get("name", "")))
        if key not in self._rules:
            item = self._store.get(Key(*key))
            self._rules[key] = (item.object().get("rules") or []) if item is not None else None
        return self._rules[key]


def allows(rule: Json, action: Action) -> bool:
    """Whether a rule allows an action."""
    if not _in(action.verb, rule.get("verbs")):
        return False
    if action.path:
        return any(_covers_path(each, action.path) for each in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames") or ()
    return (
        _in(action.group, rule.get("apiGroups"))
        and _covers_resource(rule.get("resources") or (), action)
        and (not names or action.name in names)
    )


def _in(value: str, allowed: Sequence[str] | None) -> bool:
    return allowed is not None and ("*" in allowed or value in allowed)


def _covers_resource(resources: Sequence[str], action: Action) -> bool:
    return any(
        each in {"*", action.full} or (action.subresource and each == f"*/{action.subresource}") for each in resources
    )


def _covers_path(pattern: str, path: str) -> bool:
    return pattern in {"*", path} or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def _about(subject: Json, user: User, namespace: str) -> bool:
    """Whether a subject of a binding is a user."""
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        inside = subject.get("namespace") or namespace
        return bool(inside) and user.name == identity.service_account(inside, name).name
    return False


def _said(binding: Json, user: User) -> str:
    metadata, reference = binding["metadata"], binding["roleRef"]
    space = metadata.get("namespace", "")
    label = f"{metadata['name']}/{space}" if space else metadata["name"]
    return (
        f'RBAC: allowed by {binding["kind"]} "{label}" of {reference["kind"]} "{reference["name"]}" '
        f"to {_subject(binding, user)}"
    )


def _subject(binding: Json, user: User) -> str:
    inside = binding["metadata"].get("namespace", "")
    subject: Json = next(each for each in binding["subjects"] if _about(each, user, inside))
    name = subject["name"]
    if subject["kind"] == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or inside}"
    return f'{subject["kind"]} "{name}"'


def _aggregate(missing: list[str]) -> str:
    if not missing:
        return ""
    return f"RBAC: {missing[0]}" if len(missing) == 1 else f"RBAC: [{', '.join(dict.fromkeys(missing))}]"
