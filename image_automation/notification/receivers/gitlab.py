"""gitlab: `X-Gitlab-Token` equals the token, events by `X-Gitlab-Event`.

Answers to notification-controller's receiver; the comparison takes constant time here.
"""

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import Accepted, Call, RefusedError, check_event, same


def verify(call: Call) -> Accepted:
    """Check token and event. Raises RefusedError."""
    if not call.token or not same(call.header("X-Gitlab-Token"), call.token):
        raise RefusedError("the token in X-Gitlab-Token does not match")
    check_event(call, "X-Gitlab-Event")
    return Accepted(ids=_ids(call))


def _ids(call: Call) -> tuple[str, ...]:
    """Name the delivery. Events of one cause share X-Gitlab-Event-UUID, so that it counts with the body alone."""
    if delivery := call.header("Idempotency-Key") or call.header("Webhook-Id"):
        return (delivery,)
    if cause := call.header("X-Gitlab-Event-UUID"):
        return (f"{cause} {signature.fingerprint(call.body)}",)
    return ()
