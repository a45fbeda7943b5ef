"""gcr: Pub/Sub pushes of Google's registries, with a token that Google signed.

Answers to notification-controller's receiver: issuer accounts.google.com, the secret's `email` and `audience`; in CEL
`req` is the message inside.
"""

import base64
import binascii

import msgspec

from image_automation.notification.receivers.call import Accepted, Call, RefusedError, dig, pushed, same

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
REQUIRED = ("email", "audience", "token")


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
    body = call.object()
    try:
        inner = msgspec.json.decode(base64.b64decode(dig(body, "message", "data"), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise RefusedError("message.data is not base64 of JSON") from None
    if not isinstance(inner, dict):
        raise RefusedError("message.data is not an object")
    delivery = dig(body, "message", "messageId")
    name, _, tag = dig(inner, "tag").rpartition(":")
    found = pushed((name, tag)) if dig(inner, "action") == "INSERT" else ()
    return Accepted(ids=(delivery,) if delivery else (), request=inner, pushed=found)
