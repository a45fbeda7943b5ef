"""Who is told of what in the company's cluster, and whether that arrived; and what happened to its objects."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gotk.api.image import ImagePolicy
from gotk.api.notification import Alert
from gotk.runtime.clock import SystemClock, rfc3339
from image_automation.dashboard.page import Knows
from image_automation.dashboard.scanned.lags import Lag
from image_automation.dashboard.scanned.running import Running
from image_automation.notification.journal import Journal
from tests.e2e.dashboard.fleet import Fleet
from tests.image_automation.dashboard.showing import condition, with_status

_REFUSED = "cannot reach hooks.example.com: 404 Not Found: no_service"
#: How many minutes ago, of which object, why, what, and whether that is a warning.
_HAPPENED = (
    (2, "Kustomization", "shop", "cart", "HealthCheckFailed", "Deployment/shop/cart status: 'InProgress'", True),
    (3, "ImageUpdateAutomation", "shop", "images", "Succeeded", "pushed commit '9f3c2e7' to branch 'main'", False),
    (12, "ImageRepository", "payments", "ledger", "ReadOperationFailed", "scan failed: 401 Unauthorized", True),
    (35, "ImagePolicy", "payments", "ledger", "Approved", "grace@example.com approved 5.0.1 in the dashboard", False),
    (48, "ImageRepository", "shop", "cart", "TagsLost", "the last list lacks 41 of 96 tags; they are kept", True),
)


#: Namespace, name and tag of what runs.
_RUNS = (
    ("payments", "ledger", "5.0.0"), ("payments", "gateway", "3.9.5"), ("shop", "checkout", "1.14.2"),
    ("shop", "checkout", "1.14.2"), ("shop", "cart", "2.3.0"), ("shop", "cart", "2.2.9"),
    ("platform", "ingress", "v1.12.4"),
)  # fmt: skip


class Ago:
    """A clock that a fleet's past is written by."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.minutes = 600.0

    def now(self) -> datetime:
        return self._now - timedelta(minutes=self.minutes)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody sleeps {seconds} s here")


class Arrives:
    """Every test of an Alert arrives."""

    async def test(self, alert: Alert, by: str) -> str:
        del alert, by
        return ""


def told(fleet: Fleet, knows: Knows, now: datetime) -> Knows:
    """Put the objects and Events into the cluster, and return what is known with the journal of the last hours."""
    for obj in _objects():
        fleet.cluster.put(obj)
    for minutes, *said in _HAPPENED:
        fleet.cluster.put(_event(rfc3339(now - timedelta(minutes=minutes)), *said))
    annotations = {"image-automation.dev/minimum-age": "72h"}
    fleet.cluster.change("ImagePolicy", "platform", "cert-manager", {"metadata": {"annotations": annotations}})
    for number, (space, name, tag) in enumerate(_RUNS):
        image = f"registry.example.com/{space}/{name}:{tag}"
        template = {"spec": {"containers": [{"name": name, "image": image}]}}
        meta = {"name": f"{name}-{number}", "namespace": space}
        kind = {"apiVersion": "apps/v1", "kind": "StatefulSet"}
        fleet.cluster.put({**kind, "metadata": meta, "spec": {"template": template}})
    known = dataclasses.replace(knows, journal=_journal(now), tests=Arrives(), lags=Lagging(now))
    return dataclasses.replace(known, running=Running(SystemClock()))


class Lagging:
    """What is behind in the fleet, and what is too young in it."""

    def __init__(self, now: datetime) -> None:
        self._lags = {
            "ledger": Lag(newer=1, since=rfc3339(now - timedelta(hours=5))),
            "gateway": Lag(newer=2, since=rfc3339(now - timedelta(days=4))),
            "cert-manager": Lag(
                newer=1,
                since=rfc3339(now - timedelta(hours=20)),
                ageing="v1.18.3",
                eligible=rfc3339(now + timedelta(hours=52)),
            ),
        }

    async def of(self, used: Sequence[tuple[ImagePolicy, str]]) -> list[Lag]:
        return [self._lags.get(policy.metadata.name, Lag()) for policy, _ in used]


def _journal(now: datetime) -> Journal:
    clock = Ago(now)
    journal = Journal(clock, lambda: None)
    for minutes, name, reason, cause in (
        (95, "checkout", "Succeeded", ""), (12, "cart", "TagsLost", ""), (3, "checkout", "Succeeded", ""),
    ):  # fmt: skip
        clock.minutes = minutes
        about = ("ImageRepository", "shop", name)
        journal.delivered(("shop", "chat"), alert="shop", about=about, reason=reason, cause=cause)
    clock.minutes = 2
    about = ("Kustomization", "shop", "cart")
    journal.delivered(("shop", "on-call"), alert="failures", about=about, reason="HealthCheckFailed", cause=_REFUSED)
    clock.minutes = 40
    journal.called(("shop", "registry"), 400, cause="the signature does not match")
    clock.minutes = 3
    journal.called(("shop", "registry"), 200, woken=2)
    return journal


def _objects() -> list[dict[str, Any]]:
    images = [{"kind": "ImageRepository", "name": "*"}, {"kind": "ImageUpdateAutomation", "name": "*"}]
    applied = [{"kind": "Kustomization", "name": "*"}]
    woken = [{"kind": "ImageRepository", "name": name} for name in ("cart", "checkout")]
    hook = _notification("Receiver", "registry", {"type": "distribution", "resources": woken})
    return [
        _notification("Provider", "chat", {"type": "slack", "channel": "shop-releases"}),
        _notification("Provider", "on-call", {"type": "pagerduty", "channel": "shop"}),
        _notification("Alert", "shop", {"providerRef": {"name": "chat"}, "eventSources": images}),
        _notification(
            "Alert", "failures",
            {"providerRef": {"name": "on-call"}, "eventSources": applied, "eventSeverity": "error"},
        ),
        with_status(hook, conditions=[condition("Ready", "True", "Receiver initialized", "Succeeded")]),
    ]  # fmt: skip


def _notification(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "v1" if kind == "Receiver" else "v1beta3"
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": f"notification.toolkit.fluxcd.io/{version}", "kind": kind, "metadata": meta, "spec": spec}


def _event(time: str, kind: str, namespace: str, name: str, reason: str, message: str, warning: bool) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{reason}", "namespace": namespace},
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
    }
