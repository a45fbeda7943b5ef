"""Cases of the types that programs read: the event itself, alerts, incidents, metrics, traces."""

from tests.image_automation.notification.providers.upstream.case import (
    DIRECT,
    ERROR,
    FREE,
    GROUP,
    HOSTILE,
    INFO,
    Case,
    Reply,
    event,
    every,
    one,
)

HOOK = "https://hooks.example.com/services/T0"
GENIE = "https://api.opsgenie.com/v2/alerts"
PAGER = "https://events.pagerduty.com"
ALERTS = "https://alertmanager.example.com/api/v2/alerts/"
GRAFANA = "https://grafana.example.com/api/annotations"
DATADOG = "https://api.datadoghq.com"
SENTRY = f"http://k3y@{DIRECT}/42"
OTEL = "https://otel.example.com/v1/traces"
LOGIN = {"username": "jane", "password": "pw"}
TRACE = event(severity="trace")
WORDS = event(reason="HTTP error_in 2places isn't-Good")
FIELD = {**ERROR, "involvedObject": {**ERROR["involvedObject"], "fieldPath": "spec.containers{web}"}}
PROGRESSING = event("working", severity="info", reason="Progressing")


def about(kind: str, metadata: dict[str, str], group: str = "source.toolkit.fluxcd.io") -> dict[str, object]:
    """Make an event of another kind; its metadata is of its group."""
    found = event(severity="info", metadata={f"{group}/{key}": value for key, value in metadata.items()})
    found["involvedObject"] = {**found["involvedObject"], "kind": kind, "apiVersion": f"{group}/v1"}
    return found


CHART = {"oci-digest": "sha256:" + "a" * 64, "app-version": "6.0.0", "revision": "6.0.0"}
ORIGIN = {"revision": "1@sha256:b", "originRevision": "main@sha1:1"}
HEADERS = {"headers": "Authorization: Basic eA==\nX-Flux: 'yes'\nGotk-Component: mine"}
DROPPED = {f"{GROUP}/token": "t", f"{GROUP}/checksum": "c", f"{FREE}/x": "y"}
FORGED = "x-signature: mine"
SIGNED = {"type": "generic-hmac", "address": HOOK}
CASES = (
    *every("generic", address=HOOK),
    one("generic-headers", secret=HEADERS, address=HOOK),
    one("generic-update", event(severity="info", metadata={f"{GROUP}/commit_status": "update"}), address=HOOK),
    one("generic-token", event(metadata=DROPPED), address=HOOK),
    one("generic-field", FIELD, address=HOOK),
    one("generic-trace", TRACE, address=HOOK),
    Case(name="generic-hmac-error", event=ERROR, provider=SIGNED, secret={"token": "k"}),
    Case(name="generic-hmac-hostile", event=HOSTILE, provider=SIGNED, secret={"token": "k"}),
    Case(name="generic-hmac-newline", event=ERROR, provider=SIGNED, secret={"token": "k\n"}),
    Case(name="generic-hmac-headers", event=ERROR, provider=SIGNED, secret={"token": "k", "headers": FORGED}),
    Case(name="generic-hmac-keyless", event=ERROR, provider=SIGNED, secret={"x": "k"}, requests=0, complaints=1),
    *every("opsgenie", {"token": "t0ken"}, address=GENIE),
    one("opsgenie-keyless", address=GENIE, requests=0, complaints=1),
    *every("pagerduty", address=PAGER, channel="r0uting"),
    one("pagerduty-change", INFO, address=f"{PAGER}/v2/enqueue", channel="key", alert={"summary": "prod"}, requests=2),
    one("pagerduty-keyless", address=PAGER),
    one("pagerduty-trace", TRACE, address=PAGER, channel="key"),
    one("pagerduty-progress", PROGRESSING, address=PAGER, channel="r0uting", requests=0),
    one("pagerduty-acronym", event(reason="HTTPErrorIn2Places"), address=PAGER, channel="key"),
    *every("alertmanager", address=ALERTS),
    one("alertmanager-token", secret={"token": "t0ken"}, address=ALERTS),
    one("alertmanager-login", secret=LOGIN, address=ALERTS),
    one("alertmanager-both", secret={**LOGIN, "token": "t0ken"}, address=ALERTS),
    one("alertmanager-words", WORDS, address=ALERTS),
    *every("grafana", address=GRAFANA),
    one("grafana-colons", alert={"eventMetadata": {"a:b": "c:d"}}, address=GRAFANA),
    one("grafana-token", secret={"token": "t0ken"}, address=GRAFANA),
    one("grafana-login", secret=LOGIN, address=GRAFANA),
    one("grafana-both", secret={**LOGIN, "token": "t0ken"}, address=GRAFANA),
    *every("datadog", {"token": "t0ken"}, address=DATADOG),
    one("datadog-path", INFO, secret={"token": "t0ken"}, address=f"{DATADOG}/api/v2?x=1"),
    one("datadog-keyless", address=DATADOG, requests=0, complaints=1),
    *every("sentry", address=SENTRY, channel="prod"),
    one("sentry-refused", address=SENTRY, replies=(Reply(status=400, body="no"),)),
    one("sentry-path", INFO, address=f"http://k3y@{DIRECT}/base/42"),
    one("sentry-keyless", address=f"http://{DIRECT}/42", requests=0, complaints=1),
    *every("otel", address=OTEL),
    one("otel-trace", TRACE, address=OTEL),
    one("otel-refused", address=OTEL, replies=(Reply(status=400, body="no"),)),
    one("otel-root", address="https://otel.example.com"),
    one("otel-token", secret={"token": "t0ken"}, address=OTEL),
    one("otel-login", secret=LOGIN, address=OTEL),
    one("otel-token-headers", secret={"token": "t0ken", "headers": "X-Org: '1'"}, address=OTEL),
    one("otel-login-headers", secret={**LOGIN, "headers": "X-Org: '1'"}, address=OTEL),
    one("otel-own-headers", secret={"token": "t0ken", "headers": "Authorization: Basic eA=="}, address=OTEL),
    one("otel-source", about("GitRepository", {"revision": "main@sha1:1"}), address=OTEL),
    one("otel-oci", about("OCIRepository", CHART), address=OTEL),
    one("otel-chart", about("HelmRelease", CHART, "helm.toolkit.fluxcd.io"), address=OTEL),
    one("otel-origin", about("OCIRepository", ORIGIN), address=OTEL),
    one("otel-index", about("HelmRepository", {"revision": "1"}), address=OTEL, requests=0),
)  # fmt: skip
