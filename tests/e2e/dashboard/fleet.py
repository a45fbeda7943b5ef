"""A small company's cluster: what the pages are shown with, in tests and in the guide's pictures."""

import json
from datetime import datetime, timedelta
from typing import Any

from gotk.api import extensions
from gotk.runtime.clock import rfc3339
from tests.image_automation.dashboard.rollouts import cluster as applied
from tests.image_automation.dashboard.showing import automation, condition, with_status
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

#: Namespace, name, the tag chosen, the one before, and the range; without a range the greatest number is chosen.
APPS = (
    ("shop", "checkout", "1.14.2", "1.14.1", "~1.14"),
    ("shop", "cart", "2.3.0", "2.2.9", "2.x"),
    ("shop", "catalogue", "20261129-0912", "20261128-1701", ""),
    ("platform", "ingress", "v1.12.4", "v1.12.3", "1.12.x"),
    ("platform", "cert-manager", "v1.18.2", "", ">=1.18"),
    ("payments", "ledger", "5.0.1", "5.0.0", "5.x"),
    ("payments", "gateway", "3.9.7", "3.9.6", "^3.9"),
    ("web", "frontend", "main-8c1f2ab-1764403200", "main-77ab0c1-1764316800", ""),
)
LOG = (
    "2026-11-29T20:14:02Z INFO  starting cart 2.3.0",
    "2026-11-29T20:14:02Z INFO  reading /etc/cart/config.yaml",
    "2026-11-29T20:14:03Z ERROR cannot reach redis://cart-cache.shop:6379: no such host",
    "2026-11-29T20:14:03Z FATAL giving up",
)
_COMMIT = "9f3c2e7a1b" * 4


class Fleet:
    """Makes the objects, at times before a moment."""

    def __init__(self, now: datetime) -> None:
        self.cluster = MemoryCluster()
        self._now = now
        for place, app in enumerate(APPS):
            self._app(place, *app)
        self._automations()
        self._rollouts()
        legacy = image_repository("legacy", "web", image="registry.example.com/web/legacy", suspend=True)
        self._put(legacy, [self._said("Ready", "True", "successful scan: found 12 tags", days=40)])

    def _ago(self, **ago: float) -> str:
        return rfc3339(self._now - timedelta(**ago))

    def _said(self, type_: str, status: str, message: str, reason: str = "Succeeded", **ago: float) -> dict[str, Any]:
        said = condition(type_, status, message, reason)
        return {**said, "lastTransitionTime": self._ago(**(ago or {"hours": 3}))}

    def _put(self, obj: dict[str, Any], conditions: list[dict[str, Any]], **status: Any) -> None:
        obj["metadata"]["creationTimestamp"] = self._ago(days=60)
        self.cluster.put(with_status(obj, conditions=conditions, observedGeneration=1, **status))

    def _app(self, place: int, namespace: str, name: str, tag: str, before: str, range_: str) -> None:
        image = f"registry.example.com/{namespace}/{name}"
        said = [self._said("Ready", "True", f"successful scan: found {20 + place * 7} tags", minutes=12)]
        if name == "ledger":
            cause = "scan failed: 401 Unauthorized: the registry does not accept the credentials of payments/registry"
            said = [self._said("Ready", "False", cause, "ReadOperationFailed", minutes=12)]
        if name == "cart":
            lost = "the last list lacks 41 of 96 tags; they are kept: 2.3.0, 2.2.9, 2.2.8 and 38 more"
            said.append(self._said("image-automation.dev/TagsHeld", "True", lost, "TagsLost", minutes=48))
        scan = {"tagCount": 20 + place * 7, "scanTime": self._ago(seconds=14 + place * 9), "revision": "r"}
        self._put(image_repository(name, namespace, image=image), said, lastScanResult=scan, canonicalImageName=image)
        self._policy(namespace, name, image, tag, before, range_)

    def _policy(self, namespace: str, name: str, image: str, tag: str, before: str, range_: str) -> None:
        rule: dict[str, Any] = {"policy": {"semver": {"range": range_}} if range_ else {"numerical": {"order": "asc"}}}
        if name == "frontend":
            rule["filterTags"] = {"pattern": r"^main-[a-f0-9]+-(?P<ts>\d+)$", "extract": "$ts"}
        said = [self._said("Ready", "True", f"Latest image tag for {image} resolved to {tag}")]
        if name == "gateway":
            said.insert(0, self._said("Reconciling", "True", "reconciliation in progress", "Progressing", seconds=2))
        status: dict[str, Any] = {"latestRef": {"name": image, "tag": tag}}
        if before:
            status["observedPreviousRef"] = {"name": image, "tag": before}
        self._put(image_policy(name, namespace, imageRepositoryRef={"name": name}, **rule), said, **status)

    def _automations(self) -> None:
        self._pushed("shop", 3, ("apps/shop/checkout.yaml", 21, "checkout"), ("apps/shop/cart.yaml", 18, "cart"))
        self._pushed("platform", 190, ("infra/ingress/values.yaml", 7, "ingress"))
        held = {
            "path": "apps/payments/gateway.yaml", "line": 12, "old": "registry.example.com/payments/gateway:3.9.5",
            "new": "registry.example.com/payments/gateway:3.9.7", "commit": "4ed1a90c77" * 4, "by": "Ada Lovelace",
            "setter": "payments:gateway",
        }  # fmt: skip
        obj = automation("images", "payments", report={"held": [held, *self._gated()]})
        said = self._said("image-automation.dev/UpdatesHeld", "True", "held until a newer image is chosen", "TakenBack")
        self._put(obj, [self._said("Ready", "True", "repository up-to-date"), said])

    def _pushed(self, namespace: str, minutes: int, *places: tuple[str, int, str]) -> None:
        apps = {name: (before, tag) for space, name, tag, before, _ in APPS if space == namespace}
        changes = [
            {"path": path, "line": line, "setter": f"{namespace}:{name}", "old": apps[name][0], "new": apps[name][1]}
            for path, line, name in places
        ]
        push = {"commit": _COMMIT, "branch": "main", "changes": changes}
        said = [self._said("Ready", "True", "repository up-to-date")]
        if namespace == "platform":
            stray = "no effect:\ninfra/dns/values.yaml:9: marker 'platform:exernal-dns': there is no such policy"
            said.append(self._said("image-automation.dev/MarkersResolved", "False", stray, "MarkersIgnored", hours=5))
        pushed = {"lastPushCommit": _COMMIT, "lastPushTime": self._ago(minutes=minutes)}
        self._put(automation("images", namespace, report={"push": push}), said, **pushed)

    def _rollouts(self) -> None:
        now = self._now
        cart = applied.deployment("cart", "shop", available=0)
        checkout = applied.deployment("checkout", "shop")
        services = [applied.plain("v1", "Service", name, "shop", status={}) for name in ("cart", "checkout")]
        made = [checkout, cart, *services]
        waits = "timeout waiting for: [Deployment/shop/cart status: 'InProgress': Available: 0/1]"
        fails = {"ready": ("False", waits), "now": now, "path": "./apps/shop"}
        self._apply(applied.kustomization("cart", "shop", objects=made, **fails))
        for obj in (*made, *applied.crashing(cart), applied.event("Kustomization", "cart", "shop", waits, now)):
            self.cluster.put(obj)
        self.cluster.put(applied.log("cart-5d8f", "shop", *LOG))
        for name, space in (("ingress", "platform"), ("cert-manager", "platform"), ("frontend", "web")):
            obj = applied.deployment(name, space)
            self.cluster.put(obj)
            self._apply(applied.kustomization(name, space, objects=[obj], now=now))
        self._apply(applied.release("ledger", "payments", now=now))

    def _apply(self, obj: dict[str, Any]) -> None:
        obj["metadata"]["creationTimestamp"] = self._ago(days=60)
        self.cluster.put(obj)

    def _gated(self) -> list[dict[str, Any]]:
        """Let what was chosen wait for people, and for the end of a freeze; pin a policy; return what waits."""
        asked = "{needed: 2, of: [grace@example.com, 'group:leads'], deadline: 48h, then: reject}"
        word = {
            "tag": "5.0.1", "verdict": "approve", "by": "grace@example.com", "at": self._ago(minutes=35),
            "reason": "seen on staging",
        }  # fmt: skip
        self._annotate("payments", "ledger", {extensions.APPROVALS: asked, extensions.DECISIONS: json.dumps([word])})
        pin = {"tag": "v1.12.4", "until": self._in(days=3), "by": "olga@example.com", "reason": "1.12.5 leaks sockets"}
        self._annotate("platform", "ingress", {extensions.PIN: json.dumps(pin)})
        return [
            self._waits(31, "AwaitingApproval", "awaiting approval: 1 of 2 approvals (grace@example.com)"),
            self._waits(64, "Frozen", "frozen by grace@example.com: the sale", until=self._in(hours=20)),
        ]

    def _waits(self, line: int, kind: str, message: str, until: str = "") -> dict[str, Any]:
        image = "registry.example.com/payments/ledger"
        return {
            "path": "apps/payments/ledger.yaml", "line": line, "old": f"{image}:5.0.0", "new": f"{image}:5.0.1",
            "setter": "payments:ledger", "kind": kind, "message": message, "since": self._ago(hours=5), "until": until,
        }  # fmt: skip

    def _annotate(self, namespace: str, name: str, annotations: dict[str, str]) -> None:
        self.cluster.change("ImagePolicy", namespace, name, {"metadata": {"annotations": annotations}})

    def _in(self, **time: float) -> str:
        return rfc3339(self._now + timedelta(**time))
