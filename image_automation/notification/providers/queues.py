"""Message queues with an HTTP interface: Google Pub/Sub and Azure Event Hubs. Both get the event as it is."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import msgspec

from image_automation.notification.notice import Notice
from image_automation.notification.providers import tokens
from image_automation.notification.providers.exchange import Account, Exchange, Request, Unusable, bearer, post

_SCOPE = "https://www.googleapis.com/auth/pubsub"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 600


def googlepubsub(notice: Notice, account: Account) -> Exchange:
    """Publish to the topic `channel` of the project `address`, as the service account whose key is the token."""
    project, topic = account.needs("address"), account.needs("channel")
    key = _service_account(account.needs("token"))
    uri, now = key.get("token_uri") or "https://oauth2.googleapis.com/token", int(account.now.timestamp())
    claims = {"iss": key["client_email"], "scope": _SCOPE, "aud": uri, "iat": now, "exp": now + _LIFETIME}
    form = urlencode({"grant_type": _GRANT, "assertion": tokens.signed(claims, key["private_key"].encode())})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = yield Request(url=uri, body=form.encode(), headers=headers)
    access = str(answer.json().get("access_token", ""))
    message: dict[str, Any] = {"data": base64.b64encode(msgspec.json.encode(notice.as_json())).decode()}
    if account.headers:
        message["attributes"] = dict(account.headers)
    url = f"https://pubsub.googleapis.com/v1/projects/{quote(project, safe='')}/topics/{quote(topic, safe='')}:publish"
    yield post(url, {"messages": [message]}, bearer(access))


def _service_account(text: str) -> dict[str, str]:
    try:
        key = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        raise Unusable("the secret's key 'token' is not the JSON key of a Google service account") from None
    for name in ("client_email", "private_key"):
        if not key.get(name):
            raise Unusable(f"the service account's key in the secret lacks '{name}'")
    return key


def azureeventhub(notice: Notice, account: Account) -> Exchange:
    """Send to an event hub: by its connection string, or to hub `channel` of namespace `address` with a JWT."""
    address = account.needs("address")
    if address.startswith("Endpoint="):
        host, hub, authorization = _shared_access(address, account)
    else:
        host, hub = f"{address}.servicebus.windows.net", account.needs("channel")
        authorization = f"Bearer {account.needs('token')}"
    headers = {"Content-Type": "application/json", "Authorization": authorization}
    url = f"https://{host}/{quote(hub, safe='')}/messages"
    yield Request(url=url, body=msgspec.json.encode(notice.as_json()), headers=headers)


def _shared_access(connection: str, account: Account) -> tuple[str, str, str]:
    parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    host = parts.get("Endpoint", "").removeprefix("sb://").strip("/")
    hub = parts.get("EntityPath") or account.channel
    name, secret = parts.get("SharedAccessKeyName", ""), parts.get("SharedAccessKey", "")
    if not (host and hub and name and secret):
        raise Unusable("the address needs Endpoint, SharedAccessKeyName, SharedAccessKey and EntityPath")
    resource = quote_plus(f"https://{host}/{hub}")
    expires = int(account.now.timestamp()) + _LIFETIME
    mac = hmac.new(secret.encode(), f"{resource}\n{expires}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(mac))
    return host, hub, f"SharedAccessSignature sr={resource}&sig={signature}&se={expires}&skn={quote_plus(name)}"
