"""Registries that prove themselves with a header, or with nothing but the secret path.

Answers to notification-controller's `harbor`, `dockerhub`, `quay` and `acr`; `artifactory` and `distribution` are ours:
JFrog signs its body or sends the secret plainly, a Docker distribution registry sends the headers it was configured
with. What a body says of repository and tag is read for the opt-in narrowing and never as an address.
"""

from typing import Any

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import (
    Accepted,
    Call,
    Pushed,
    RefusedError,
    dig,
    parse_time,
    pushed,
    same,
)


def harbor(call: Call) -> Accepted:
    """Check that `Authorization` is the token. Raises RefusedError."""
    _authorization(call, (call.token,))
    return Accepted(pushed=_harbor_pushed(call))


def dockerhub(call: Call) -> Accepted:
    """Check that the body is JSON. Raises RefusedError."""
    body = call.object()
    return Accepted(pushed=pushed((dig(body, "repository", "repo_name"), dig(body, "push_data", "tag"))))


def quay(call: Call) -> Accepted:
    """Check that the body is JSON. Raises RefusedError."""
    body = call.object()
    tags = body.get("updated_tags")
    names = tags if isinstance(tags, list) else []
    repository = dig(body, "docker_url") or dig(body, "repository")
    return Accepted(pushed=pushed(*((repository, tag) for tag in names[:10] if isinstance(tag, str))))


def acr(call: Call) -> Accepted:
    """Check that the body is JSON; its id names the delivery. Raises RefusedError."""
    body = call.object()
    found: tuple[Pushed, ...] = ()
    if dig(body, "action") == "push":
        found = pushed((dig(body, "target", "repository"), dig(body, "target", "tag")))
    delivery = dig(body, "id")
    return Accepted(ids=(delivery,) if delivery else (), pushed=found)


def nexus(call: Call) -> Accepted:
    """Check `X-Nexus-Webhook-Signature`, a bare HMAC-SHA1. Raises RefusedError."""
    given = call.header("X-Nexus-Webhook-Signature")
    signature.check(call.body, call.token, f"sha1={given}", ("sha1",))
    call.object()
    delivery = call.header("X-Nexus-Webhook-Delivery")
    return Accepted(ids=(signature.fingerprint(call.body), delivery) if delivery else ())


def artifactory(call: Call) -> Accepted:
    """Check `X-JFrog-Event-Auth`: the HMAC-SHA256 of the body, or the secret itself. Raises RefusedError."""
    given = call.header("X-JFrog-Event-Auth")
    signed = signature.sign(call.body, call.token) if call.token else ""
    if not given or not call.token or not (same(given, signed.encode()) or same(given, call.token)):
        raise RefusedError("X-JFrog-Event-Auth does not match")
    body = call.object()
    found: tuple[Pushed, ...] = ()
    if dig(body, "domain") == "docker" and dig(body, "event_type") == "pushed":
        found = pushed((dig(body, "data", "image_name"), dig(body, "data", "tag")))
    return Accepted(pushed=found)


def distribution(call: Call) -> Accepted:
    """Check that `Authorization` is the token, bare or as a bearer's; events have ids. Raises RefusedError."""
    _authorization(call, (call.token, b"Bearer " + call.token))
    events = call.object().get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise RefusedError("the body has no list of events")
    ids = tuple(each for event in events[:100] if (each := dig(event, "id")))
    times = [at for event in events[:100] if (at := parse_time(dig(event, "timestamp"))) is not None]
    pushes = [event for event in events[:100] if dig(event, "action") == "push"]
    found = pushed(*((dig(event, "target", "repository"), dig(event, "target", "tag")) for event in pushes))
    return Accepted(ids=ids, at=max(times) if times else None, pushed=found[:10])


def _authorization(call: Call, accepted: tuple[bytes, ...]) -> None:
    given = call.header("Authorization")
    if not call.token or not any([same(given, each) for each in accepted]):  # noqa: C419 - compares all: constant time
        raise RefusedError("Authorization does not match")


def _harbor_pushed(call: Call) -> tuple[Pushed, ...]:
    try:
        body: Any = call.json()
    except RefusedError:
        return ()  # the type asks nothing of the body
    data = body.get("event_data") if isinstance(body, dict) else None
    resources = data.get("resources") if isinstance(data, dict) else None
    if dig(body, "type").upper() != "PUSH_ARTIFACT" or not isinstance(resources, list):
        return ()
    name = dig(data, "repository", "repo_full_name")
    return pushed(*((name, dig(each, "tag")) for each in resources[:10]))
