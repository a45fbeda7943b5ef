"""Tracing services: OpenTelemetry collectors (OTLP over HTTP, as JSON) and Sentry (envelopes)."""

import hashlib
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gotk.runtime.clock import rfc3339
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.exchange import (
    Account,
    Exchange,
    Request,
    Unusable,
    basic,
    bearer,
    post,
)

_UNKNOWN = "unknown"


def otel(notice: Notice, account: Account) -> Exchange:
    """Send a span per event; the events of one revision make one trace of the Alert."""
    about = notice.involved_object
    if about.kind == "HelmRepository":
        return
    revision = notice.facts.get("originRevision") or notice.facts.get("revision") or _UNKNOWN
    moment = str(int(notice.time.timestamp()) * 1_000_000_000)
    facts = {
        "object.uid": about.uid,
        "object.kind": about.kind,
        "object.name": about.name,
        "object.namespace": about.namespace,
        **dict(text.ordered(notice.facts)),
    }
    span = {
        "traceId": _digest(account.alert.uid, revision)[:32],
        "spanId": _digest(about.uid, revision)[:16],
        "name": f"{about.kind}: {about.namespace}/{about.name}",
        "kind": 1,
        "startTimeUnixNano": moment,
        "endTimeUnixNano": moment,
        "attributes": _attributes(facts),
        "status": {"code": 2, "message": notice.message} if notice.is_error else {"code": 1},
    }
    alert = account.alert
    service = {
        "service.name": f"{alert.namespace}/{alert.name}",
        "service.namespace": alert.namespace,
        "service.instance.id": alert.uid,
    }
    scope = {"scope": {"name": "flux:notification-controller"}, "spans": [span]}
    payload = {"resourceSpans": [{"resource": {"attributes": _attributes(service)}, "scopeSpans": [scope]}]}
    headers = {**bearer(account.token or ("" if account.username else account.password)), **account.headers}
    if account.username and account.password and "Authorization" not in account.headers:
        headers |= basic(account.username, account.password)
    yield post(account.needs("address"), payload, headers)


def _digest(uid: str, revision: str) -> str:
    return hashlib.sha256(f"{uid}:{revision}".encode()).hexdigest()


def _attributes(facts: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in facts.items()]


def sentry(notice: Notice, account: Account) -> Exchange:
    """Send an error as an event and anything else as a transaction, which raises no alarm."""
    dsn = account.needs("address")
    parts = urlsplit(dsn)
    prefix, _, project = parts.path.rpartition("/")
    if parts.scheme not in {"http", "https"} or not parts.username or not parts.hostname or not project:
        raise Unusable("the address is not a Sentry DSN, such as https://key@host/project")
    host = parts.netloc.rpartition("@")[2]
    about, moment = notice.involved_object, rfc3339(notice.time)
    identity = _digest(about.uid, f"{notice.reason}:{notice.message}:{moment}")
    event: dict[str, Any] = {
        "event_id": identity[:32],
        "timestamp": moment,
        "platform": "other",
        "environment": account.channel or "production",
        "transaction": f"{about.kind}: {about.namespace}/{about.name}",
        "message": notice.message,
    }
    if notice.is_error:
        event |= {"level": "error", "server_name": notice.reporting_controller, "extra": dict(notice.facts)}
    else:
        trace = {"trace_id": identity[:32], "span_id": identity[32:48], "op": "event"}
        tags = {
            "flux_involved_object_kind": about.kind,
            "flux_involved_object_namespace": about.namespace,
            "flux_involved_object_name": about.name,
            "flux_reporting_controller": notice.reporting_controller,
            "flux_reporting_instance": notice.reporting_instance,
            "flux_reason": notice.reason,
        }
        event |= {"type": "transaction", "start_timestamp": moment, "contexts": {"trace": trace}, "spans": []}
        event["tags"] = {**tags, **notice.facts}
    kind = "event" if notice.is_error else "transaction"
    lines = ({"event_id": identity[:32], "sent_at": rfc3339(account.now)}, {"type": kind}, event)
    yield Request(
        url=f"{parts.scheme}://{host}{prefix}/api/{project}/envelope/",
        body=b"\n".join(msgspec.json.encode(line) for line in lines) + b"\n",
        headers={
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=image-automation/1, sentry_key={parts.username}",
        },
    )
