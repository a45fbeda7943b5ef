"""Refusals: every way in which the API says no, as one exception that turns into a `Status` object.

Answers to `k8s.io/apimachinery/pkg/api/errors`; messages, reasons and details are spelt as upstream spells them,
because kubectl prints them and clients tell cases apart by them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause

Json = dict[str, Any]


class Resource(Protocol):
    """What refusals need to know of a kind: its names."""

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        ...

    @property
    def kind(self) -> str:
        """The name of one object's kind."""
        ...

    @property
    def plural(self) -> str:
        """The name in paths."""
        ...

    @property
    def qualified(self) -> str:
        """`plural.group`, the bare plural for the core group."""
        ...


class Refusal(Exception):
    """A request that is answered with a `Status` of failure."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> Json:
        """Return the `Status` object; keys in upstream's order."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def details(resource: Resource, name: str, **more: Any) -> Json:
    """Say which object is meant, as `details` of a Status does: by its plural name."""
    found: Json = {"name": name} if name else {}
    if resource.group:
        found["group"] = resource.group
    return {**found, "kind": resource.plural, **more}


def success(resource: Resource, name: str, uid: str) -> Json:
    """Return the answer to a delete that is done."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details(resource, name, uid=uid),
    }


def bad_request(message: str) -> Refusal:
    """400: the request makes no sense."""
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    """401: nobody we know."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource, name: str, why: str) -> Refusal:
    """403: known, but not allowed."""
    label = f'{resource.qualified} "{name}"'
    return Refusal(403, "Forbidden", f"{label} is forbidden: {why}", details(resource, name))


def terminating(resource: Resource, name: str, namespace: str) -> Refusal:
    """403: nothing new in a namespace that is going away."""
    refusal = forbidden(
        resource, name, f"unable to create new content in namespace {namespace} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    refusal.details = {**(refusal.details or {}), "causes": [cause]}
    return refusal


def not_found(resource: Resource, name: str) -> Refusal:
    """404: no such object."""
    return Refusal(404, "NotFound", f'{resource.qualified} "{name}" not found', details(resource, name))


def no_resource() -> Refusal:
    """404: no such kind or path."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def not_allowed(what: str) -> Refusal:
    """405: the path exists, the method does not."""
    return Refusal(405, "MethodNotAllowed", what, {})


def not_acceptable() -> Refusal:
    """406: none of the media types that the client reads is one that we write."""
    accepted = "application/json, application/yaml"
    return Refusal(406, "NotAcceptable", f"only the following media types are accepted: {accepted}")


def already_exists(resource: Resource, name: str) -> Refusal:
    """409: there is one by that name."""
    return Refusal(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> Refusal:
    """409: the object is not what the client thinks it is."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, details(resource, name))


def modified(resource: Resource, name: str) -> Refusal:
    """409: the resourceVersion is not the newest."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def expired(message: str = "The resourceVersion for the provided watch is too old.") -> Refusal:
    """410: history does not reach back so far."""
    return Refusal(410, "Expired", message)


def too_large(limit: int) -> Refusal:
    """413: a body that nobody would send."""
    return entity_too_large(f"limit is {limit}")


def entity_too_large(why: str) -> Refusal:
    """413: more than anybody would ask for."""
    return Refusal(413, "RequestEntityTooLarge", f"Request entity too large: {why}", {})


def unsupported_media_type(accepted: Sequence[str]) -> Refusal:
    """415: a body that we cannot read."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return Refusal(415, "UnsupportedMediaType", message)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Refusal:
    """422: the object breaks rules; each of them is a cause."""
    qualified = f"{kind}.{group}" if group else kind
    found: Json = {"name": name} if name else {}
    if group:
        found["group"] = group
    found["kind"] = kind
    found["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return Refusal(422, "Invalid", f'{qualified} "{name}" is invalid: {cause.aggregate(causes)}', found)


def unsupported_value(kind: str, field: str, value: str, supported: Sequence[str]) -> Refusal:
    """422: an option of a request (`CreateOptions`, `DeleteOptions`...) has a value that nobody knows."""
    names = ", ".join(f'"{each}"' for each in supported)
    message = f"Unsupported value: {value}: supported values: {names}"
    return invalid("meta.k8s.io", kind, "", [Cause(reason=cause.NOT_SUPPORTED, message=message, field=field)])


def unprocessable() -> Refusal:
    """422: a JSON patch that does not fit the object."""
    return Refusal(422, "Invalid", "the server rejected our request due to an error in our request", {})


def not_served(message: str) -> Refusal:
    """501: a part of Kubernetes that this control plane does not have."""
    return Refusal(501, "NotImplemented", message, {})


def no_space(message: str) -> Refusal:
    """507: the disk is full; nothing was changed."""
    why = f"{message}: nothing was changed, reads go on; free some space and try again"
    return Refusal(507, "InsufficientStorage", why, {"retryAfterSeconds": 5})


def too_many(what: str) -> Refusal:
    """429: later, please."""
    return Refusal(429, "TooManyRequests", f"{what}, please try again later", {"retryAfterSeconds": 5})


def internal(message: str) -> Refusal:
    """500: our fault, or upstream says it is its own."""
    return Refusal(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})
