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
from tests.image_automation.notification.receivers import payloads

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


GCR = payloads.gcr(base64.b64encode(json.dumps(payloads.GCR_INNER).encode()).decode())
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
    ("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_event="package", events=("ping", "Package")), PUSHED),
    ("github", signed({"ref": "refs/heads/main"}, "x-hub-signature", "sha1", x_github_event="push"), ()),
    ("github", signed(urlencode({"payload": json.dumps(payloads.GHCR)}).encode(), "x-hub-signature-256",
                      content_type="application/x-www-form-urlencoded"), PUSHED),
    ("gitlab", call({"object_kind": "push"}, ("Push Hook",), X_Gitlab_Token="s3cret", X_Gitlab_Event="Push Hook"), ()),
    ("bitbucket", signed({"push": {}}, "x-hub-signature", x_event_key="repo:push", events=("repo:push",)), ()),
    ("harbor", call(payloads.HARBOR, Authorization="s3cret"), PUSHED),
    ("dockerhub", call(payloads.DOCKERHUB), PUSHED),
    ("quay", call(payloads.QUAY), (Pushed("quay.io/team/web", "1.0.1"),)),
    ("gcr", google(), (Pushed("gcr.io/team/web", "1.0.1"),)),
    ("nexus", call(payloads.NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(payloads.NEXUS).encode(), "sha1")), ()),
    ("acr", call(payloads.ACR), PUSHED),
    ("cdevents", call(payloads.CDEVENT, ("dev.cdevents.artifact.published.0.2.0",),
                      Ce_Type="dev.cdevents.artifact.published.0.2.0"), ()),
    ("artifactory", call(payloads.ARTIFACTORY, X_JFrog_Event_Auth=sign(json.dumps(payloads.ARTIFACTORY).encode())), PUSHED),
    ("artifactory", call(payloads.ARTIFACTORY, X_JFrog_Event_Auth="s3cret"), PUSHED),
    ("distribution", call(payloads.DISTRIBUTION, Authorization="Bearer s3cret"), PUSHED),
    ("distribution", call(payloads.DISTRIBUTION, Authorization="s3cret"), PUSHED),
]  # fmt: skip

FORGED = [
    ("generic-hmac", call(b"x"), "no signature"),
    ("generic-hmac", call(b"x", X_Signature="sha256=" + sign(b"y")), "signature of another body"),
    ("generic-hmac", call(b"x", X_Signature="sha256=" + sign(b"x", token=b"guess")), "signature by another token"),
    ("generic-hmac", call(b"x", X_Signature=sign(b"x")), "no algorithm"),
    ("generic-hmac", call(b"x", X_Signature="md5=" + sign(b"x", "md5")), "an algorithm that is not taken"),
    ("generic-hmac", call(b"x", X_Signature="sha256=\udcff"), "a signature that is not text"),
    ("generic-hmac", replace(signed(b"x", "x-signature"), token=b""), "an empty token"),
    ("github", call(payloads.GHCR, X_GitHub_Event="package"), "no signature"),
    ("github", call(payloads.GHCR, X_Hub_Signature_256="sha256=" + "0" * 64), "wrong signature"),
    ("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_event="push", events=("package",)), "another event"),
    ("github", signed(payloads.GHCR, "x-hub-signature-256", content_type="text/plain"), "wrong content type"),
    ("github", signed(b"[" * 100_000, "x-hub-signature-256"), "huge depth"),
    ("github", signed(b"payload=x", "x-hub-signature-256", content_type="application/x-www-form-urlencoded"),
     "a form without JSON"),
    ("gitlab", call({}), "no token"),
    ("gitlab", call({}, X_Gitlab_Token="s3cres"), "wrong token"),
    ("gitlab", call({}, ("Tag Push Hook",), X_Gitlab_Token="s3cret", X_Gitlab_Event="Push Hook"), "another event"),
    ("bitbucket", call({}, X_Hub_Signature="sha256=" + sign(b"x")), "wrong signature"),
    ("bitbucket", signed({}, "x-hub-signature", x_event_key="repo:fork", events=("repo:push",)), "another event"),
    ("harbor", call(payloads.HARBOR), "no header"),
    ("harbor", call(payloads.HARBOR, Authorization="Bearer s3cret"), "another form of the header"),
    ("dockerhub", call(b"{"), "no JSON"),
    ("quay", call(b"[]"), "no object"),
    ("acr", call(b"[" * 100_000), "huge depth"),
    ("nexus", call(payloads.NEXUS, X_Nexus_Webhook_Signature=sign(b"x", "sha1")), "wrong signature"),
    ("nexus", call(payloads.NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(payloads.NEXUS).encode())), "another algorithm"),
    ("gcr", google(claims=CLAIMS | {"email": "evil@example.com"}), "another email"),
    ("gcr", google(claims=CLAIMS | {"email_verified": False}), "email not verified"),
    ("gcr", google(claims=CLAIMS | {"iss": "https://evil.test"}), "another issuer"),
    ("gcr", google({"message": {"data": "!!"}}), "no base64"),
    ("gcr", google(email=b""), "a secret without email"),
    ("cdevents", call({"context": {}, "subject": {}}), "no CDEvent"),
    ("cdevents", call(payloads.CDEVENT, ("dev.cdevents.change.merged.0.2.0",), Ce_Type="dev.cdevents.artifact.published.0.2.0"),
     "another event"),
    ("artifactory", call(payloads.ARTIFACTORY), "no header"),
    ("artifactory", call(payloads.ARTIFACTORY, X_JFrog_Event_Auth=sign(b"x")), "wrong signature"),
    ("distribution", call(payloads.DISTRIBUTION), "no header"),
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
    assert take("gcr", google()).request == payloads.GCR_INNER


def test_a_replayed_body_cannot_be_passed_off_as_another_delivery() -> None:
    first = take("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="a"))
    second = take("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="b"))
    assert set(first.ids) & set(second.ids)
    assert hashlib.sha256(json.dumps(payloads.GHCR).encode()).hexdigest() in first.ids[0]


@pytest.mark.parametrize("type_", sorted(set(VERIFIERS) - {"generic-oidc", "gcr"}))
def test_the_call_that_trigger_makes_is_accepted(type_: str) -> None:
    events = ("push",) if type_ in {"github", "gitlab", "bitbucket"} else ()
    headers, body = sample.make(type_, TOKEN, events, "id-1", datetime.now(UTC))
    lower = {key.lower(): value for key, value in headers.items()}
    assert take(type_, Call(headers=lower, body=body, token=TOKEN, events=events))
