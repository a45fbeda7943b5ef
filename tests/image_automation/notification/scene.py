"""Events, alerts and providers for tests, and a partner for a provider's conversation."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gotk.api import scheme
from gotk.api.notification import Alert, Provider
from gotk.http.exchange import Answer, Exchange, Request
from image_automation.notification.alerts import status_name
from image_automation.notification.notice import Involved, Notice
from image_automation.notification.providers.account import Account, Origin
from image_automation.notification.providers.apprise import Letter

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COMMIT = "1234567890abcdef1234567890abcdef12345678"
GROUP = "kustomize.toolkit.fluxcd.io"


def notice(message: str = "health check failed after 30s", **changes: Any) -> Notice:
    about = Involved(kind="Kustomization", namespace="apps", name="web", uid="uid-web", api_version=f"{GROUP}/v1")
    fields: dict[str, Any] = {
        "involved_object": about, "severity": "error", "timestamp": NOON, "message": message,
        "reason": "HealthCheckFailed",
        "metadata": {"revision": f"main@sha1:{COMMIT}", "summary": "prod"},
        "reporting_controller": "kustomize-controller", "reporting_instance": "pod-0",
    }  # fmt: skip
    return Notice(**{**fields, **changes})


class Expressions:
    """Evaluates CEL here and now; the service does so in a process of its own, which takes real time."""

    async def status_name(self, _owner: str, expression: str, known: Mapping[str, Any]) -> str:
        return status_name.evaluate(expression, known)


def account(type_: str, address: str = "https://hooks.example.com/services/T0", **changes: Any) -> Account:
    fields: dict[str, Any] = {
        "type": type_, "uid": "0c9c2e41-d2f9", "now": NOON, "alert": Origin("apps", "all", "uid-alert"),
        "address": address,
        "channel": "ops", "username": "", "token": "t0ken", "commit_status": "kustomization/web/0c9c2e41",
    }  # fmt: skip
    return Account(**{**fields, **changes})


def talk(
    exchange: Exchange, answer: Callable[[Request], Answer] = lambda _: Answer(status=200, body=b"{}")
) -> list[Request]:
    """Hold the conversation and return what was asked."""
    asked: list[Request] = []
    try:
        request = next(exchange)
        while True:
            asked.append(request)
            request = exchange.send(answer(request))
    except StopIteration:
        return asked


def shown(request: Request) -> dict[str, Any]:
    """Return a request as a golden file holds it."""
    try:
        body = request.body.decode()
    except UnicodeDecodeError:
        body = request.body.hex()
    found: dict[str, Any] = {"request": f"{request.method} {request.url}", "headers": dict(request.headers)}
    if isinstance(request, Letter):
        found |= {"title": request.title, "text": request.text}
    if body:
        found["body"] = json.loads(body) if body.startswith(("{", "[")) and "\n" not in body.strip() else body
    return found


def alert(name: str = "all", annotations: Mapping[str, str] | None = None, **spec: Any) -> Alert:
    body = {"providerRef": {"name": "chat"}, "eventSources": [{"kind": "Kustomization", "name": "*"}], **spec}
    metadata = {"name": name, "namespace": "apps", "uid": f"uid-{name}", "annotations": dict(annotations or {})}
    return scheme.convert(
        {"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert", "metadata": metadata, "spec": body},
        Alert,
    )


def provider(name: str = "chat", **spec: Any) -> Provider:
    body = {"type": "generic", "address": "https://hooks.example.com/services/T0", **spec}
    metadata = {"name": name, "namespace": "apps", "uid": "0c9c2e41-d2f9"}
    return scheme.convert(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": metadata,
            "spec": body,
        },
        Provider,
    )
