"""One case: a Provider, its Secret and Alert, one event, and what the service answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

GROUP = "kustomize.toolkit.fluxcd.io"
FREE = "event.toolkit.fluxcd.io"
NAMESPACE = "apps"
COMMIT = "1234567890abcdef1234567890abcdef12345678"
REVISION = f"{GROUP}/revision"
#: Addresses on this host are reached without a proxy, for services whose client knows none.
DIRECT = "direct.example.com"
#: The certificate of this host is signed by an authority that nobody trusts unless told so; it asks for a client's.
PRIVATE = "private.example.com"
#: What stands for that authority, a client's certificate and key of it, and a proxy, in the data of a Secret.
AUTHORITY, CERTIFICATE, KEY, PROXY = "<authority>", "<certificate>", "<key>", "proxy.example.com"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the service answers to requests of this method whose path and query contain `path`; the first that fits."""

    method: str = ""
    path: str = ""
    status: int = 200
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """`provider` and `alert` are joined with what every spec has. `requests` and `complaints` are waited for.

    Of a case that is `timed`, the record also holds the seconds between its requests. `secrets` are further ones, by
    the field of the Provider's spec that refers to them.
    """

    name: str
    event: Mapping[str, Any]
    provider: Mapping[str, Any]
    secret: Mapping[str, str] = field(default_factory=dict)
    alert: Mapping[str, Any] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()
    requests: int = 1
    complaints: int = 0
    timed: bool = False
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def objects(self) -> list[dict[str, Any]]:
        """Return Secret, Provider and Alert as they are applied."""
        kind = {"apiVersion": "notification.toolkit.fluxcd.io/v1beta3"}
        metadata = {"name": self.name, "namespace": NAMESPACE}
        spec = dict(self.provider)
        found: list[dict[str, Any]] = []
        if self.secret:
            spec["secretRef"] = {"name": self.name}
            found.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(self.secret)})
        for reference, data in self.secrets.items():
            name = f"{self.name}-{reference.lower()}"
            spec[reference] = {"name": name}
            named = {"name": name, "namespace": NAMESPACE}
            found.append({"apiVersion": "v1", "kind": "Secret", "metadata": named, "stringData": dict(data)})
        sources = [{"kind": self.about["kind"], "name": self.about["name"], "namespace": self.about["namespace"]}]
        alert = {"providerRef": {"name": self.name}, "eventSources": sources, "eventSeverity": "info", **self.alert}
        found.append({**kind, "kind": "Provider", "metadata": metadata, "spec": spec})
        found.append({**kind, "kind": "Alert", "metadata": metadata, "spec": alert})
        return found

    @property
    def about(self) -> dict[str, str]:
        """The object that the event is about. It has the case's name, so an event meets one Alert only."""
        return {"name": self.name, **self.event["involvedObject"]}

    def posted(self) -> dict[str, Any]:
        """Return the event as a controller posts it."""
        return {**self.event, "involvedObject": self.about}

    def known(self, uids: Mapping[str, str]) -> "Case":
        """Return the case with the Provider's UID for `{provider}` in what the service answers."""
        uid = uids.get("provider", "")
        return replace(self, replies=tuple(replace(r, body=r.body.replace("{provider}", uid)) for r in self.replies))

    def reply(self, method: str, path: str) -> Reply:
        """Return what the service answers."""
        fits = (reply for reply in self.replies if reply.method in {"", method} and reply.path in path)
        return next(fits, Reply())


def event(message: str = "health check failed after 30s", **changes: Any) -> dict[str, Any]:
    """Make an event of a failed Kustomization."""
    about = {
        "kind": "Kustomization", "namespace": NAMESPACE, "uid": "8f1d2f8e-0000-4000-8000-000000000001",
        "apiVersion": f"{GROUP}/v1", "resourceVersion": "42",
    }  # fmt: skip
    return {
        "involvedObject": about, "severity": "error", "timestamp": "2026-01-01T12:00:00Z", "message": message,
        "reason": "HealthCheckFailed", "metadata": {REVISION: f"main@sha1:{COMMIT}"},
        "reportingController": "kustomize-controller", "reportingInstance": "kustomize-controller-0", **changes,
    }  # fmt: skip


ERROR = event()
INFO = event("Applied revision", severity="info", reason="ReconciliationSucceeded")
#: All the places that metadata comes from.
TOLD = event(metadata={REVISION: f"main@sha1:{COMMIT}", f"{FREE}/team": "web", "other/dropped": "x"})
SILENT = event(metadata={})
#: What a stranger may write into a branch, a tag or an error: mentions, links, markup, a line, a turned direction.
SMUGGLED = (
    "<!channel> @everyone <@U1> [log in](https://evil.example.com) **b** `c` <b>h</b> & \u202egpj.exe\u202c\n# two _x_"
)
HOSTILE = event(SMUGGLED, metadata={REVISION: SMUGGLED})
LONG = event("word " * 1000)
#: No zone is said, then another one; no time at all; nothing that may be left out.
ZONED = event(timestamp="2026-01-01T13:00:00.7+01:00")
BARE = {
    "involvedObject": {"kind": "Kustomization", "namespace": NAMESPACE, "apiVersion": f"{GROUP}/v1"},
    "severity": "info", "timestamp": None, "message": "done", "reason": "Done", "reportingController": "",
}  # fmt: skip
SUMMARY = {"eventMetadata": {"summary": "prod", "cluster": "eu-1"}}


def every(type_: str, secret: Mapping[str, str] | None = None, **provider: Any) -> tuple[Case, ...]:
    """Make the cases that every type has: the same events to one Provider."""
    events = {
        "error": ERROR, "info": INFO, "told": TOLD, "silent": SILENT, "hostile": HOSTILE, "long": LONG, "zoned": ZONED,
        "bare": BARE,
    }  # fmt: skip
    return tuple(
        Case(
            name=f"{type_}-{name}", event=each, alert=SUMMARY if name == "told" else {}, secret=secret or {},
            provider={"type": type_, **provider},
        )
        for name, each in events.items()
    )  # fmt: skip


def one(
    name: str, said: Mapping[str, Any] = ERROR, *, secret: Mapping[str, str] | None = None, **provider: Any
) -> Case:
    """Make a case of a type, which is the name's first word; `complaints` and `requests` are the case's own."""
    own = {key: provider.pop(key) for key in ("requests", "complaints", "replies", "alert") if key in provider}
    return Case(
        name=name, event=said, secret=secret or {}, provider={"type": name.partition("-")[0], **provider}, **own
    )
