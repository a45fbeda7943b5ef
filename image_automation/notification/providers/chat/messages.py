"""Services that take one text: Webex, Telegram, Matrix, Zulip."""

import hashlib
import urllib.parse
from collections.abc import Callable

from gotk.http.exchange import Exchange, Request, Unusable, as_json, basic, bearer, post
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account

#: Signs that stand for themselves in a part of a URL's path.
_OF_A_PATH = "!$&'(*+),:;=@~"


def markdown(notice: Notice, escape: Callable[[str], str] = text.markdown) -> str:
    """Word an event in Markdown, as for comments and Zulip."""
    facts = "".join(
        f"* `{name.replace('`', '')}`: {value if name in notice.by_owner else escape(value)}\n"
        for name, value in sorted(notice.facts.items())
        if name != "change_request"
    )
    sign = "⚠️" if notice.is_error else "ℹ️"
    about, message = escape(notice.path), escape(notice.message)
    return f"## Flux Status\n\n{sign} {about}\n\n{message}\n\nMetadata:\n{facts}"


def webex(notice: Notice, account: Account) -> Exchange:
    """Send to a Webex room as a bot."""
    sign = "💣" if notice.is_error else "✅"
    facts = "".join(f">**{name}**: {value}\n" for name, value in text.facts(notice, text.markdown))
    shown = f"{sign} **{text.markdown(notice.title)}**\n{text.markdown(notice.message)}\n{facts}"
    payload = {"roomId": account.channel, "markdown": shown} if account.channel else {"markdown": shown}
    yield post(account.needs("address"), payload, bearer(account.token))


def telegram(notice: Notice, account: Account) -> Exchange:
    """Send to a Telegram chat, or to a topic of one (`chat:topic`)."""
    chat, _, thread = account.needs("channel").partition(":")
    about = notice.involved_object
    heading = text.telegram(f"{about.kind.lower()}/{about.name}/{about.namespace}")
    sign = "🚨" if notice.is_error else "💫"
    facts = "".join(
        f"\\- *{_telegram(notice, name, name)}*: {_telegram(notice, name, value)}\n"
        for name, value in text.ordered(notice.facts)
    )
    payload = {"chat_id": chat}
    if thread:
        payload["message_thread_id"] = thread
    payload["text"] = f"*{sign} {heading}*\n{text.telegram(notice.message)}\n{facts}"
    payload["parse_mode"] = "MarkdownV2"
    yield post(f"https://api.telegram.org/bot{account.needs('token')}/sendMessage", payload)


def _telegram(notice: Notice, name: str, words: str) -> str:
    """Escape a part of the metadata: what is reserved always, since Telegram refuses a message that has it bare."""
    return (text.telegram_reserved if name in notice.by_owner else text.telegram)(words)


def matrix(notice: Notice, account: Account) -> Exchange:
    """Send to a Matrix room; the same event gets the same transaction and shows once."""
    sign = "🚨" if notice.is_error else "💫"
    facts = "".join(f"- {name}: {value}\n" for name, value in text.facts(notice, text.matrix))
    body = f"{sign} {text.matrix(notice.title)}\n{text.matrix(notice.message)}\n{facts}"
    transaction = hashlib.sha1(as_json(notice.as_json()), usedforsecurity=False).hexdigest()
    room = urllib.parse.quote(account.needs("channel"), safe=_OF_A_PATH)
    base = account.needs("address").rstrip("/")
    url = f"{base}/_matrix/client/r0/rooms/{room}/send/m.room.message/{transaction}"
    yield post(url, {"body": body, "msgtype": "m.text"}, bearer(account.needs("token")), method="PUT")


def zulip(notice: Notice, account: Account) -> Exchange:
    """Send to a Zulip topic (`stream/topic`) as a bot."""
    stream, slash, topic = account.needs("channel").partition("/")
    if not (stream and slash and topic):
        raise Unusable("providers of type zulip need spec.channel in the form <stream>/<topic>")
    form = {"type": "stream", "to": stream, "topic": topic, "content": markdown(notice, text.unlinked)}
    address = urllib.parse.urlsplit(account.needs("address"))
    yield Request(
        url=address._replace(path="/api/v1/messages").geturl(),
        body=urllib.parse.urlencode(sorted(form.items())).encode(),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            **basic(account.needs("username"), account.needs("password")),
        },
    )
