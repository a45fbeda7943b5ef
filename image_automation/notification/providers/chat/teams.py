"""Microsoft Teams: adaptive cards, and message cards for the older connectors."""

from typing import Any
from urllib.parse import urlsplit

from gotk.http.exchange import Exchange, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account


def msteams(notice: Notice, account: Account) -> Exchange:
    """Send the card that the address takes."""
    url = account.needs("address")
    connector = (urlsplit(url).hostname or "").endswith(".webhook.office.com")
    yield post(url, _message_card(notice) if connector else _adaptive_card(notice))


def _message_card(notice: Notice) -> dict[str, Any]:
    return {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": "FF0000" if notice.is_error else "0076D7",
        "summary": text.plain(notice.title),
        "sections": [
            {
                "activityTitle": text.markdown(notice.message),
                "activitySubtitle": text.markdown(notice.title),
                "facts": _facts(notice, "name"),
            }
        ],
    }


def _adaptive_card(notice: Notice) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "TextBlock", "text": text.markdown(notice.message)}
    if notice.is_error:
        message["color"] = "attention"
    message["wrap"] = True
    facts: dict[str, Any] = {"type": "FactSet"}
    if notice.facts:
        facts["facts"] = _facts(notice, "title")
    title = {
        "type": "TextBlock",
        "text": text.markdown(notice.title),
        "size": "large",
        "weight": "bolder",
        "wrap": True,
    }
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "Container", "items": [title, message, facts]}],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [attachment]}


def _facts(notice: Notice, label: str) -> list[dict[str, str]]:
    return [{label: name, "value": value} for name, value in text.facts(notice, text.markdown)]
