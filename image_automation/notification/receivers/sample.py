"""A call as each sender would make it: to try a receiver without its sender."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from image_automation.notification.receivers import cdevents, signature

_SIGNED = {"generic-hmac": "X-Signature", "github": "X-Hub-Signature-256", "bitbucket": "X-Hub-Signature"}
_PLAIN = {"gitlab": "X-Gitlab-Token", "harbor": "Authorization", "distribution": "Authorization"}
_EVENTS = {"github": "X-GitHub-Event", "gitlab": "X-Gitlab-Event", "bitbucket": "X-Event-Key", "cdevents": "Ce-Type"}


def make(
    type_: str, token: bytes, events: tuple[str, ...], delivery: str, now: datetime
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a call that the type accepts, but for the bearer token of an issuer."""
    event = events[0] if events else "dev.cdevents.artifact.published.0.2.0"
    body = json.dumps(_body(type_, event, delivery, now)).encode()
    headers = {"Content-Type": "application/json"}
    if type_ in _EVENTS:
        headers[_EVENTS[type_]] = event
    if type_ in _SIGNED:
        headers[_SIGNED[type_]] = f"sha256={signature.sign(body, token)}"
    elif type_ in _PLAIN:
        headers[_PLAIN[type_]] = token.decode("utf-8", "surrogateescape")
    elif type_ == "nexus":
        headers["X-Nexus-Webhook-Signature"] = signature.sign(body, token, "sha1")
    elif type_ == "artifactory":
        headers["X-JFrog-Event-Auth"] = signature.sign(body, token)
    return headers, body


def _body(type_: str, event: str, delivery: str, now: datetime) -> dict[str, Any]:
    if type_ == "cdevents":
        return _cdevent(event, delivery, now)
    if type_ == "distribution":
        return {"events": [{"id": delivery, "timestamp": now.isoformat(), "action": "ping"}]}
    if type_ == "gcr":
        return {"message": {"data": "e30=", "messageId": delivery}}
    return {"id": delivery, "action": "ping"}


def _cdevent(event: str, delivery: str, now: datetime) -> dict[str, Any]:
    """Return an event of this type with what its content must hold."""
    name = ".".join(event.removeprefix("dev.cdevents.").split(".")[:2])
    shape = cdevents.shapes().get(name, cdevents.shapes()["custom"])
    custom = event.removeprefix("dev.cdeventsx.").partition(".")[0]
    context = {"version": "0.4.1", "id": delivery, "source": "/image-automation", "type": event}
    subject = {"id": "trigger", "source": "/image-automation", "type": shape.get("subject", custom)}
    return {
        "context": context | {"timestamp": now.isoformat()},
        "subject": subject | {"content": _filled(shape["content"])},
    }


def _filled(shape: Mapping[str, Any]) -> Any:
    if shape["kind"] == "object":
        return {name: _filled(each) for name, each in shape["fields"].items() if _is_needed(each)}
    if shape["kind"] == "any":
        return {}
    return "pkg:oci/trigger" if shape.get("valid") == "purl" else next(iter(shape.get("enum", ())), "trigger")


def _is_needed(shape: Mapping[str, Any]) -> bool:
    return bool(shape.get("required") or not shape.get("omitted") or shape.get("valid") == "purl")
