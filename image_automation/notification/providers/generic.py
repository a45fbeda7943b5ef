"""The event itself to any HTTP address, plain or signed."""

import hashlib
import hmac
from dataclasses import replace

from gotk.http.exchange import Exchange, Request, Unusable, named, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers.account import Account


def generic(notice: Notice, account: Account) -> Exchange:
    """Send the event as JSON."""
    yield _request(notice, account)


def generic_hmac(notice: Notice, account: Account) -> Exchange:
    """Send the event as JSON, signed with the token."""
    if not account.token:
        raise Unusable("providers of type generic-hmac need the secret's key 'token', and not an empty one")
    request = _request(notice, account)
    # The receiver has the same secret, so a newline at its end counts.
    key = account.secret.get("token", account.token.encode())
    signature = hmac.new(key, request.body, hashlib.sha256).hexdigest()
    yield replace(request, headers={**request.headers, "X-Signature": f"sha256={signature}"})


def _request(notice: Notice, account: Account) -> Request:
    headers = {"Gotk-Component": notice.reporting_controller, **named(account.headers)}
    return post(account.needs("address"), notice.as_json(), headers)
