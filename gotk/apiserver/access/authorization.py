"""May they? One question, asked by every request and every review, and one way to say no.

Answers to `k8s.io/apiserver/pkg/authorization` and `endpoints/request.RequestInfo` (which verb a request is).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gotk import selectors
from gotk.apiserver import status
from gotk.apiserver.access.identity import MASTERS, User
from gotk.apiserver.wire.paths import Target

Json = dict[str, Any]

ALWAYS_ALLOW: Final = "AlwaysAllow"
RBAC: Final = "RBAC"
MODES: Final = (ALWAYS_ALLOW, RBAC)
_METHODS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What somebody wants to do: a verb on a kind, perhaps in a namespace, perhaps on one object; or on a bare path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full(self) -> str:
        """Return `resource/subresource`, as rules name it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and why; what could not be evaluated stands in `error`."""

    allowed: bool
    reason: str = ""
    error: str = ""


class Authorizer(Protocol):
    """Decides what users may do."""

    def decide(self, user: User, action: Action) -> Decision:
        """Decide about an action."""
        ...

    def rules(self, user: User, namespace: str) -> tuple[list[Json], str]:
        """Return all policy rules that a user has in a namespace, and what could not be evaluated."""
        ...

    def enforcing(self) -> bool:
        """Whether anybody is ever refused."""
        ...


EVERYTHING: Final[list[Json]] = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]


class AlwaysAllow:
    """Whoever is known may do everything: the control plane of one person."""

    def decide(self, user: User, action: Action) -> Decision:
        """Allow whoever has a name."""
        del action
        return Decision(bool(user.name), "AlwaysAllow: whoever is authenticated may do everything" if user.name else "")

    def rules(self, user: User, namespace: str) -> tuple[list[Json], str]:
        """Return the one rule that allows everything."""
        del namespace
        return (EVERYTHING if user.name else []), ""

    def enforcing(self) -> bool:
        """Nobody is refused."""
        return False


def master(user: User) -> bool:
    """Whether roles do not matter for a user."""
    return MASTERS in user.groups and bool(user.name)


def of_request(method: str, target: Target, query: Mapping[str, str]) -> Action:
    """Return what a request for a kind wants to do."""
    name = target.name
    verb = _METHODS.get(method, "get")
    if not name and verb == "get":
        verb = "watch" if query.get("watch") in {"true", "1"} else "list"
        name = _only(query.get("fieldSelector", ""))
    elif not name and verb == "delete":
        verb, name = "deletecollection", _only(query.get("fieldSelector", ""))
    namespace = target.namespace
    if target.plural == "namespaces" and not target.group and not namespace:
        namespace = target.name  # upstream: a namespace's own objects are asked about inside it
    return Action(
        verb=verb,
        group=target.group,
        resource=target.plural,
        subresource=target.subresource,
        namespace=namespace,
        name=name,
    )


def of_path(method: str, path: str) -> Action:
    """Return what a request for anything else wants to do."""
    return Action(verb=method.lower(), path=path)


def _only(selector: str) -> str:
    """Return the one name that a field selector leaves, if it does."""
    try:
        return (selectors.parse_fields(selector).exact("metadata.name") or "") if selector else ""
    except ValueError:
        return ""


def require(authorizer: Authorizer, user: User, action: Action) -> None:
    """Refuse an action that is not allowed, in upstream's words. Raises Refusal (403)."""
    decision = authorizer.decide(user, action)
    if not decision.allowed:
        raise refusal(user, action, decision)


def refusal(user: User, action: Action, decision: Decision) -> status.Refusal:
    """Say that an action is not allowed."""
    why = f": {decision.error}" if decision.error else ""
    if action.path:
        message = f'forbidden: User "{user.name}" cannot {action.verb} path "{action.path}"{why}'
        return status.Refusal(403, "Forbidden", message, {})
    where = f'in the namespace "{action.namespace}"' if action.namespace else "at the cluster scope"
    said = (
        f'User "{user.name}" cannot {action.verb} resource "{action.full}" in API group "{action.group}" {where}{why}'
    )
    qualified = f"{action.resource}.{action.group}" if action.group else action.resource
    label = f'{qualified} "{action.name}"' if action.name else qualified
    details: Json = {"name": action.name} if action.name else {}
    if action.group:
        details["group"] = action.group
    details["kind"] = action.resource
    return status.Refusal(403, "Forbidden", f"{label} is forbidden: {said}", details)
