"""What the process that speaks through apprise is asked, and what it answers; and how an event is worded for it."""

from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.exchange import Unusable

#: Services of apprise that would act upon the machine that the service runs on.
LOCAL = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `url` and `proxy` are secrets; `home` is an empty folder of the process's own; `ca` is PEM."""

    url: str
    title: str
    body: str
    failed: bool
    timeout: float
    home: str
    ca: str = ""
    proxy: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Why it did not arrive; empty where it did."""

    error: str = ""


def scheme(address: str) -> str:
    """Return what kind of service an address is for. Raises Unusable for one of this machine, and for none."""
    found = address.partition("://")[0].lower()
    if not found or found == address.lower():
        raise Unusable("the address is not an apprise URL such as mailtos://user:password@host?to=team@example.com")
    if found in LOCAL:
        raise Unusable(f"{found}:// speaks to the machine of this service, not to people")
    return found


def worded(notice: Notice) -> tuple[str, str]:
    """Return title and body: plain text, without what is not seen and without mentions."""
    facts = [f"{name}: {value}" for name, value in text.ordered(notice.facts)]
    sign = "✗" if notice.is_error else "✔"
    body = "\n".join([notice.message, *(["", *facts] if facts else [])])
    title = " ".join(f"{sign} {notice.title}: {notice.reason}".removesuffix(": ").split())
    return text.unmentioned(title), text.unmentioned(body)


def parts(address: str) -> tuple[str, ...]:
    """Return what may be secret in an address, for masking: credentials, and every piece but the scheme."""
    try:
        found = urlsplit(address)
        pieces = [
            found.username,
            found.password,
            *found.path.split("/"),
            *(value for _, value in parse_qsl(found.query)),
        ]
        host = found.netloc.rpartition("@")[2].partition(":")[0]
    except ValueError:
        return (address,)
    known = {piece for piece in pieces if piece} | {unquote(piece) for piece in pieces if piece}
    # What stands in the place of a host is a token with most services, and a host with a dot in it with the others.
    return (address, *known, *([host] if host and "." not in host and host != "localhost" else []))
