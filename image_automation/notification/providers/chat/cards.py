"""Services that show cards: Google Chat, Lark, Zoom."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gotk.http.exchange import Exchange, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account


def googlechat(notice: Notice, account: Account) -> Exchange:
    """Send a card to a Google Chat space."""
    message = text.as_html(notice.message)
    if notice.is_error:
        message = f'<font color="#ff0000">{message}</font>'
    sections: list[dict[str, Any]] = [_section({"textParagraph": {"text": message}, "keyValue": None})]
    if notice.facts:
        sections.append(_section(*(_key_value(name, value) for name, value in text.facts(notice, text.as_html))))
    header = {
        "title": text.plain(notice.title),
        "subtitle": notice.reporting_controller,
        "imageUrl": None,
        "imageStyle": None,
    }
    yield post(account.needs("address"), {"cards": [{"header": header, "sections": sections}]})


def _section(*widgets: dict[str, Any]) -> dict[str, Any]:
    return {"header": "", "widgets": list(widgets)}


def _key_value(name: str, value: str) -> dict[str, Any]:
    shown = {
        "topLabel": name,
        "content": value,
        "contentMultiline": False,
        "bottomLabel": None,
        "icon": None,
    }
    return {"textParagraph": None, "keyValue": shown}


def lark(notice: Notice, account: Account) -> Exchange:
    """Send an interactive card to Lark."""
    emoji, color = ("🚨", "red") if notice.is_error else ("💫", "turquoise")
    facts = "".join(f"{name}: {value}\n" for name, value in text.facts(notice, text.unlinked))
    content = f"**{text.unlinked(notice.message)}**\n\n{facts}"
    card = {
        "config": {"wide_screen_mode": True},
        "header": {"title": {"tag": "plain_text", "content": f"{emoji} {text.plain(notice.title)}"}, "template": color},
        "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": content}}],
    }
    yield post(account.needs("address"), {"msg_type": "interactive", "card": card})


def zoom(notice: Notice, account: Account) -> Exchange:
    """Send a message to Zoom's incoming webhook, whose token stands bare in the header."""
    body: list[dict[str, Any]] = [{"type": "message", "text": text.plain(notice.message)}]
    if notice.facts:
        items = [{"key": text.plain(name), "value": text.plain(value)} for name, value in sorted(notice.facts.items())]
        body.append({"type": "fields", "items": items})
    head = {"text": text.plain(notice.title), "sub_head": {"text": notice.severity}}
    parts = urlsplit(account.needs("address"))
    asked = dict(parse_qsl(parts.query))
    if not asked.get("format"):
        parts = parts._replace(query=urlencode(sorted({**asked, "format": "full"}.items())))
    yield post(parts.geturl(), {"content": {"head": head, "body": body}}, {"Authorization": account.needs("token")})
