"""The exact requests of every type of Provider, against a file that is read by people when it changes.

To accept a change: `python -m tests.image_automation.notification.providers.test_requests`.
"""

import json
import typing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gotk.api.notification import ProviderSpec
from gotk.http.exchange import Answer, Request, Unusable
from image_automation.notification.notice import Notice
from image_automation.notification.providers import catalog
from image_automation.notification.providers.account import Account
from tests.image_automation.notification import scene

GOLDEN = Path(__file__).parent / "requests.json"
REPOSITORY = "https://git.example.com/org/web.git"
LISTS = ("/statuses", "/comments", "/notes")


def key() -> bytes:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def situation(type_: str) -> tuple[Notice, Account]:
    notice, account = scene.notice(), scene.account(type_)
    if type_ in catalog.CHANGE_REQUEST:
        notice = scene.notice(metadata={**notice.facts, "change_request": "7"})
    if type_ in catalog.COMMIT_STATUS | catalog.CHANGE_REQUEST | {"githubdispatch"}:
        address = {
            "githubdispatch": "https://github.com/org/web",
            "github": "ssh://git@github.com/org/web.git",
            "azuredevops": "https://dev.azure.com/org/project/_git/web",
            "bitbucketserver": "https://git.example.com/base/scm/org/web.git",
        }.get(type_, REPOSITORY)
        account = scene.account(type_, address, token="user:pass" if type_ == "bitbucket" else "t0ken")
    elif type_ == "telegram":
        account = scene.account(type_, "", channel="-100:42")
    elif type_ == "zulip":
        account = scene.account(type_, "https://zulip.example.com", channel="ops/flux", username="bot@x", password="pw")
    elif type_ == "matrix":
        account = scene.account(type_, "https://matrix.example.com", channel="!room:example.com")
    elif type_ == "sentry":
        account = scene.account(type_, "https://k3y@sentry.example.com/42", channel="prod")
    elif type_ == "azureeventhub":
        hub = (
            "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=hub"
        )
        account = scene.account(type_, hub)
    elif type_ == "apprise":
        account = scene.account(type_, "mailtos://bot:pw@mail.example.com?to=team@example.com")
    elif type_ == "nats":
        account = scene.account(type_, "nats://nats.example.com,tls://bot:pw@[::1]:4333")
    elif type_ == "googlepubsub":
        private = json.dumps({"client_email": "bot@example.com", "private_key": key().decode()})
        account = scene.account(type_, "project", token=private)
    return notice, account


def answered(request: Request) -> Answer:
    path = request.url.split("?")[0]
    if request.method == "GET" and path.endswith(LISTS) and "dev.azure.com" not in path:
        return Answer(status=200, body=b"[]")
    if "/builds" in path or "/statuses/build/" in path:
        return Answer(status=404)
    return Answer(status=200, body=b'{"login": "bot", "username": "bot", "access_token": "google"}')


def requests(type_: str) -> list[dict[str, Any]]:
    notice, account = situation(type_)
    found = [scene.shown(request) for request in scene.talk(catalog.TYPES[type_](notice, account), answered)]
    if type_ == "googlepubsub":
        found[0]["body"] = found[0]["body"].split("&assertion=")[0]
    return found


@pytest.mark.parametrize("type_", sorted(catalog.TYPES))
def test_every_type_sends_exactly_this(type_: str) -> None:
    assert requests(type_) == json.loads(GOLDEN.read_text())[type_]


def test_every_type_of_the_schema_is_sent_through() -> None:
    assert set(typing.get_args(typing.get_type_hints(ProviderSpec)["type"])) == set(catalog.TYPES)


def test_what_went_well_resolves_an_incident_and_tells_a_change() -> None:
    account = scene.account("pagerduty")
    asked = scene.talk(catalog.TYPES["pagerduty"](scene.notice(severity="info"), account))
    assert [request.url.partition(".com")[2] for request in asked] == ["/v2/enqueue", "/v2/change/enqueue"]
    assert json.loads(asked[0].body) == {"routing_key": "ops", "event_action": "resolve", "dedup_key": "uid-web"}


STATUS = {
    "github": {"context": "kustomization/web/0c9c2e41", "state": "failure", "description": "health check failed"},
    "gitlab": {
        "name": "kustomization/web/0c9c2e41",
        "status": "failed",
        "description": "health check failed",
        "sha": scene.COMMIT,
    },
    "gitea": {"context": "kustomization/web/0c9c2e41", "status": "failure", "description": "health check failed"},
}


@pytest.mark.parametrize("type_", STATUS)
def test_a_status_that_is_said_already_is_not_said_again(type_: str) -> None:
    newest_first = [{**STATUS[type_]}, {**STATUS[type_], "description": "older"}]
    answer = Answer(status=200, body=json.dumps(newest_first).encode())
    notice, account = situation(type_)
    asked = scene.talk(catalog.TYPES[type_](notice, account), lambda _: answer)
    assert [request.method for request in asked] == ["GET"]


@pytest.mark.parametrize("type_", sorted(catalog.COMMIT_STATUS - {"gitea"}))
def test_progress_is_no_status(type_: str) -> None:
    _, account = situation(type_)
    assert scene.talk(catalog.TYPES[type_](scene.notice(reason="Progressing"), account)) == []


@pytest.mark.parametrize("type_", sorted(catalog.COMMIT_STATUS))
@pytest.mark.parametrize(
    ("metadata", "message"),
    [({}, "missing revision metadata"), ({"revision": "6.0.0"}, "failed to extract commit hash from '6.0.0' revision")],
    ids=["no revision", "a chart's version"],
)
def test_a_status_needs_a_commit(type_: str, metadata: dict[str, str], message: str) -> None:
    _, account = situation(type_)
    with pytest.raises(Unusable, match=message):
        scene.talk(catalog.TYPES[type_](scene.notice(metadata=metadata), account))


@pytest.mark.parametrize("type_", sorted(catalog.CHANGE_REQUEST))
def test_our_comment_is_written_anew_and_that_of_a_stranger_is_not(type_: str) -> None:
    notice, account = situation(type_)
    first = scene.talk(catalog.TYPES[type_](notice, account), answered)[-1]
    body = json.loads(first.body)["body"]
    comments = [
        {"id": 1, "body": body, "user": {"login": "stranger"}, "author": {"username": "stranger"}},
        {"id": 2, "body": body, "user": {"login": "bot"}, "author": {"username": "bot"}},
    ]

    def answer(request: Request) -> Answer:
        listing = request.method == "GET" and not request.url.endswith("/user")
        return Answer(status=200, body=json.dumps(comments).encode()) if listing else answered(request)

    last = scene.talk(catalog.TYPES[type_](notice, account), answer)[-1]
    assert last.method in {"PATCH", "PUT"}
    assert last.url.endswith("/2")


def test_the_signature_is_that_of_the_body() -> None:
    empty = scene.account("generic-hmac", token="")
    with pytest.raises(Unusable, match="generic-hmac need the secret's key 'token'"):
        scene.talk(catalog.TYPES["generic-hmac"](scene.notice(), empty))


def test_slacks_own_api_says_what_is_wrong_in_a_good_answer() -> None:
    account = scene.account("slack", "https://slack.com/api/chat.postMessage")
    answer = Answer(status=200, body=b'{"ok": false, "error": "channel_not_found"}')
    with pytest.raises(Unusable, match="Slack responded with error: channel_not_found"):
        scene.talk(catalog.TYPES["slack"](scene.notice(), account), lambda _: answer)


if __name__ == "__main__":
    found = {type_: requests(type_) for type_ in sorted(catalog.TYPES)}
    GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
