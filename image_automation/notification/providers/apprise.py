"""Mail and every service that the library apprise knows and Flux has no type for: the event as plain text."""

from dataclasses import dataclass
from typing import Final

from gotk.http.exchange import Exchange, Request, Unusable
from image_automation.notification.notice import Notice
from image_automation.notification.providers import text
from image_automation.notification.providers.account import Account

#: Services of apprise that would act upon the machine that the service runs on.
_LOCAL: Final = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter(Request):
    """A message to the service that an apprise URL names."""

    title: str
    text: str
    failed: bool


def apprise(notice: Notice, account: Account) -> Exchange:
    """Send title and text: without what is not seen, and without mentions."""
    address = account.needs("address")
    _check(address)
    facts = [f"{name}: {value}" for name, value in text.facts(notice, text.unmentioned)]
    sign = "✗" if notice.is_error else "✔"
    title = " ".join(f"{sign} {notice.title}: {notice.reason}".removesuffix(": ").split())
    yield Letter(
        url=address,
        title=text.unmentioned(title),
        text="\n".join([text.unmentioned(notice.message), *(["", *facts] if facts else [])]),
        failed=notice.is_error,
    )


def _check(address: str) -> None:
    scheme, separator, _ = address.partition("://")
    if not scheme or not separator:
        raise Unusable("the address is not an apprise URL such as mailtos://user:password@host?to=team@example.com")
    if scheme.lower() in _LOCAL:
        raise Unusable(f"{scheme.lower()}:// speaks to the machine of this service, not to people")
