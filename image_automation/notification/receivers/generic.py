"""generic and generic-hmac: callers of one's own, known by the secret path alone or by a signature too.

Answers to notification-controller's receivers of these names: `X-Signature: sha1|sha256|sha512=<hex>`.
"""

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import Accepted, Call


def verify(_call: Call) -> Accepted:
    """Let everybody in who knows the path."""
    return Accepted()


def verify_hmac(call: Call) -> Accepted:
    """Check `X-Signature`. Raises RefusedError."""
    signature.check(call.body, call.token, call.header("X-Signature"))
    return Accepted()
