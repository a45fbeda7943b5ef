"""One request on its way: what it names, who sent it, how to answer it, and the control plane behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.access import escalation
from gotk.apiserver.access.authentication import Authenticator
from gotk.apiserver.access.authorization import Action, Authorizer, require
from gotk.apiserver.access.identity import User
from gotk.apiserver.access.rbac import Rbac
from gotk.apiserver.access.tokens import TokenIssuer
from gotk.apiserver.offload import Offload
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Key, Store, Stored
from gotk.apiserver.storage.watch import Hub
from gotk.apiserver.wire import negotiate
from gotk.apiserver.wire.paths import Target
from gotk.apiserver.writer import Writer

#: How many characters of warnings an answer carries: a header each, and clients limit those.
_WARNINGS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The parts of a control plane that requests work with."""

    store: Store
    registry: Registry
    hub: Hub
    writer: Writer
    offload: Offload
    authenticator: Authenticator
    authorizer: Authorizer
    issuer: TokenIssuer

    def stored_as(self, storage: str) -> Resource | None:
        """Return the kind that is stored under a name, in the version in which it is stored if that is served."""
        served = [resource for resource in self.registry.all() if resource.storage == storage]
        served.sort(key=lambda resource: resource.version != resource.storage_version)
        return served[0] if served else None


@dataclass(slots=True, kw_only=True)
class Call:
    """A request for a kind."""

    plane: Plane
    request: web.BaseRequest
    target: Target
    resource: Resource
    user: User
    query: Mapping[str, str]
    encoding: negotiate.Encoding
    warnings: list[str] = field(default_factory=list)

    def require(self, verb: str) -> None:
        """Refuse if the user may not do something else to the named object too. Raises Refusal (403)."""
        target = self.target
        action = Action(
            verb=verb,
            group=target.group,
            resource=target.plural,
            subresource=target.subresource,
            namespace=target.namespace,
            name=target.name,
        )
        require(self.plane.authorizer, self.user, action)

    def guard(self, resource: Resource, obj: dict[str, Any], before: dict[str, Any] | None) -> None:
        """Refuse a new state that the user may not make, or that gives away more than theirs. Raises Refusal (403)."""
        if before is None and self.request.method == "PATCH":
            self.require("create")
        if isinstance(self.plane.authorizer, Rbac):
            escalation.check(self.plane.authorizer, self.user, resource, obj, before)

    @property
    def agent(self) -> str:
        """Which program asks."""
        return self.request.headers.get("User-Agent", "")

    @property
    def include(self) -> str:
        """What a Table's rows carry: `None`, `Metadata` or `Object`."""
        return self.query.get("includeObject", "")

    @property
    def content_type(self) -> str:
        """What the body claims to be."""
        return self.request.headers.get("Content-Type", "")

    @property
    def namespace(self) -> str | None:
        """The namespace to look in; None means all of them."""
        return self.target.namespace or None

    @property
    def key(self) -> Key:
        """Where the named object lies."""
        return self.plane.writer.key(self.resource, self.target.namespace, self.target.name)

    def found_or_none(self) -> Stored | None:
        """Return the newest state of the named object, for a change, if there is one."""
        return self.plane.store.latest(self.key)

    def found(self) -> Stored:
        """Return the newest state of the named object, for a change. Raises Refusal (404)."""
        item = self.plane.store.latest(self.key)
        if item is None:
            raise status.not_found(self.resource, self.target.name)
        return item

    def answer(self, code: int, body: bytes) -> web.Response:
        """Answer with a body, and with a header for each warning."""
        response = web.Response(status=code, body=body, headers={"Content-Type": self.encoding.content_type})
        for warning in _some(self.warnings):
            escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{escaped}"')
        return response


def _some(warnings: list[str]) -> Iterator[str]:
    """Yield each warning once, until there are as many characters as upstream sends."""
    total = 0
    for warning in dict.fromkeys(warnings):
        total += len(warning)
        if total > _WARNINGS:
            return
        yield warning
