"""Registries that prove themselves with a header, or with nothing but the secret path.

Answers to notification-controller's `harbor`, `dockerhub`, `quay`, `acr` and `nexus`. What a body says of repository
and tag is read for the opt-in narrowing and never as an address.
"""

from typing import Any

import msgspec

from image_automation.notification.receivers import content, signature
from image_automation.notification.receivers.call import Accepted, Call, Pushed, RefusedError, dig, pushed, same, shaped

_MOST = 10


class _PushData(msgspec.Struct):
    tag: str | None = None
    pushed_at: Any = None


class _Repository(msgspec.Struct):
    repo_url: str | None = None
    repo_name: Any = None


class _DockerHub(msgspec.Struct):
    push_data: _PushData | None = None
    repository: _Repository | None = None


class _Quay(msgspec.Struct):
    docker_url: str | None = None
    updated_tags: list[str | None] | None = None


class _Target(msgspec.Struct):
    repository: str | None = None
    tag: str | None = None


class _ACR(msgspec.Struct):
    action: str | None = None
    target: _Target | None = None
    id: Any = None


class _Nexus(msgspec.Struct, rename="camel"):
    action: str | None = None
    repository_name: str | None = None
    timestamp: Any = None
    component: Any = None
    asset: Any = None


def harbor(call: Call) -> Accepted:
    """Check that `Authorization` is the token; a body may be anything. Raises RefusedError."""
    if not call.token or not same(call.header("Authorization"), call.token):
        raise RefusedError("Authorization does not match")
    body = call.said()
    if dig(body, "specversion"):
        ids: tuple[str, ...] = (f"{dig(body, 'source')} {dig(body, 'id')}",) if dig(body, "id") else ()
        return Accepted(ids=ids, pushed=_harbor_pushed(dig(body, "type") == "harbor.artifact.pushed", body.get("data")))
    ids = (signature.fingerprint(call.body),) if body.get("occur_at") else ()
    return Accepted(ids=ids, pushed=_harbor_pushed(dig(body, "type") == "PUSH_ARTIFACT", body.get("event_data")))


def dockerhub(call: Call) -> Accepted:
    """Check that the body is JSON; a push is known by tag and time. Raises RefusedError."""
    body = shaped(call.object(), _DockerHub)
    push, repository = body.push_data or _PushData(), body.repository or _Repository()
    name = repository.repo_name if isinstance(repository.repo_name, str) else ""
    ids = (f"{name}:{push.tag} {push.pushed_at}",) if isinstance(push.pushed_at, float) else ()
    return Accepted(ids=ids, pushed=pushed((name, push.tag or "")))


def quay(call: Call) -> Accepted:
    """Check that the body is JSON; it tells neither id nor time. Raises RefusedError."""
    body = call.object()
    found = shaped(body, _Quay)
    repository = found.docker_url or dig(body, "repository")
    return Accepted(pushed=pushed(*((repository, tag or "") for tag in (found.updated_tags or [])[:_MOST])))


def acr(call: Call) -> Accepted:
    """Check that the body is JSON; its id names the delivery. Raises RefusedError."""
    body = shaped(call.object(), _ACR)
    target = body.target or _Target()
    found = pushed((target.repository or "", target.tag or "")) if body.action == "push" else ()
    return Accepted(ids=(body.id,) if isinstance(body.id, str) and body.id else (), pushed=found)


def nexus(call: Call) -> Accepted:
    """Check `X-Nexus-Webhook-Signature`, a bare HMAC-SHA1. Raises RefusedError."""
    given = call.header("X-Nexus-Webhook-Signature")
    if not call.token or not same(given, signature.sign(call.body, call.token, "sha1").encode()):
        raise RefusedError("X-Nexus-Webhook-Signature does not match")
    try:
        body = shaped(content.alone(call.body), _Nexus)
    except content.UnreadableError as error:
        raise RefusedError(str(error)) from None
    whole, delivery = signature.fingerprint(call.body), call.header("X-Nexus-Webhook-Delivery")
    found = _nexus_pushed(body)
    if delivery or body.timestamp:
        return Accepted(ids=(whole, delivery) if delivery else (whole,), pushed=found)
    return Accepted(traces=(whole,), pushed=found)


def _harbor_pushed(is_push: bool, data: Any) -> tuple[Pushed, ...]:
    resources = data.get("resources") if isinstance(data, dict) else None
    if not is_push or not isinstance(resources, list):
        return ()
    name = dig(data, "repository", "repo_full_name")
    return pushed(*((name, dig(each, "tag")) for each in resources[:_MOST]))


def _nexus_pushed(body: _Nexus) -> tuple[Pushed, ...]:
    """Read a Docker image of the two formats: a component with its version, an asset with its path."""
    if (body.action or "").upper() not in {"CREATED", "UPDATED"}:
        return ()
    name = tag = ""
    if dig(body.component, "format") == "docker":
        name, tag = dig(body.component, "name"), dig(body.component, "version")
    elif dig(body.asset, "format") == "docker":
        name, _, tag = dig(body.asset, "name").removeprefix("/").removeprefix("v2/").partition("/manifests/")
    # The repository is a part of the image's path, or has a port of its own: as Nexus is set up.
    return pushed((name, tag), (f"{body.repository_name}/{name}" if name else "", tag))
