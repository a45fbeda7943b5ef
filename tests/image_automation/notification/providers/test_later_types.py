"""The types that Flux has after notification-controller 1.9.2: no record of them, but the facts of their source."""

import json
from typing import Any

import pytest

from gotk.http.exchange import Unusable
from image_automation.notification.notice import PROGRESSING
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene

ADDRESSES = {
    "https://zoom.example.com/hook": "https://zoom.example.com/hook?format=full",
    "https://zoom.example.com/hook?b=2&a=1": "https://zoom.example.com/hook?a=1&b=2&format=full",
    "https://zoom.example.com/hook?format=": "https://zoom.example.com/hook?format=full",
    "https://zoom.example.com/hook?format=message": "https://zoom.example.com/hook?format=message",
}


def sent(type_: str, address: str = "https://x.example.com/", **changes: Any) -> tuple[str, dict[str, str], Any]:
    [asked] = scene.talk(catalog.TYPES[type_](scene.notice(**changes), scene.account(type_, address)))
    return asked.url, dict(asked.headers), json.loads(asked.body)


@pytest.mark.parametrize(("address", "expected"), ADDRESSES.items(), ids=ADDRESSES)
def test_zoom_is_asked_for_the_rich_format_unless_the_address_says_another(address: str, expected: str) -> None:
    assert sent("zoom", address)[0] == expected


def test_zoom_shows_the_severity_below_the_object_and_metadata_by_key() -> None:
    _, headers, body = sent("zoom", metadata={"summary": "prod", "cluster": "eu"})
    assert headers["Authorization"] == "t0ken"
    fields = [{"key": "cluster", "value": "eu"}, {"key": "summary", "value": "prod"}]
    assert body["content"] == {
        "head": {"text": "kustomization/web.apps", "sub_head": {"text": "error"}},
        "body": [{"type": "message", "text": "health check failed after 30s"}, {"type": "fields", "items": fields}],
    }
    assert len(sent("zoom", metadata={})[2]["content"]["body"]) == 1


def test_incidents_are_the_same_by_either_spelling_of_the_type() -> None:
    assert sent("incident.io", metadata={"a": "b"}) == sent("incidentio", metadata={"a": "b"})


def test_incidentio_fires_on_errors_and_resolves_on_everything_else_but_progress() -> None:
    _, headers, body = sent("incidentio", metadata={"a": "b"})
    assert headers["Authorization"] == "Bearer t0ken"
    said = {"severity": "error", "reason": "HealthCheckFailed", "reportingController": "kustomize-controller"}
    assert body == {
        "title": "kustomization/web.apps: HealthCheckFailed", "status": "firing", "deduplication_key": "uid-web",
        "description": "health check failed after 30s", "metadata": {"a": "b", **said},
    }  # fmt: skip
    assert sent("incidentio", severity="info")[2]["status"] == "resolved"
    progress = scene.notice(reason=PROGRESSING)
    assert scene.talk(catalog.TYPES["incidentio"](progress, scene.account("incidentio"))) == []


@pytest.mark.parametrize("type_", ["zoom", "incident.io", "incidentio"])
def test_both_need_a_token(type_: str) -> None:
    with pytest.raises(Unusable, match="token"):
        scene.talk(catalog.TYPES[type_](scene.notice(), scene.account(type_, token="")))
