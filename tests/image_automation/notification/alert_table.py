"""What is put before a notification-controller and before ours: alerts, providers, objects, events, one story each.

A story has a namespace to itself. `NS` stands for it in every text, `HOOK` for an address that takes everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.image_automation.notification import scene

KUSTOMIZE = scene.GROUP
FREE = "event.toolkit.fluxcd.io"
COMMIT = scene.COMMIT


def event(message: str = "health check failed", **changes: Any) -> dict[str, Any]:
    """An event as a controller posts it; `metadata` keys without a slash get the Kustomization's group."""
    metadata = {
        key if "/" in key else f"{KUSTOMIZE}/{key}": value for key, value in changes.pop("metadata", {}).items()
    }
    about = {
        "kind": "Kustomization", "namespace": "NS", "name": "web", "uid": "uid-web",
        "apiVersion": f"{KUSTOMIZE}/v1", "resourceVersion": "7", **changes.pop("about", {}),
    }  # fmt: skip
    return {
        "involvedObject": about, "severity": "error", "timestamp": "2026-01-01T12:00:00Z", "message": message,
        "reason": "HealthCheckFailed", "metadata": metadata, "reportingController": "kustomize-controller",
        "reportingInstance": "pod-0", **changes,
    }  # fmt: skip


def source(**changes: Any) -> dict[str, Any]:
    return {"kind": "Kustomization", "name": "*", **changes}


@dataclass(frozen=True)
class Story:
    """Events, and what is there when they come. Alerts and providers by name are changes of the usual ones."""

    events: Sequence[Mapping[str, Any]] = (event(),)
    alerts: Mapping[str, Mapping[str, Any]] | None = None
    providers: Mapping[str, Mapping[str, Any]] | None = None
    secrets: Mapping[str, Mapping[str, str]] | None = None
    labels: Mapping[str, str] | None = None
    #: The metadata of the alerts.
    metadata: Mapping[str, Any] | None = None


def alert(**spec: Any) -> dict[str, Mapping[str, Any]]:
    return {"all": spec}


def provider(type_: str = "generic", **spec: Any) -> dict[str, Mapping[str, Any]]:
    return {"chat": {"type": type_, **spec}}


def revisions(**metadata: str) -> dict[str, Any]:
    return event(metadata=metadata)


FORGE = "HOOK/NS/repository"
UPDATE = {"commit_status": "update", "revision": f"main@sha1:{COMMIT}"}

STORIES: dict[str, Story] = {
    # The same event once.
    "the same event comes again": Story((event(), event())),
    "severity, reason, time and sender do not make an event another one": Story(
        (event(), event(severity="info", reason="Other", timestamp="2027-01-01T12:00:00Z", reportingController="x"))
    ),
    "another message is another event": Story((event("one"), event("two"))),
    "another revision is another event": Story((revisions(revision="a"), revisions(revision="b"))),
    "another origin revision is another event": Story((revisions(originRevision="a"), revisions(originRevision="b"))),
    "another token is another event, and no token arrives": Story((revisions(token="a"), revisions(token="b"))),
    "an empty revision is not none": Story((event(), revisions(revision=""))),
    "other metadata does not make an event another one": Story((revisions(x="a"), revisions(x="b"))),
    "another API version or UID does not make an event another one": Story(
        (event(), event(about={"apiVersion": f"{KUSTOMIZE}/v1beta2", "uid": "other"}))
    ),
    "an event that no alert matched counts too": Story((event(about={"kind": "Bucket"}),) * 2),
    # Metadata.
    "metadata is that of the object's group and free keys": Story((event(metadata={
        "revision": "a", "checksum": "b", "digest": "c", "Digest": "d", "token": "e", f"{FREE}/team": "f",
        "other.io/x": "g", "source.toolkit.fluxcd.io/revision": "h", f"{KUSTOMIZE}.example/x": "i",
    }),)),
    "metadata of a core object has no group": Story((event(
        about={"apiVersion": "v1"}, metadata={"/revision": "a", "revision": "b", f"{FREE}/team": "c"},
    ),)),
    "an API version with two slashes has no group": Story((event(
        about={"apiVersion": "a/b/c"}, metadata={"a/b/revision": "b", "/x": "c"},
    ),)),
    "an alert adds metadata": Story(alerts=alert(eventMetadata={"cluster": "prod", "env": "x"}, summary="broken")),
    "the strongest of four metadata wins, and the alert is told": Story(
        (event(metadata={"a": "4", "summary": "4", f"{FREE}/a": "1", f"{FREE}/b": "1", f"{FREE}/c": "1"}),),
        alerts=alert(eventMetadata={"a": "2", "b": "2", "summary": "2"}, summary="3"),
    ),
    "an event without metadata stays so": Story(),
    "an event with little in it": Story(
        ({"involvedObject": {"kind": "Kustomization", "namespace": "NS", "name": "web"}, "message": "m"},)
    ),
    "an event with all that names an object": Story((event(about={"fieldPath": "spec.path"}),)),
    "a time is told in UTC and whole seconds": Story((event(timestamp="2026-01-01T12:00:00.9+02:00"),)),
    # Sources.
    "a source's namespace is the alert's": Story((event(about={"namespace": "NS-other"}),)),
    "another namespace by name": Story(
        (event(about={"namespace": "NS-other"}),), alerts=alert(eventSources=[source(namespace="NS-other")])
    ),
    "no namespace is no wildcard": Story(
        (event(about={"namespace": "NS-other"}),), alerts=alert(eventSources=[source(namespace="*")])
    ),
    "one by name": Story(
        (event(), event(about={"name": "other"})), alerts=alert(eventSources=[source(name="web")])
    ),
    "a name is no pattern": Story(alerts=alert(eventSources=[source(name="we*")])),
    "another kind": Story(alerts=alert(eventSources=[source(kind="HelmRelease")])),
    "another group of the same kind": Story((event(about={"apiVersion": "example.com/v1"}),)),
    "one of several sources": Story(alerts=alert(eventSources=[source(kind="Bucket"), source(), source(name="web")])),
    "labels that the object has": Story(
        alerts=alert(eventSources=[source(matchLabels={"a": "1"})]), labels={"a": "1", "b": "2"}
    ),
    "labels that the object lacks": Story(
        alerts=alert(eventSources=[source(matchLabels={"a": "1", "c": "3"})]), labels={"a": "1", "b": "2"}
    ),
    "labels with a name": Story(
        alerts=alert(eventSources=[source(name="web", matchLabels={"a": "1"})]), labels={"a": "2"}
    ),
    "labels of an object that is gone": Story(alerts=alert(eventSources=[source(matchLabels={"a": "1"})])),
    "labels of an object that is gone, where another source holds": Story(
        alerts=alert(eventSources=[source(matchLabels={"a": "1"}), source()])
    ),
    "labels of a kind that nobody serves": Story(
        (event(about={"apiVersion": "example.com/v1"}),),
        alerts=alert(eventSources=[source(matchLabels={"a": "1"})]),
    ),
    "a suspended alert": Story(alerts=alert(suspend=True)),
    # Severity.
    "errors only, an error": Story(alerts=alert(eventSeverity="error")),
    "errors only, an information": Story((event(severity="info"),), alerts=alert(eventSeverity="error")),
    "errors only, a trace": Story((event(severity="trace"),), alerts=alert(eventSeverity="error")),
    "everything, a trace": Story((event(severity="trace"),)),
    "everything, a severity of its own": Story((event(severity="fatal"),)),
    "everything, no severity": Story((event(severity=""),)),
    # Lists.
    "included": Story(alerts=alert(inclusionList=["no", "check .*ed$"])),
    "not included": Story(alerts=alert(inclusionList=["no", "^check"])),
    "excluded": Story(alerts=alert(exclusionList=["no", "check"])),
    "not excluded": Story(alerts=alert(exclusionList=["no", "^check"])),
    "included and excluded": Story(alerts=alert(inclusionList=["health"], exclusionList=["failed"])),
    "an inclusion that is no expression": Story(alerts=alert(inclusionList=["(?<", "health"])),
    "an inclusion that is no expression, behind one that matches": Story(alerts=alert(inclusionList=["health", "["])),
    "only inclusions that are no expressions": Story(alerts=alert(inclusionList=["["])),
    "an exclusion that is no expression": Story(alerts=alert(exclusionList=["(", "nothing"])),
    "an exclusion that is no expression, before one that matches": Story(alerts=alert(exclusionList=["(", "failed"])),
    "an exclusion that is no expression, of what is not included": Story(
        alerts=alert(inclusionList=["nothing"], exclusionList=["("])
    ),
    "expressions are Go's": Story(alerts=alert(inclusionList=[r"(?i)HEALTH\s[[:alpha:]]+ \Qfailed\E\z"])),
    "lists of a message of two lines": Story((event("first\nsecond"),), alerts=alert(inclusionList=["first.second$"])),
    # Providers.
    "two alerts with one provider": Story(alerts={"one": {}, "two": {}}),
    "a provider that is not there": Story(providers={}),
    "a suspended provider": Story(providers=provider(suspend=True)),
    "a secret that is not there": Story(providers=provider(secretRef={"name": "gone"})),
    "a provider without an address": Story(providers=provider(address="")),
    "the address of a secret": Story(
        providers=provider(address="http://127.0.0.1:1/", secretRef={"name": "s"}),
        secrets={"s": {"address": "HOOK/NS/secret\n"}},
    ),
    "a provider that answers 403": Story(providers=provider(address="HOOK/status/403/NS")),
    "a certificate secret that is not there": Story(providers=provider(certSecretRef={"name": "gone"})),
    "a proxy secret that is not there": Story(providers=provider(proxySecretRef={"name": "gone"})),
    "headers that are no map": Story(
        providers=provider(secretRef={"name": "s"}), secrets={"s": {"headers": "[a]"}}
    ),
    "a service account for a provider without cloud": Story(providers=provider(serviceAccountName="x")),
    # Commit statuses and comments.
    "a commit status update goes to a forge": Story(
        (event(severity="info", metadata=UPDATE),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}), secrets={"s": {"token": "t"}},
    ),
    "a commit status update goes to a webhook": Story((event(severity="info", metadata=UPDATE),)),
    "a commit status update does not go to a chat": Story(
        (event(severity="info", metadata=UPDATE),), providers=provider("slack")
    ),
    "a commit status update of another group goes to a chat": Story(
        (event(severity="info", metadata={"source.toolkit.fluxcd.io/commit_status": "update"}),),
        providers=provider("slack"),
    ),
    "an information does not go to a forge": Story(
        (event(severity="info", metadata={"revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}), secrets={"s": {"token": "t"}},
    ),
    "an information with a commit goes to a forge": Story(
        (event(severity="info", metadata={f"{FREE}/commit": COMMIT, "revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}), secrets={"s": {"token": "t"}},
    ),
    "an information with an empty commit does not go to a forge": Story(
        (event(severity="info", metadata={f"{FREE}/commit": "", "revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}), secrets={"s": {"token": "t"}},
    ),
    "an error goes to a forge": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}), secrets={"s": {"token": "t"}},
    ),
    "a forge without a token": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}"}),), providers=provider("github", address=FORGE)
    ),
    "an error does not go to a pull request": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("githubpullrequestcomment", address=FORGE, secretRef={"name": "s"}),
        secrets={"s": {"token": "t"}},
    ),
    "an error with a change request goes to it": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}", f"{FREE}/change_request": "7"}),),
        providers=provider("githubpullrequestcomment", address=FORGE, secretRef={"name": "s"}),
        secrets={"s": {"token": "t"}},
    ),
    "an empty change request is none": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}", f"{FREE}/change_request": ""}),),
        providers=provider("githubpullrequestcomment", address=FORGE, secretRef={"name": "s"}),
        secrets={"s": {"token": "t"}},
    ),
    "a commit status expression that is none": Story(
        (event(metadata={"revision": f"main@sha1:{COMMIT}"}),),
        providers=provider("github", address=FORGE, secretRef={"name": "s"}, commitStatusExpr="(("),
        secrets={"s": {"token": "t"}},
    ),
    # Finalizers of the days when alerts were reconciled.
    "an alert with a finalizer": Story((), metadata={"finalizers": ["finalizers.fluxcd.io"]}),
    "a suspended alert with a finalizer": Story(
        (), alerts=alert(suspend=True), metadata={"finalizers": ["finalizers.fluxcd.io"]}
    ),
    "an alert with finalizers of others": Story(
        (), metadata={"finalizers": ["example.com/one", "finalizers.fluxcd.io", "example.com/two"]}
    ),
}  # fmt: skip

#: Told with --no-cross-namespace-refs.
CLOSED: dict[str, Story] = {
    "its own namespace where others are closed": Story(),
    "another namespace where they are closed": Story(
        (event(about={"namespace": "NS-other"}),), alerts=alert(eventSources=[source(namespace="NS-other")])
    ),
    "another namespace where they are closed, of what is not included": Story(
        (event(about={"namespace": "NS-other"}),),
        alerts=alert(eventSources=[source(namespace="NS-other")], inclusionList=["nothing"]),
    ),
}

#: Bodies, each with a message of its own or with none; posted in this order.
_ABOUT = b'"involvedObject": {"kind": "Kustomization"}}'
BODIES: dict[str, tuple[str, str, bytes]] = {
    "an event": ("POST", "/", b'{"message": "1", ' + _ABOUT),
    "the same again, to another path": ("POST", "/a/b?c=d", b'{"message": "1", ' + _ABOUT),
    "an event by PUT": ("PUT", "/", b'{"message": "2"}'),
    "an event by GET": ("GET", "/", b'{"message": "3"}'),
    "an event by DELETE": ("DELETE", "/x", b'{"message": "4"}'),
    "nothing by GET": ("GET", "/", b""),
    "nothing by POST": ("POST", "/", b""),
    "nothing by OPTIONS": ("OPTIONS", "/", b""),
    "fields of tomorrow": ("POST", "/", b'{"message": "5", "new": {"a": [1]}, "timestamp": null}'),
    "names in other cases": ("POST", "/", b'{"MESSAGE": "6", "InvolvedObject": {"KIND": "Kustomization"}}'),
    "names in other cases are the same event": ("POST", "/", b'{"message": "6", ' + _ABOUT),
    "null": ("POST", "/", b"null"),
    "nulls for everything": ("POST", "/", b'{"message": null, "involvedObject": null, "metadata": null}'),
    "a null among metadata": ("POST", "/", b'{"message": "7", "metadata": {"a": null}}'),
    "a byte that is no UTF-8": ("POST", "/", b'{"message": "8\xff"}'),
    "half a surrogate is the same event": ("POST", "/", b'{"message": "8\\ud800"}'),
    "white space around": ("POST", "/", b' \n{"message": "9"}\t\r\n'),
    "more behind": ("POST", "/", b'{"message": "10"} {}'),
    "a byte order mark": ("POST", "/", b'\xef\xbb\xbf{"message": "11"}'),
    "no JSON": ("POST", "/", b"{"),
    "a list": ("POST", "/", b"[]"),
    "a text": ("POST", "/", b'"x"'),
    "a number for a text": ("POST", "/", b'{"message": 1}'),
    "a number among metadata": ("POST", "/", b'{"message": "12", "metadata": {"a": 1}}'),
    "a list for an object": ("POST", "/", b'{"message": "13", "involvedObject": []}'),
    "a time": ("POST", "/", b'{"message": "14", "timestamp": "2026-01-01T12:00:00Z"}'),
    "a time with offset and fractions": ("POST", "/", b'{"message": "15", "timestamp": "2026-01-01T12:00:00.5+02:00"}'),
    "a time in small letters": ("POST", "/", b'{"message": "16", "timestamp": "2026-01-01t12:00:00z"}'),
    "a time with a space": ("POST", "/", b'{"message": "17", "timestamp": "2026-01-01 12:00:00Z"}'),
    "a time without an offset": ("POST", "/", b'{"message": "18", "timestamp": "2026-01-01T12:00:00"}'),
    "a time that is none": ("POST", "/", b'{"message": "19", "timestamp": "yesterday"}'),
    "an empty time": ("POST", "/", b'{"message": "20", "timestamp": ""}'),
    "a number for a time": ("POST", "/", b'{"message": "21", "timestamp": 1767268800}'),
    "NaN": ("POST", "/", b'{"message": "22", "x": NaN}'),
    "a huge number": ("POST", "/", b'{"message": "23", "x": 1e999}'),
    "a control character": ("POST", "/", b'{"message": "24\n"}'),
    "deep nesting": ("POST", "/", b"[" * 100_000),
    "nesting of a hundred": ("POST", "/", b'{"message": "25", "x": ' + b"[" * 100 + b"]" * 100 + b"}"),
    "a name twice": ("POST", "/", b'{"message": "26", "message": "27"}'),
    "four MiB": ("POST", "/", b" " * (4 << 20) + b'{"message": "28"}'),
}  # fmt: skip
