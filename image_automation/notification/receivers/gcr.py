"""gcr: Pub/Sub pushes of Google's registries, with a token that Google signed.

Answers to notification-controller's receiver: issuer accounts.google.com, the secret's `email` and `audience`; in CEL
`req` is the message inside: its action, digest and tag, and nothing else.
"""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

import msgspec

from image_automation.notification.receivers import content
from image_automation.notification.receivers.call import Accepted, Call, RefusedError, pushed, same, shaped

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
REQUIRED = ("email", "audience")


class _Message(msgspec.Struct, rename="camel"):
    data: str | None = None
    message_id: str | None = None
    publish_time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    subscription: str | None = None


class _Envelope(msgspec.Struct):
    message: _Message | None = None


class _Inner(msgspec.Struct):
    action: str | None = None
    digest: str | None = None
    tag: str | None = None


def verify(call: Call) -> Accepted:
    """Check what the token says (its signature was checked before) and read the message. Raises RefusedError."""
    for key in REQUIRED:
        if not call.secret.get(key):
            raise RefusedError(f"the secret has no {key}")
    if call.claims.get("iss") not in ISSUERS:
        raise RefusedError("the token is not of accounts.google.com")
    if call.claims.get("email_verified") is not True:
        raise RefusedError("the token's email is not verified")
    if not same(str(call.claims.get("email", "")), call.secret["email"]):
        raise RefusedError("the token is of another email")
    message = shaped(call.object(), _Envelope).message or _Message()
    inner = shaped(_unpacked(message.data or ""), _Inner)
    name, _, tag = (inner.tag or "").rpartition(":")
    return Accepted(
        ids=(message.message_id,) if message.message_id else (),
        request={"action": inner.action or "", "digest": inner.digest or "", "tag": inner.tag or ""},
        pushed=pushed((name, tag)) if inner.action == "INSERT" else (),
    )


def _unpacked(data: str) -> Any:
    try:
        return content.alone(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise RefusedError("message.data is not base64 of JSON") from None
