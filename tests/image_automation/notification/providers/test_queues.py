"""Queues: which keys of Google are taken out of a Secret, and what an event hub needs to be named."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from gotk.http.exchange import Answer, Request, Unusable
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene

REFRESHED = {
    "type": "authorized_user", "client_id": "id", "client_secret": "hunter2", "refresh_token": "r3fresh",
}  # fmt: skip
ACCESS = Answer(status=200, body=b'{"access_token": "ya29"}')


def publish(token: str | dict[str, Any], **changes: Any) -> list[Request]:
    text = token if isinstance(token, str) else json.dumps(token)
    account = scene.account("googlepubsub", "project", token=text, **changes)
    return scene.talk(catalog.TYPES["googlepubsub"](scene.notice(), account), lambda _: ACCESS)


def test_credentials_of_a_user_are_refreshed() -> None:
    token, message = publish(REFRESHED)
    assert (token.method, token.url) == ("POST", "https://oauth2.googleapis.com/token")
    assert {name: value[0] for name, value in parse_qs(token.body.decode()).items()} == {
        "grant_type": "refresh_token", "client_id": "id", "client_secret": "hunter2", "refresh_token": "r3fresh",
    }  # fmt: skip
    assert message.headers["Authorization"] == "Bearer ya29"


def test_headers_become_attributes_of_the_message() -> None:
    message = publish(REFRESHED, headers={"team": "web"})[-1]
    assert json.loads(message.body)["messages"][0]["attributes"] == {"team": "web"}


BAD: dict[str, tuple[Any, str]] = {
    "nested beyond reason": ("[" * 100_000, "is not the JSON key of a Google service account"),
    "no JSON": ("t0ken", "is not the JSON key of a Google service account"),
    "files and addresses of whoever wrote the secret": (
        {"type": "external_account", "token_url": "https://example.com", "credential_source": {"file": "/etc/shadow"}},
        "must be of the type service_account or authorized_user",
    ),
    "a lack": ({**REFRESHED, "refresh_token": ""}, "lack 'refresh_token'"),
    "no text": ({"client_email": "a@b", "private_key": ["x"]}, "lack 'private_key'"),
    "no key": ({"client_email": "a@b", "private_key": "PEM"}, "the secret's private key cannot be used"),
}


@pytest.mark.parametrize(("token", "message"), BAD.values(), ids=BAD)
def test_a_key_that_cannot_be_used_is_told(token: Any, message: str) -> None:
    with pytest.raises(Unusable, match=message):
        publish(token)


ADDRESSES: dict[str, tuple[str, str, str]] = {
    "a namespace's name": ("hub", "ops", "https://ops.servicebus.windows.net/hub/messages"),
    "a namespace's whole name": ("hub", "ops.servicebus.example.com", "https://ops.servicebus.example.com/hub/messages"),
    "a connection string": (
        "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0;EntityPath=hub", "",
        "https://ns.servicebus.windows.net/hub/messages",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("address", "channel", "url"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_is_the_hub_and_the_channel_its_namespace(address: str, channel: str, url: str) -> None:
    account = scene.account("azureeventhub", address, channel=channel)
    [asked] = scene.talk(catalog.TYPES["azureeventhub"](scene.notice(), account))
    assert asked.url == url
