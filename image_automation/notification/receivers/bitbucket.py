"""bitbucket: Bitbucket Cloud and Server sign with `X-Hub-Signature`; events by `X-Event-Key`.

Answers to notification-controller's receiver.
"""

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import Accepted, Call, check_event


def verify(call: Call) -> Accepted:
    """Check signature and event, and that the body is JSON. Raises RefusedError."""
    signature.check(call.body, call.token, call.header("X-Hub-Signature"))
    call.json()
    check_event(call, "X-Event-Key")
    delivery = call.header("X-Request-UUID") or call.header("X-Request-Id")
    ids = (signature.fingerprint(call.body), delivery) if delivery else ()
    return Accepted(ids=ids)
