"""The string formats that a custom resource's schema may ask for, as upstream checks them.

Answers to `supportedFormats` of apiextensions-apiserver and the checks of `kube-openapi/pkg/validation/strfmt`.
Formats that are not listed there are ignored, as they are upstream.
"""

import base64
import binascii
import datetime as dt
import ipaddress
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from gotk import duration

_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_LABEL: Final = r"[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?"
_HOSTNAME: Final = re.compile(rf"(?=.{{1,255}}$){_LABEL}(\.{_LABEL})*\.?")
_UUID: Final = r"[0-9a-f]{8}-?[0-9a-f]{4}-?%s[0-9a-f]{3}-?%s[0-9a-f]{3}-?[0-9a-f]{12}"
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_MAC: Final = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")
_LABEL_1123: Final = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def valid(name: str, text: str) -> bool:
    """Whether a text has a format. Unknown formats hold for every text."""
    check = _CHECKS.get(name.replace("-", "").lower())
    return check is None or check(text)


def _matches(pattern: str | re.Pattern[str], flags: int = re.IGNORECASE) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags) if isinstance(pattern, str) else pattern
    return lambda text: compiled.fullmatch(text) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _date_time(text: str) -> object:
    if not (match := _DATE_TIME.fullmatch(text)):
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    return dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)


def _uri(text: str) -> object:
    if not urlsplit(text).scheme and not text.startswith("/"):
        raise ValueError(text)
    return text


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "datetime": _parses(_date_time),
    "date": _parses(dt.date.fromisoformat),
    "duration": _parses(duration.Duration.parse),
    "byte": _parses(lambda text: base64.b64decode(text, validate=True)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": lambda text: "/" in text and _parses(ipaddress.ip_interface)(text),
    "uri": _parses(_uri),
    "hostname": _matches(_HOSTNAME),
    "email": _matches(_EMAIL),
    "mac": _matches(_MAC),
    "uuid": _matches(_UUID % ("[0-9a-f]", "[0-9a-f]")),
    "uuid3": _matches(_UUID % ("3", "[0-9a-f]")),
    "uuid4": _matches(_UUID % ("4", "[89ab]")),
    "uuid5": _matches(_UUID % ("5", "[89ab]")),
    "k8sshortname": _matches(_LABEL_1123, 0),
}
