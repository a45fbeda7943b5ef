"""Each type of receiver takes a call that looks like its sender's, and none of the forgeries of it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from image_automation.notification.receivers import VERIFIERS, sample
from image_automation.notification.receivers.call import Accepted, Call, Pushed, RefusedError

TOKEN = b"s3cret"
JSON = {"content-type": "application/json"}


def sign(body: bytes, algorithm: str = "sha256", token: bytes = TOKEN) -> str:
    return hmac.new(token, body, algorithm).hexdigest()


def call(body: Any = None, /, events: tuple[str, ...] = (), **headers: str) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {key.replace("_", "-").lower(): value for key, value in headers.items()}
    return Call(headers=JSON | named, body=raw, token=TOKEN, events=events)


def signed(body: Any, header: str, algorithm: str = "sha256", **headers: str) -> Call:
    made = call(body, **headers)
    return replace(made, headers={**made.headers, header: f"{algorithm}={sign(made.body, algorithm)}"})


def take(type_: str, made: Call) -> Accepted:
    return VERIFIERS[type_](made)


PACKAGE = {
    "action": "published",
    "registry_package": {
        "name": "web",
        "namespace": "team",
        "package_type": "CONTAINER",
        "package_version": {"container_metadata": {"tag": {"name": "1.0.1", "digest": "sha256:ab"}}},
    },
}
HARBOR = {
    "type": "PUSH_ARTIFACT",
    "occur_at": 1586922308,
    "operator": "admin",
    "event_data": {
        "resources": [{"digest": "sha256:ab", "tag": "1.0.1", "resource_url": "evil.test/team/web:1.0.1"}],
        "repository": {"name": "web", "namespace": "team", "repo_full_name": "team/web", "repo_type": "private"},
    },
}
DOCKERHUB = {
    "callback_url": "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg1/",
    "push_data": {"pushed_at": 1417566161, "pusher": "trustedbuilder", "tag": "1.0.1"},
    "repository": {"repo_name": "team/web", "repo_url": "https://registry.hub.docker.com/u/team/web/"},
}
QUAY = {"name": "web", "repository": "team/web", "docker_url": "quay.io/team/web", "updated_tags": ["1.0.1"]}
ACR = {
    "id": "cb8c3971-9adc-488b-xxxx-43cbb4974ff5",
    "timestamp": "2017-11-17T16:52:01.343145347Z",
    "action": "push",
    "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 524,
               "digest": "sha256:ab", "repository": "team/web", "tag": "1.0.1"},
    "request": {"host": "evil.test", "method": "PUT"},
}  # fmt: skip
ARTIFACTORY = {
    "domain": "docker",
    "event_type": "pushed",
    "data": {"repo_key": "docker-local", "image_name": "team/web", "tag": "1.0.1", "path": "web/1.0.1"},
}  # fmt: skip
DISTRIBUTION = {
    "events": [
        {"id": "asdf-1", "timestamp": "2026-01-01T00:00:00.000000Z", "action": "push",
         "target": {"repository": "team/web", "tag": "1.0.1", "url": "http://evil.test/v2/team/web/manifests/x"}},
        {"id": "asdf-2", "timestamp": "2026-01-01T00:00:01.000000Z", "action": "pull",
         "target": {"repository": "team/web", "tag": "0.1.0"}},
    ]
}  # fmt: skip
NEXUS = {"timestamp": "2016-11-10T23:57:49.664+0000", "nodeId": "52905B51", "initiator": "anonymous",
         "repositoryName": "docker", "action": "CREATED", "component": {"name": "web", "version": "1"}}  # fmt: skip
CDEVENT = {
    "context": {"version": "0.4.1", "id": "271069a8-fc18", "source": "/event/source/123",
                "type": "dev.cdevents.artifact.published.0.2.0", "timestamp": "2023-03-20T14:27:05.315384Z"},
    "subject": {"id": "pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c", "source": "/event/source/123",
                "type": "artifact", "content": {}},
}  # fmt: skip
GCR_INNER = {"action": "INSERT", "digest": "gcr.io/team/web@sha256:ab", "tag": "gcr.io/team/web:1.0.1"}
GCR = {
    "message": {"data": base64.b64encode(json.dumps(GCR_INNER).encode()).decode(), "messageId": "136969346945"},
    "subscription": "projects/myproject/subscriptions/mysubscription",
}
CLAIMS: Mapping[str, Any] = {
    "iss": "https://accounts.google.com",
    "aud": "https://hooks.example.com",
    "email": "push@project.iam.gserviceaccount.com",
    "email_verified": True,
}
GCR_SECRET = {
    "token": TOKEN,
    "email": b"push@project.iam.gserviceaccount.com",
    "audience": b"https://hooks.example.com",
}
PUSHED = (Pushed("team/web", "1.0.1"),)


def google(body: Any = GCR, claims: Mapping[str, Any] = CLAIMS, **secret: bytes) -> Call:
    return replace(call(body), claims=claims, secret=GCR_SECRET | secret)


GENUINE = [
    ("generic", call(b"anything"), ()),
    ("generic-hmac", signed(b"anything", "x-signature"), ()),
    ("generic-hmac", signed(b"anything", "x-signature", "sha1"), ()),
    ("generic-hmac", signed(b"anything", "x-signature", "sha512"), ()),
    ("github", signed(PACKAGE, "x-hub-signature-256", x_github_event="package", events=("ping", "Package")), PUSHED),
    ("github", signed({"ref": "refs/heads/main"}, "x-hub-signature", "sha1", x_github_event="push"), ()),
    ("github", signed(urlencode({"payload": json.dumps(PACKAGE)}).encode(), "x-hub-signature-256",
                      content_type="application/x-www-form-urlencoded"), PUSHED),
    ("gitlab", call({"object_kind": "push"}, ("Push Hook",), X_Gitlab_Token="s3cret", X_Gitlab_Event="Push Hook"), ()),
    ("bitbucket", signed({"push": {}}, "x-hub-signature", x_event_key="repo:push", events=("repo:push",)), ()),
    ("harbor", call(HARBOR, Authorization="s3cret"), PUSHED),
    ("dockerhub", call(DOCKERHUB), PUSHED),
    ("quay", call(QUAY), (Pushed("quay.io/team/web", "1.0.1"),)),
    ("gcr", google(), (Pushed("gcr.io/team/web", "1.0.1"),)),
    ("nexus", call(NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(NEXUS).encode(), "sha1")), ()),
    ("acr", call(ACR), PUSHED),
    ("cdevents", call(CDEVENT, ("dev.cdevents.artifact.published.0.2.0",),
                      Ce_Type="dev.cdevents.artifact.published.0.2.0"), ()),
    ("artifactory", call(ARTIFACTORY, X_JFrog_Event_Auth=sign(json.dumps(ARTIFACTORY).encode())), PUSHED),
    ("artifactory", call(ARTIFACTORY, X_JFrog_Event_Auth="s3cret"), PUSHED),
    ("distribution", call(DISTRIBUTION, Authorization="Bearer s3cret"), PUSHED),
    ("distribution", call(DISTRIBUTION, Authorization="s3cret"), PUSHED),
]  # fmt: skip

FORGED = [
    ("generic-hmac", call(b"x"), "no signature"),
    ("generic-hmac", call(b"x", X_Signature="sha256=" + sign(b"y")), "signature of another body"),
    ("generic-hmac", call(b"x", X_Signature="sha256=" + sign(b"x", token=b"guess")), "signature by another token"),
    ("generic-hmac", call(b"x", X_Signature=sign(b"x")), "no algorithm"),
    ("generic-hmac", call(b"x", X_Signature="md5=" + sign(b"x", "md5")), "an algorithm that is not taken"),
    ("generic-hmac", call(b"x", X_Signature="sha256=\udcff"), "a signature that is not text"),
    ("generic-hmac", replace(signed(b"x", "x-signature"), token=b""), "an empty token"),
    ("github", call(PACKAGE, X_GitHub_Event="package"), "no signature"),
    ("github", call(PACKAGE, X_Hub_Signature_256="sha256=" + "0" * 64), "wrong signature"),
    ("github", signed(PACKAGE, "x-hub-signature-256", x_github_event="push", events=("package",)), "another event"),
    ("github", signed(PACKAGE, "x-hub-signature-256", content_type="text/plain"), "wrong content type"),
    ("github", signed(b"[" * 100_000, "x-hub-signature-256"), "huge depth"),
    ("github", signed(b"payload=x", "x-hub-signature-256", content_type="application/x-www-form-urlencoded"),
     "a form without JSON"),
    ("gitlab", call({}), "no token"),
    ("gitlab", call({}, X_Gitlab_Token="s3cres"), "wrong token"),
    ("gitlab", call({}, ("Tag Push Hook",), X_Gitlab_Token="s3cret", X_Gitlab_Event="Push Hook"), "another event"),
    ("bitbucket", call({}, X_Hub_Signature="sha256=" + sign(b"x")), "wrong signature"),
    ("bitbucket", signed({}, "x-hub-signature", x_event_key="repo:fork", events=("repo:push",)), "another event"),
    ("harbor", call(HARBOR), "no header"),
    ("harbor", call(HARBOR, Authorization="Bearer s3cret"), "another form of the header"),
    ("dockerhub", call(b"{"), "no JSON"),
    ("quay", call(b"[]"), "no object"),
    ("acr", call(b"[" * 100_000), "huge depth"),
    ("nexus", call(NEXUS, X_Nexus_Webhook_Signature=sign(b"x", "sha1")), "wrong signature"),
    ("nexus", call(NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(NEXUS).encode())), "another algorithm"),
    ("gcr", google(claims=CLAIMS | {"email": "evil@example.com"}), "another email"),
    ("gcr", google(claims=CLAIMS | {"email_verified": False}), "email not verified"),
    ("gcr", google(claims=CLAIMS | {"iss": "https://evil.test"}), "another issuer"),
    ("gcr", google({"message": {"data": "!!"}}), "no base64"),
    ("gcr", google(email=b""), "a secret without email"),
    ("cdevents", call({"context": {}, "subject": {}}), "no CDEvent"),
    ("cdevents", call(CDEVENT, ("dev.cdevents.change.merged.0.2.0",), Ce_Type="dev.cdevents.artifact.published.0.2.0"),
     "another event"),
    ("artifactory", call(ARTIFACTORY), "no header"),
    ("artifactory", call(ARTIFACTORY, X_JFrog_Event_Auth=sign(b"x")), "wrong signature"),
    ("distribution", call(DISTRIBUTION), "no header"),
    ("distribution", call({"events": "x"}, Authorization="s3cret"), "no events"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "made", "named"), GENUINE, ids=[f"{t}-{n}" for n, (t, _, _) in enumerate(GENUINE)])
def test_a_genuine_call_is_accepted_and_says_what_was_pushed(type_: str, made: Call, named: tuple[Pushed, ...]) -> None:
    assert take(type_, made).pushed == named


@pytest.mark.parametrize(("type_", "made", "why"), FORGED, ids=[f"{t}: {why}" for t, _, why in FORGED])
def test_a_forged_call_is_refused(type_: str, made: Call, why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        take(type_, made)
    assert TOKEN.decode() not in str(refused.value)


def test_every_type_but_the_token_ones_has_a_genuine_call() -> None:
    assert {type_ for type_, _, _ in GENUINE} == set(VERIFIERS) - {"generic-oidc"}


def test_gcr_hands_the_inner_message_to_cel() -> None:
    assert take("gcr", google()).request == GCR_INNER


def test_a_replayed_body_cannot_be_passed_off_as_another_delivery() -> None:
    first = take("github", signed(PACKAGE, "x-hub-signature-256", x_github_delivery="a"))
    second = take("github", signed(PACKAGE, "x-hub-signature-256", x_github_delivery="b"))
    assert set(first.ids) & set(second.ids)
    assert hashlib.sha256(json.dumps(PACKAGE).encode()).hexdigest() in first.ids[0]


@pytest.mark.parametrize("type_", sorted(set(VERIFIERS) - {"generic-oidc", "gcr"}))
def test_the_call_that_trigger_makes_is_accepted(type_: str) -> None:
    events = ("push",) if type_ in {"github", "gitlab", "bitbucket"} else ()
    headers, body = sample.make(type_, TOKEN, events, "id-1", datetime.now(UTC))
    lower = {key.lower(): value for key, value in headers.items()}
    assert take(type_, Call(headers=lower, body=body, token=TOKEN, events=events))
