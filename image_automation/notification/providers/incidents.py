"""Services that keep incidents: Opsgenie, PagerDuty, incident.io. An error opens one, what follows closes it."""

import hashlib
from typing import Any
from urllib.parse import urlsplit

from gotk.http.exchange import Exchange, bearer, post
from gotk.runtime.clock import rfc3339
from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.account import Account
from image_automation.notification.providers.git import event


def opsgenie(notice: Notice, account: Account) -> Exchange:
    """Open an alert; its alias folds repetitions into one."""
    about = notice.involved_object
    identity = f"{account.uid}/{about.kind}/{about.namespace}/{about.name}/{notice.reason}"
    payload = {
        "message": f"{about.kind}/{about.name}",
        "alias": hashlib.sha256(identity.encode()).hexdigest(),
        "description": notice.message,
        "details": {**notice.facts, "severity": notice.severity},
    }
    yield post(account.needs("address"), payload, {"Authorization": f"GenieKey {account.needs('token')}"})


def pagerduty(notice: Notice, account: Account) -> Exchange:
    """Trigger or resolve an incident; what went well is told as a change, too."""
    if notice.reason == PROGRESSING:
        return
    parts = urlsplit(account.needs("address"))
    base = f"{parts.scheme}://{parts.netloc}"
    key = account.needs("channel")
    yield post(f"{base}/v2/enqueue", _incident(notice, key))
    if notice.severity == "info":
        yield post(f"{base}/v2/change/enqueue", {"routing_key": key, "payload": _summary(notice)})


def _incident(notice: Notice, key: str) -> dict[str, Any]:
    about = notice.involved_object
    found: dict[str, Any] = {"routing_key": key, "event_action": "resolve"}
    if about.uid:
        found["dedup_key"] = about.uid
    if notice.is_error:
        summary = _summary(notice)
        details = summary.pop("custom_details")
        summary |= {"severity": "error", "component": about.name, "group": about.kind, "custom_details": details}
        found |= {"event_action": "trigger", "payload": summary}
    return found


def _summary(notice: Notice) -> dict[str, Any]:
    name, description = event.described(notice)
    return {
        "summary": f"{description}: {name}",
        "source": f"Flux {notice.reporting_controller}",
        "timestamp": rfc3339(notice.time),
        "custom_details": {"message": notice.message, "metadata": dict(notice.facts)},
    }


def incidentio(notice: Notice, account: Account) -> Exchange:
    """Fire or resolve an alert of incident.io."""
    if notice.reason == PROGRESSING:
        return
    facts = {**notice.facts, "severity": notice.severity, "reason": notice.reason}
    if notice.reporting_controller:
        facts["reportingController"] = notice.reporting_controller
    payload = {
        "title": f"{notice.title}: {notice.reason}",
        "status": "firing" if notice.is_error else "resolved",
        "deduplication_key": notice.involved_object.uid,
        "description": notice.message,
        "metadata": facts,
    }
    yield post(account.needs("address"), payload, bearer(account.needs("token")))
