"""Each type of receiver takes a call that looks like its sender's, and none of the forgeries of it."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from image_automation.notification.receivers import VERIFIERS, cdevents, sample
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


def signed_by_nexus(body: Any, **headers: str) -> Call:
    return call(body, **headers, X_Nexus_Webhook_Signature=sign(json.dumps(body).encode(), "sha1"))


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
KEYED = (*PUSHED, Pushed("docker/team/web", "1.0.1"))
LOCAL = (*PUSHED, Pushed("docker-local/team/web", "1.0.1"))


def google(body: Any = GCR, claims: Mapping[str, Any] = CLAIMS, **secret: bytes) -> Call:
    return replace(call(body), claims=claims, secret=GCR_SECRET | secret)


GENUINE = [
    ("generic", call(b"anything"), ()),
    ("generic-hmac", signed(b"anything", "x-signature"), ()),
    ("generic-hmac", signed(b"anything", "x-signature", "sha1"), ()),
    ("generic-hmac", signed(b"anything", "x-signature", "sha512"), ()),
    ("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_event="package", events=("ping", "Package")),
        PUSHED),
    ("github", signed({"ref": "refs/heads/main"}, "x-hub-signature", "sha1", x_github_event="push"), ()),
    ("github", signed(urlencode({"payload": json.dumps(payloads.GHCR)}).encode(), "x-hub-signature-256",
                      content_type="application/x-www-form-urlencoded"), PUSHED),
    ("gitlab", call({"object_kind": "push"}, ("Push Hook",), X_Gitlab_Token="s3cret", X_Gitlab_Event="Push Hook"), ()),
    ("bitbucket", signed({"push": {}}, "x-hub-signature", x_event_key="repo:push", events=("repo:push",)), ()),
    ("harbor", call(payloads.HARBOR, Authorization="s3cret"), PUSHED),
    ("dockerhub", call(payloads.DOCKERHUB), PUSHED),
    ("quay", call(payloads.QUAY), (Pushed("quay.io/team/web", "1.0.1"),)),
    ("gcr", google(), (Pushed("gcr.io/team/web", "1.0.1"),)),
    ("nexus", call(payloads.NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(payloads.NEXUS).encode(), "sha1")),
        KEYED),
    ("nexus", call(payloads.NEXUS_ASSET,
                   X_Nexus_Webhook_Signature=sign(json.dumps(payloads.NEXUS_ASSET).encode(), "sha1")), KEYED),
    ("harbor", call(payloads.HARBOR_CLOUD_EVENT, Authorization="s3cret", Content_Type="application/cloudevents+json"),
     PUSHED),
    ("acr", call(payloads.ACR_CHART), ()),
    ("github", signed(payloads.GHCR_OLDER, "x-hub-signature-256", x_github_event="registry_package"), PUSHED),
    ("github", signed(payloads.GITEA_PACKAGE, "x-hub-signature-256", x_gitea_event="package"), PUSHED),
    ("acr", call(payloads.ACR), PUSHED),
    ("cdevents", call(payloads.CDEVENT, ("dev.cdevents.artifact.published.0.2.0",),
                      Ce_Type="dev.cdevents.artifact.published.0.2.0"), ()),
    ("artifactory", call(payloads.ARTIFACTORY, X_JFrog_Event_Auth=sign(json.dumps(payloads.ARTIFACTORY).encode())),
        LOCAL),
    ("artifactory", call(payloads.ARTIFACTORY, X_JFrog_Event_Auth="s3cret"), LOCAL),
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
    ("github", signed(payloads.GHCR, "x-hub-signature-256", x_github_event="push", events=("package",)),
        "another event"),
    ("github", signed(payloads.GHCR, "x-hub-signature-256", content_type="text/plain"), "wrong content type"),
    ("github", signed(b"[" * 100_000, "x-hub-signature-256"), "huge depth"),
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
    ("nexus", call(payloads.NEXUS, X_Nexus_Webhook_Signature=sign(json.dumps(payloads.NEXUS).encode())),
        "another algorithm"),
    ("gcr", google(claims=CLAIMS | {"email": "evil@example.com"}), "another email"),
    ("gcr", google(claims=CLAIMS | {"email_verified": False}), "email not verified"),
    ("gcr", google(claims=CLAIMS | {"iss": "https://evil.test"}), "another issuer"),
    ("gcr", google({"message": {"data": "!!"}}), "no base64"),
    ("gcr", google(email=b""), "a secret without email"),
    ("cdevents", call({"context": {}, "subject": {}}), "no CDEvent"),
    ("cdevents", call(payloads.CDEVENT, ("dev.cdevents.change.merged.0.2.0",),
        Ce_Type="dev.cdevents.artifact.published.0.2.0"),
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


REPLAYED = {
    "github": (signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="a"),
               signed({"changed": 1}, "x-hub-signature-256", x_github_delivery="a")),
    "github, the body under another id": (signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="a"),
                                          signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="b")),
    "github, the body without its id": (signed(payloads.GHCR, "x-hub-signature-256", x_github_delivery="a"),
                                        signed(payloads.GHCR, "x-hub-signature-256")),
    "github, of Gitea": (signed(payloads.GITEA_PACKAGE, "x-hub-signature-256", x_gitea_delivery="a"),
                         signed({"changed": 1}, "x-hub-signature-256", x_gitea_delivery="a")),
    "gitlab": (call(payloads.GITLAB, X_Gitlab_Token="s3cret", Idempotency_Key="a"),
               call({"changed": 1}, X_Gitlab_Token="s3cret", Idempotency_Key="a")),
    "gitlab, signed": (call(payloads.GITLAB, X_Gitlab_Token="s3cret", webhook_id="a"),
                       call({"changed": 1}, X_Gitlab_Token="s3cret", webhook_id="a")),
    "gitlab, before 17.4": (call(payloads.GITLAB, X_Gitlab_Token="s3cret", X_Gitlab_Event_UUID="a"),
                            call(payloads.GITLAB, X_Gitlab_Token="s3cret", X_Gitlab_Event_UUID="a")),
    "bitbucket": (signed(payloads.BITBUCKET, "x-hub-signature", x_request_uuid="a"),
                  signed({"changed": 1}, "x-hub-signature", x_request_uuid="a")),
    "bitbucket, of a data center": (signed(payloads.BITBUCKET, "x-hub-signature", x_request_id="a"),
                                    signed({"changed": 1}, "x-hub-signature", x_request_id="a")),
    "harbor": (call(payloads.HARBOR, Authorization="s3cret"), call(payloads.HARBOR, Authorization="s3cret")),
    "harbor, a cloud event": (call(payloads.HARBOR_CLOUD_EVENT, Authorization="s3cret"),
                              call(payloads.HARBOR_CLOUD_EVENT | {"data": {}}, Authorization="s3cret")),
    "dockerhub": (call(payloads.DOCKERHUB), call(payloads.DOCKERHUB | {"callback_url": "https://evil.test/"})),
    "acr": (call(payloads.ACR), call(payloads.ACR | {"action": "delete"})),
    "nexus": (signed_by_nexus(payloads.NEXUS, X_Nexus_Webhook_Delivery="a"),
              signed_by_nexus({"changed": 1}, X_Nexus_Webhook_Delivery="a")),
    "nexus, the body without its id": (signed_by_nexus(payloads.NEXUS, X_Nexus_Webhook_Delivery="a"),
                                       signed_by_nexus(payloads.NEXUS)),
    "gcr": (google(), google({"message": payloads.gcr("e30=")["message"]})),
    "cdevents": (call(payloads.CDEVENT), call(payloads.CDEVENT | {"customData": "changed"})),
    "distribution": (call(payloads.DISTRIBUTION, Authorization="s3cret"),
                     call({"events": [payloads.DISTRIBUTION["events"][0] | {"target": {}}]}, Authorization="s3cret")),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), REPLAYED.values(), ids=REPLAYED)
def test_a_delivery_that_came_before_is_known_again(first: Call, second: Call, request: pytest.FixtureRequest) -> None:
    type_ = request.node.callspec.id.partition(",")[0]
    before, after = take(type_, first), take(type_, second)
    assert set(before.ids) & {*after.ids, *after.traces}


def test_the_same_body_without_an_id_is_no_replay_of_itself() -> None:
    assert take("github", signed({"by": "hand"}, "x-hub-signature-256")).ids == ()
    assert take("quay", call(payloads.QUAY)).ids == ()


def test_two_events_of_one_cause_in_gitlab_are_two_deliveries() -> None:
    ids = [take("gitlab", call(body, X_Gitlab_Token="s3cret", X_Gitlab_Event_UUID="a")).ids
           for body in (payloads.GITLAB, payloads.GITLAB | {"ref": "refs/tags/v1"})]  # fmt: skip
    assert ids[0] != ids[1]


def test_pulls_from_a_distribution_registry_wake_nobody() -> None:
    pull = call({"events": [payloads.DISTRIBUTION["events"][1]]}, Authorization="s3cret")
    assert take("distribution", pull).idle
    assert not take("distribution", call(payloads.DISTRIBUTION, Authorization="s3cret")).idle


@pytest.mark.parametrize("type_", sorted(set(VERIFIERS) - {"generic-oidc", "gcr"}))
def test_the_call_that_trigger_makes_is_accepted(type_: str) -> None:
    events = ("push",) if type_ in {"github", "gitlab", "bitbucket"} else ()
    headers, body = sample.make(type_, TOKEN, events, "id-1", datetime.now(UTC))
    lower = {key.lower(): value for key, value in headers.items()}
    assert take(type_, Call(headers=lower, body=body, token=TOKEN, events=events))


@pytest.mark.parametrize("name", sorted(cdevents.shapes()))
def test_the_call_that_trigger_makes_is_an_event_of_each_type(name: str) -> None:
    known = cdevents.shapes()[name]
    event = f"dev.cdevents.{name}.{known['version']}" if known["version"] else "dev.cdeventsx.tool-thing.done.0.1.0"
    headers, body = sample.make("cdevents", TOKEN, (event,), "id-1", datetime.now(UTC))
    lower = {key.lower(): value for key, value in headers.items()}
    take("cdevents", Call(headers=lower, body=body, token=TOKEN, events=(event,)))
