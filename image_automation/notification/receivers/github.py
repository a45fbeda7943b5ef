"""github: GitHub, GitHub's container registry (`package` events), Gitea and Forgejo, all of which sign alike.

Answers to notification-controller's receiver: `X-Hub-Signature-256`, else `X-Hub-Signature`; JSON, or a form with
the field `payload`; events by `X-GitHub-Event`.
"""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import Accepted, Call, Pushed, RefusedError, check_event, dig, pushed


def verify(call: Call) -> Accepted:
    """Check signature, form and event. Raises RefusedError."""
    given = call.header("X-Hub-Signature-256") or call.header("X-Hub-Signature")
    signature.check(call.body, call.token, given)
    payload = _payload(call)
    check_event(call, "X-GitHub-Event")
    ids = [signature.fingerprint(call.body)]
    if delivery := call.header("X-GitHub-Delivery"):
        ids.append(delivery)
    return Accepted(ids=tuple(ids), pushed=_package(payload))


def _payload(call: Call) -> Any:
    kind = call.header("Content-Type").partition(";")[0].strip().lower()
    if kind == "application/json":
        return call.json()
    if kind == "application/x-www-form-urlencoded":
        try:
            return msgspec.json.decode(parse_qs(call.body.decode(), max_num_fields=16)["payload"][0])
        except (KeyError, ValueError, RecursionError):
            raise RefusedError("the form has no field payload with JSON") from None
    raise RefusedError("the content type is neither JSON nor a form")


def _package(payload: Any) -> tuple[Pushed, ...]:
    """Read a container package's tag; `namespace/name` stands under the registry's host, which is not said."""
    if not isinstance(payload, dict):
        return ()
    package = payload.get("package") or payload.get("registry_package")
    if dig(package, "package_type").lower() != "container" or not isinstance(package, dict):
        return ()
    version = package.get("package_version")
    metadata = version.get("container_metadata") if isinstance(version, dict) else None
    tag = metadata.get("tag") if isinstance(metadata, dict) else None
    return pushed((f"{dig(package, 'namespace')}/{dig(package, 'name')}", dig(tag, "name")))
