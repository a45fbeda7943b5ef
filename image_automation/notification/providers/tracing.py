"""Tracing services: OpenTelemetry collectors (OTLP over HTTP) and Sentry (envelopes)."""

import hashlib
import posixpath
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gotk.http.exchange import Exchange, Request, Unusable, as_json, basic, bearer, named
from gotk.runtime.clock import rfc3339
from image_automation.notification.alerts import trace_parents
from image_automation.notification.notice import Notice
from image_automation.notification.providers import otlp, text
from image_automation.notification.providers.account import Account


def otel(notice: Notice, account: Account) -> Exchange:
    """Send a span per event; what came from one revision makes one trace of the Alert."""
    about = notice.involved_object
    if about.kind == "HelmRepository":
        return
    now = _nanoseconds(account.now)
    start = _nanoseconds(notice.timestamp) if notice.timestamp else now
    facts = {
        "object.uid": about.uid,
        "object.kind": about.kind,
        "object.name": about.name,
        "object.namespace": about.namespace,
        **dict(text.ordered(notice.facts)),
    }
    own = trace_parents.Step(about.uid, trace_parents.revision(notice))
    placed = account.lineage or trace_parents.Lineage(own.revision, own)
    span = otlp.Span(
        trace=_digest(account.alert.uid, placed.trace)[:16],
        span=_digest(own.uid, own.revision)[:8],
        parent=_digest(placed.parent.uid, placed.parent.revision)[:8] if placed.parent else b"",
        name=f"{about.kind}: {about.namespace}/{about.name}",
        start=start,
        end=max(start, now),
        attributes=facts,
        status=otlp.ERROR if notice.is_error else otlp.OK,
        message=notice.message if notice.is_error else "",
    )
    alert = account.alert
    service = {
        "service.instance.id": alert.uid,
        "service.name": f"{alert.namespace}/{alert.name}",
        "service.namespace": alert.namespace,
    }
    address = urlsplit(account.needs("address"))
    path = posixpath.normpath(address.path) if address.path else "/v1/traces"
    headers = {"Content-Type": "application/x-protobuf", **_authorization(account), **named(account.headers)}
    yield Request(url=address._replace(path=path).geturl(), body=otlp.encode(service, span), headers=headers)


def _authorization(account: Account) -> dict[str, str]:
    secret = account.token or account.password
    if account.username and secret:
        return basic(account.username, secret)
    return bearer(secret)


def _digest(uid: str, revision: str) -> bytes:
    return hashlib.sha256(f"{uid}:{revision}".encode()).digest()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def sentry(notice: Notice, account: Account) -> Exchange:
    """Send an error as an event and anything else as a transaction, which raises no alarm."""
    dsn = account.needs("address")
    parts = urlsplit(dsn)
    prefix, _, project = parts.path.rpartition("/")
    if parts.scheme not in {"http", "https"} or not parts.username or not parts.hostname or not project:
        raise Unusable("the address is not a Sentry DSN, a URL with a key before the host and a project after it")
    host = parts.netloc.rpartition("@")[2]
    about, moment = notice.involved_object, rfc3339(notice.timestamp or account.now)
    identity = _digest(about.uid, f"{notice.reason}:{notice.message}:{moment}").hex()
    event: dict[str, Any] = {
        "event_id": identity[:32],
        "timestamp": moment,
        "platform": "other",
        "level": "error" if notice.is_error else "info",
        "transaction": f"{about.kind}: {about.namespace}/{about.name}",
        "message": notice.message,
    }
    if account.channel:
        event["environment"] = account.channel
    if notice.is_error:
        event |= {"server_name": notice.reporting_controller, "contexts": {"metadata": dict(notice.facts)}}
    else:
        event |= _transaction(notice, identity, moment)
    kind = "event" if notice.is_error else "transaction"
    head = {"event_id": identity[:32], "sent_at": rfc3339(account.now)}
    body = as_json(event)
    yield Request(
        url=f"{parts.scheme}://{host}{prefix}/api/{project}/envelope/",
        body=b"\n".join((as_json(head), as_json({"type": kind, "length": len(body)}), body)) + b"\n",
        headers={
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=image-automation/1, sentry_key={parts.username}",
        },
    )


def _transaction(notice: Notice, identity: str, moment: str) -> dict[str, Any]:
    about = notice.involved_object
    tags = {
        "flux_involved_object_kind": about.kind,
        "flux_involved_object_namespace": about.namespace,
        "flux_involved_object_name": about.name,
        "flux_reporting_controller": notice.reporting_controller,
        "flux_reporting_instance": notice.reporting_instance,
        "flux_reason": notice.reason,
        **notice.facts,
    }
    trace = {"trace_id": identity[:32], "span_id": identity[32:48], "op": "event"}
    times = {"start_timestamp": moment, "timestamp": moment}
    span = {**trace, **times, "origin": "manual", "tags": tags}
    return {"type": "transaction", **times, "contexts": {"trace": trace}, "spans": [span], "tags": tags}
