"""Monitoring systems: Alertmanager, Grafana annotations, Datadog events."""

import re
from urllib.parse import urlsplit

from gotk.http.exchange import Exchange, basic, bearer, post
from gotk.runtime.clock import rfc3339
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account

#: Go's zero time: Alertmanager's own timeout resolves the alert.
_NEVER = "0001-01-01T00:00:00Z"
#: A word as Unicode has it: neither an underscore nor an apostrophe within ends it.
_WORD = re.compile(r"\w+(?:['’.:·]\w+)*")


def alertmanager(notice: Notice, account: Account) -> Exchange:
    """Fire an alert; it is never resolved by us."""
    about = notice.involved_object
    facts = dict(notice.facts)
    annotations = {"message": notice.message}
    if "summary" in facts:
        annotations["summary"] = facts.pop("summary")
    labels = facts | {
        "alertname": f"Flux{about.kind}{_WORD.sub(_title, notice.reason)}",
        "severity": notice.severity,
        "reason": notice.reason,
        "kind": about.kind,
        "name": about.name,
        "namespace": about.namespace,
        "reportingcontroller": notice.reporting_controller,
    }
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": rfc3339(notice.time),
        "endsAt": _NEVER,
    }
    headers = bearer(account.token)
    if account.username and account.password:
        headers = basic(account.username, account.password)
    yield post(account.needs("address"), [alert], headers)


def _title(word: re.Match[str]) -> str:
    return re.sub(r"[^\W\d_]", lambda letter: letter[0].title(), word[0].lower(), count=1)


def grafana(notice: Notice, account: Account) -> Exchange:
    """Add an annotation, in Graphite's format."""
    about = notice.involved_object
    tags = ["flux", notice.reporting_controller]
    tags += [f"{name}: {value}" for name, value in _bars(notice)]
    tags += [f"kind: {about.kind}", f"name: {about.name}", f"namespace: {about.namespace}"]
    headers = bearer(account.token)
    if not account.token and account.username and account.password:
        headers = basic(account.username, account.password)
    payload = {"when": int(notice.time.timestamp()), "text": notice.title, "tags": tags}
    yield post(account.needs("address"), payload, headers)


def _bars(notice: Notice) -> list[tuple[str, str]]:
    return [(name.replace(":", "|"), value.replace(":", "|")) for name, value in text.ordered(notice.facts)]


def datadog(notice: Notice, account: Account) -> Exchange:
    """Create an event."""
    about = notice.involved_object
    tags = {
        "flux_reporting_controller": notice.reporting_controller,
        "flux_reason": notice.reason,
        "kube_kind": about.kind,
        "kube_name": about.name,
        "kube_namespace": about.namespace,
    }
    parts = urlsplit(account.needs("address"))
    payload = {
        "title": f"Events from the {about.kind} {about.name}/{about.namespace}",
        "text": text.datadog(notice.message),
        "tags": [f"{name}:{value}".lower() for name, value in (*tags.items(), *text.ordered(notice.facts))],
        "source_type_name": "fluxcd",
        "date_happened": int(notice.time.timestamp()),
        "alert_type": "error" if notice.is_error else "info",
    }
    url = f"{parts.scheme}://{parts.netloc}/api/v1/events"
    yield post(url, payload, {"DD-API-KEY": account.needs("token")})
