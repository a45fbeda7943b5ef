"""Slack, and the two services that take Slack's payload: Discord and Rocket.Chat."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from gotk.http.exchange import Exchange, Unusable, bearer, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account

_API = "https://slack.com/api/chat.postMessage"


def slack(notice: Notice, account: Account) -> Exchange:
    """Send to an incoming webhook, or with a token to the API."""
    payload = _payload(notice, account, text.slack, ("good", "danger"))
    first_line = notice.message.split("\n", 1)[0]
    payload["attachments"][0]["fallback"] = text.slack(f"{notice.title}: {first_line}")
    url = account.needs("address")
    answer = yield post(url, payload, bearer(account.token))
    if url == _API:
        said = answer.json()
        if not (isinstance(said, dict) and said.get("ok")):
            cause = said.get("error", "") if isinstance(said, dict) else ""
            raise Unusable(f"Slack responded with error: {cause}")


def discord(notice: Notice, account: Account) -> Exchange:
    """Send to Discord's Slack-compatible webhook, which has one channel."""
    url = account.needs("address")
    if not url.endswith("/slack"):
        parts = urlsplit(url)
        path = "/".join(("", *(part for part in parts.path.split("/") if part), "slack"))
        url = parts._replace(path=path).geturl()
    yield post(url, {**_payload(notice, account, text.slack_like, ("good", "danger")), "channel": ""})


def rocket(notice: Notice, account: Account) -> Exchange:
    """Send to Rocket.Chat's webhook, which has a name of its own where none is given."""
    payload = _payload(notice, account, text.slack_like, ("#0076D7", "#FF0000"))
    yield post(account.needs("address"), {**payload, "username": account.username})


def _payload(notice: Notice, account: Account, escape: Callable[[str], str], colors: tuple[str, str]) -> dict[str, Any]:
    return {
        "channel": account.channel,
        "username": account.username or notice.reporting_controller,
        "icon_url": "",
        "icon_emoji": "",
        "attachments": [
            {
                "fallback": "",
                "color": colors[notice.is_error],
                "author_name": escape(notice.title),
                "text": escape(notice.message),
                "mrkdwn_in": ["text"],
                "fields": [
                    {"title": name, "value": value, "short": False} for name, value in text.facts(notice, escape)
                ],
            }
        ],
    }
