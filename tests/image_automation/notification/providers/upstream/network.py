"""Cases of the way to a service: whose certificates count, and which proxy is asked."""

from collections.abc import Mapping
from typing import Any

from tests.image_automation.notification.providers.upstream.case import (
    AUTHORITY,
    CERTIFICATE,
    ERROR,
    KEY,
    PRIVATE,
    PROXY,
    Case,
)

HOOK = f"https://{PRIVATE}/hook"
PLAIN = "http://hooks.example.com/hook"
NOWHERE = "http://127.0.0.1:1"
OPEN = {"address": f"http://{PROXY}"}
LOGIN = {**OPEN, "username": "jane", "password": "p@ss"}
TRUST = {"ca.crt": AUTHORITY}
CLIENT = {**TRUST, "tls.crt": CERTIFICATE, "tls.key": KEY}
TOKEN = {"token": "t0ken"}
#: What the types need besides an address.
TYPES: Mapping[str, Mapping[str, Any]] = {
    "generic": {}, "slack": {}, "discord": {}, "rocket": {}, "msteams": {}, "googlechat": {}, "lark": {},
    "webex": {"secret": TOKEN}, "matrix": {"secret": TOKEN, "channel": "!r:x"},
    "zulip": {"secret": {"username": "jim", "password": "secret"}, "channel": "a/b"}, "opsgenie": {"secret": TOKEN},
    "pagerduty": {"channel": "key"}, "alertmanager": {}, "grafana": {}, "datadog": {"secret": TOKEN}, "otel": {},
}  # fmt: skip


#: Flux does not look at certSecretRef of the first three, nor at the environment's proxy for the last.
UNTRUSTING = {"discord", "googlechat", "lark", "datadog"}


def way(name: str, of: str = "generic", address: str = HOOK, **more: Any) -> Case:
    """Make a case of one request; `cert` and `proxied` are the data of the Secrets that are referred to."""
    references = {"cert": "certSecretRef", "proxied": "proxySecretRef"}
    secrets = {reference: more.pop(key) for key, reference in references.items() if key in more}
    own = {key: more.pop(key) for key in ("requests", "complaints", "secret") if key in more}
    return Case(name=name, event=ERROR, provider={"type": of, "address": address, **more}, secrets=secrets, **own)


CASES = (
    *(way(f"trust-{of}", of, cert=TRUST, **more) for of, more in TYPES.items() if of not in UNTRUSTING),
    *(way(f"proxy-{of}", of, PLAIN, proxied=LOGIN, **more) for of, more in TYPES.items()),
    way("untrusted", requests=0, complaints=1),
    way("trust-legacy", cert={"caFile": AUTHORITY}),
    way("client", cert=CLIENT),
    way("client-legacy", cert={"caFile": AUTHORITY, "certFile": CERTIFICATE, "keyFile": KEY}),
    way("client-halved", cert={**TRUST, "tls.crt": CERTIFICATE}, requests=0, complaints=1),
    way("trust-nothing", cert={"x": "y"}, requests=0, complaints=1),
    way("trust-of-the-secret", secret=TRUST, requests=0, complaints=1),
    way("proxy-open", address=PLAIN, proxied=OPEN),
    way("proxy-tunnel", cert=TRUST, proxied=LOGIN),
    way("proxy-spec", address=PLAIN, proxy=f"http://{PROXY}"),
    way("proxy-of-the-secret", address=PLAIN, secret={"proxy": f"http://jane:pw@{PROXY}\n"}),
    way("proxy-all-three", address=PLAIN, proxy=NOWHERE, secret={"proxy": NOWHERE}, proxied=OPEN),
    way("proxy-no-address", address=PLAIN, proxied={"username": "jane"}, requests=0, complaints=1),
    way("proxy-other-scheme", address=PLAIN, proxied={"address": f"ftp://{PROXY}"}, requests=0, complaints=1),
)  # fmt: skip
