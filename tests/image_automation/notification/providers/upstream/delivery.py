"""Cases of how requests are sent: statuses, retries, redirects, and what Secrets say of address, account and trust."""

from collections.abc import Mapping
from typing import Any

from tests.image_automation.notification.providers.upstream.case import ERROR, Case, Reply

HOOK = "https://hooks.example.com/services/T0"
TRACES = "https://otel.example.com/v1/traces"


def hook(name: str, secret: Mapping[str, str] | None = None, **changes: Any) -> Case:
    """Make a case of a generic provider with an address."""
    own = {key: changes.pop(key) for key in ("requests", "complaints", "replies", "alert", "timed") if key in changes}
    provider = {"type": "generic", "address": HOOK, **changes}
    return Case(name=name, event=ERROR, secret=secret or {}, provider=provider, **own)


def answered(status: int, body: str = "so it is", **changes: Any) -> Case:
    """Make a case of a status that is not retried."""
    return hook(f"status-{status}", replies=(Reply(status=status, body=body),), **changes)


def retried(name: str, status: int, headers: Mapping[str, str] | None = None, timeout: str = "5s") -> Case:
    """Make a case of a service that never recovers."""
    reply = Reply(status=status, body="busy", headers=headers or {})
    return hook(name, replies=(reply,), timeout=timeout, complaints=1, timed=True)


LOGIN = {"username": "jane", "password": "pw"}
ALERTS = "https://alertmanager.example.com/"
SLACK = {"type": "slack"}
CASES = (
    *(answered(status, body="") for status in (200, 201, 202, 204)),
    *(answered(status, complaints=1) for status in (304, 400, 401, 403, 404, 410, 501)),
    answered(413, body="\n".join(("<html>", "x" * 300, "</html>")), complaints=1),
    *(
        hook(
            f"moved-{status}", requests=2,
            replies=(Reply(path="/elsewhere"), Reply(status=status, headers={"Location": "/elsewhere"})),
        )
        for status in (302, 307)
    ),
    retried("busy-503", 503),
    retried("busy-429", 429, timeout="35s"),
    retried("busy-500", 500, timeout="35s"),
    retried("told-429", 429, {"Retry-After": "1"}, timeout="4500ms"),
    retried("told-503", 503, {"Retry-After": "1"}, timeout="4500ms"),
    retried("told-500", 500, {"Retry-After": "1"}, timeout="4500ms"),
    retried("told-late", 429, {"Retry-After": "60"}),
    retried("told-past", 429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, timeout="1s"),
    hook("address-of-the-secret", {"address": f" {HOOK}/secret\n"}),
    hook("address-empty-in-the-secret", {"address": ""}, requests=0, complaints=1),
    hook("address-missing", address="", requests=0, complaints=1),
    hook("address-no-url", address="hooks", requests=0, complaints=1),
    hook("address-other-scheme", address="ftp://hooks.example.com/", requests=0, complaints=1),
    hook("secret-missing", secretRef={"name": "nothing"}, requests=0, complaints=1),
    hook("cert-missing", certSecretRef={"name": "nothing"}, requests=0, complaints=1),
    hook("proxy-missing", proxySecretRef={"name": "nothing"}, requests=0, complaints=1),
    hook("headers-no-map", {"headers": "- a"}, requests=0, complaints=1),
    hook("headers-number", {"headers": "X-N: 1"}, requests=0, complaints=1),
    hook("headers-case", {"headers": "content-type: text/plain\nx-flux: a"}),
    hook("suspended", suspend=True, requests=0),
    hook("token-spaced", {"token": " t0ken \n"}, type="alertmanager", address=ALERTS),
    hook("token-newline", {"token": "t0ken\n"}, type="alertmanager", address=ALERTS),
    hook("login-spaced", {"username": "jane\n", "password": "pw\n"}, type="alertmanager", address=ALERTS),
    hook("login-half", {"username": "jane"}, type="alertmanager", address=ALERTS),
    hook("login-over-spec", LOGIN, username="spec", **SLACK),
    hook("login-half-over-spec", {"username": "jane"}, username="spec", **SLACK),
    hook("token-and-login-half", {"username": "jane", "token": "t0ken"}, username="spec", **SLACK),
)  # fmt: skip
