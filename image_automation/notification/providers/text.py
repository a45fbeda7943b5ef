"""Text as a channel must get it so that it says what it says: no markup, mention or link that a message smuggles in.

Messages quote branches, tags and cluster errors, which others than the reader choose. What has no sign of the
channel's markup passes unchanged, so usual messages look as Flux's do.
"""

import html
import re
from collections.abc import Callable, Mapping

from image_automation.notification.notice import Notice

_ZERO_WIDTH = "\u200b"
#: Controls but tab and newline, and the marks that turn the reading direction.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MENTION = re.compile(r"(?<![\w@.])@(?=[\w*_!&])")
_TELEGRAM = re.compile(r"([_*\[\]()~`>#+\-=|{}.!\\])")
_MARKDOWN = re.compile(r"[\[\]`\\]")
_SCREAM = re.compile(r"@(?=everyone|here|channel|room|all\b)", re.IGNORECASE)
#: What makes a link or a fence of single signs.
_SEAM = re.compile(r"\]\(|\]\[|\]:|```|~~~")


def plain(text: str) -> str:
    """Drop what is not seen: control characters, escape sequences' beginnings, direction marks."""
    return _UNSEEN.sub("", text)


def unmentioned(text: str) -> str:
    """Take the effect from mentions where the markup is another's care."""
    return _MENTION.sub("@" + _ZERO_WIDTH, plain(text))


def slack(text: str) -> str:
    """Escape for Slack: `&`, `<` and `>`, which links and mentions are made of."""
    return html.escape(plain(text), quote=False)


def slack_like(text: str) -> str:
    """Escape for services that read Slack's format and have mentions of their own."""
    return _SCREAM.sub("@" + _ZERO_WIDTH, slack(text))


def markdown(text: str) -> str:
    """Escape for Markdown: links, images, code, HTML and mentions. Emphasis is harmless and stays."""
    escaped = _MARKDOWN.sub(lambda found: "\\" + found[0], plain(text))
    return _MENTION.sub("@" + _ZERO_WIDTH, escaped.replace("<", "&lt;"))


def unlinked(text: str) -> str:
    """Escape for Markdown that knows no backslashes (Lark, Zulip): no links, HTML, mentions or fences."""
    escaped = _SEAM.sub(lambda found: _ZERO_WIDTH.join(found[0]), plain(text))
    return _MENTION.sub("@" + _ZERO_WIDTH, escaped.replace("<", "&lt;"))


def telegram(text: str) -> str:
    """Escape for Telegram's MarkdownV2: all of its reserved characters, and names that it would call."""
    return telegram_reserved(_MENTION.sub("@" + _ZERO_WIDTH, text))


def telegram_reserved(text: str) -> str:
    """Escape what Telegram's MarkdownV2 refuses a message for; a name that is called stays one."""
    return _TELEGRAM.sub(r"\\\1", plain(text))


def matrix(text: str) -> str:
    """Escape for Matrix' plain text, in which only a room is called."""
    return _SCREAM.sub("@" + _ZERO_WIDTH, plain(text))


def datadog(text: str) -> str:
    """Escape for Datadog, which reads Markdown between three percent signs."""
    return text.replace("%%%", _ZERO_WIDTH.join("%%%"))


def as_html(text: str) -> str:
    """Escape for HTML."""
    return html.escape(plain(text), quote=False)


def ordered(facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return metadata sorted by key, the summary first."""
    return sorted(facts.items(), key=lambda item: (item[0] != "summary", item[0]))


def facts(notice: Notice, escape: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return an event's metadata for a channel, the summary first: escaped, but for what the Alert's owner wrote.

    An owner who writes `<@U1>` into a summary means to call somebody; a branch that is named so does not.
    """
    return [
        (name, value) if name in notice.by_owner else (escape(name), escape(value))
        for name, value in ordered(notice.facts)
    ]
