"""gitlab: `X-Gitlab-Token` equals the token, events by `X-Gitlab-Event`.

Answers to notification-controller's receiver; the comparison takes constant time here.
"""

from image_automation.notification.receivers.call import Accepted, Call, RefusedError, check_event, same


def verify(call: Call) -> Accepted:
    """Check token and event. Raises RefusedError."""
    if not call.token or not same(call.header("X-Gitlab-Token"), call.token):
        raise RefusedError("the token in X-Gitlab-Token does not match")
    check_event(call, "X-Gitlab-Event")
    delivery = call.header("Idempotency-Key") or (call.header("X-Gitlab-Webhook-UUID") and call.header("X-Request-Id"))
    return Accepted(ids=(delivery,) if delivery else ())
