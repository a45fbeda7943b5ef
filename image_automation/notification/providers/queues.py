"""Message queues with an HTTP interface: Google Pub/Sub and Azure Event Hubs. Both get the event as it is."""

import base64
import hashlib
import hmac
from collections.abc import Generator
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import msgspec

from gotk.cloud import jwt
from gotk.http.exchange import Answer, Exchange, Request, Unusable, as_json, bearer, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers.account import Account

_SCOPE = "https://www.googleapis.com/auth/pubsub"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKENS = "https://oauth2.googleapis.com/token"
_NEEDED = {
    "service_account": ("client_email", "private_key"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
}
_LIFETIME = 600


def googlepubsub(notice: Notice, account: Account) -> Exchange:
    """Publish to the topic `channel` of the project `address`, with the token's key or an identity of the cloud."""
    project, topic = account.needs("address"), account.needs("channel")
    access = account.access_token or (yield from _exchanged(account))
    message: dict[str, Any] = {"data": base64.b64encode(as_json(notice.as_json())).decode()}
    if account.headers:
        message["attributes"] = dict(account.headers)
    url = f"https://pubsub.googleapis.com/v1/projects/{quote(project, safe='')}/topics/{quote(topic, safe='')}:publish"
    yield post(url, {"messages": [message]}, bearer(access))


def _exchanged(account: Account) -> Generator[Request, Answer, str]:
    key = _key(account.needs("token"))
    uri = str(key.get("token_uri") or _TOKENS)
    if key["type"] == "authorized_user":
        form = {"grant_type": "refresh_token", **{name: key[name] for name in _NEEDED["authorized_user"]}}
    else:
        now = int(account.now.timestamp())
        claims: dict[str, str | int] = {"iss": key["client_email"], "scope": _SCOPE, "aud": uri}
        form = {"grant_type": _GRANT, "assertion": _signed({**claims, "iat": now, "exp": now + _LIFETIME}, key)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = yield Request(url=uri, body=urlencode(form).encode(), headers=headers)
    return answer.text("access_token")


def _key(text: str) -> dict[str, str]:
    try:
        key: dict[str, Any] = {"type": "service_account", **msgspec.json.decode(text, type=dict[str, Any])}
    except (msgspec.MsgspecError, RecursionError):
        raise Unusable("the secret's key 'token' is not the JSON key of a Google service account") from None
    needed = _NEEDED.get(str(key["type"]))
    if needed is None:
        # Others name files and addresses that this process would read and ask for whoever wrote the secret.
        raise Unusable("Google credentials in a secret must be of the type service_account or authorized_user")
    for name in needed:
        if not key.get(name) or not isinstance(key[name], str):
            raise Unusable(f"the Google credentials in the secret lack '{name}'")
    return key


def _signed(claims: dict[str, str | int], key: dict[str, str]) -> str:
    try:
        return jwt.sign(claims, key["private_key"].encode())
    except ValueError as error:
        raise Unusable(f"the secret's private key cannot be used: {error}") from None


def azureeventhub(notice: Notice, account: Account) -> Exchange:
    """Send to an event hub: by its connection string, or to hub `address` of namespace `channel` with a token."""
    address = account.needs("address")
    if is_shared_access(account):
        host, hub, authorization = _shared_access(address, account)
    else:
        host, hub = _namespace(account), address
        authorization = f"Bearer {account.access_token or account.needs('token')}"
    headers = {"Content-Type": "application/json", "Authorization": authorization}
    url = f"https://{host}/{quote(hub, safe='')}/messages"
    yield Request(url=url, body=as_json(notice.as_json()), headers=headers)


def is_shared_access(account: Account) -> bool:
    """Tell whether the address is a connection string with a key."""
    return account.type == "azureeventhub" and "SharedAccessKey" in account.address


def check(account: Account, service_account: str) -> None:
    """Refuse two identities at once. Raises Unusable."""
    said = {
        "SAS authentication": is_shared_access(account),
        "jwt token": bool(account.token),
        "serviceAccountName": bool(service_account),
    }
    both = [name for name, there in said.items() if there]
    if len(both) > 1:
        cause = f"{both[1]} and {both[0]} cannot be set at the same time"
        raise Unusable(f"invalid authentication options: {cause}")


def suffix(authority: str) -> str:
    """Return where the event hubs of Azure's cloud are that has this login authority."""
    if "chinacloudapi.cn" in authority:
        return "servicebus.chinacloudapi.cn"
    return "servicebus.usgovcloudapi.net" if "microsoftonline.us" in authority else "servicebus.windows.net"


def _namespace(account: Account) -> str:
    name = account.needs("channel")
    return name if ".servicebus." in name else f"{name}.{account.event_hubs}"


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
