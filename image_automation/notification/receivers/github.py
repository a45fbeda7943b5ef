"""github and bitbucket: GitHub, its container registry (`package` events), Gitea, Forgejo and Bitbucket sign alike.

Answers to notification-controller's receivers: `X-Hub-Signature-256`, else `X-Hub-Signature`; JSON, or a form with
the field `payload`; events by `X-GitHub-Event` and `X-Event-Key`. That a body is JSON is the sender's word, as it is
there: only filters mind. What nests without end or is packed is refused, which is ours.
"""

from typing import Any

from image_automation.notification.receivers import content, signature
from image_automation.notification.receivers.call import Accepted, Call, Pushed, RefusedError, check_event, dig, pushed


def github(call: Call) -> Accepted:
    """Check signature, form and event. Raises RefusedError."""
    payload = _payload(call)
    check_event(call, "X-GitHub-Event")
    return _named(call, _package(payload), "X-GitHub-Delivery", "X-Gitea-Delivery")


def bitbucket(call: Call) -> Accepted:
    """Check signature, form and event. Raises RefusedError."""
    _payload(call)
    check_event(call, "X-Event-Key")
    return _named(call, (), "X-Request-UUID", "X-Request-Id")


def _payload(call: Call) -> Any:
    if call.header("Content-Encoding") not in {"", "identity"}:
        raise RefusedError("the body is packed, which no sender does")
    try:
        kind = content.media_type(call.header("Content-Type"))
        if kind not in {content.JSON, content.FORM}:
            raise RefusedError("the content type is neither JSON nor a form")
        payload = call.body if kind == content.JSON else content.form_field(call.body, "payload")
    except content.UnreadableError as error:
        raise RefusedError(str(error)) from None
    signature.check(call.body, call.token, call.header("X-Hub-Signature-256") or call.header("X-Hub-Signature"))
    try:
        return content.first(payload)
    except content.TooDeepError as error:
        raise RefusedError(str(error)) from None
    except content.UnreadableError:
        return None


def _named(call: Call, found: tuple[Pushed, ...], *headers: str) -> Accepted:
    """Name the delivery by its header and by its body: the header is not signed, and may be changed or left out."""
    body = signature.fingerprint(call.body)
    delivery = next(filter(None, map(call.header, headers)), "")
    if delivery:
        return Accepted(ids=(body, delivery), pushed=found)
    return Accepted(traces=(body,), pushed=found)


def _package(body: Any) -> tuple[Pushed, ...]:
    """Read a container package's tag; `namespace/name` stands under the registry's host, which is not said."""
    package: Any = (body.get("package") or body.get("registry_package")) if isinstance(body, dict) else None
    if "container" not in {dig(package, "package_type").lower(), dig(package, "type").lower()}:
        return ()
    owner = dig(package, "namespace") or dig(package, "owner", "login")
    tag = dig(package, "package_version", "container_metadata", "tag", "name") or dig(package, "version")
    return pushed((f"{owner}/{dig(package, 'name')}".lower(), tag))
