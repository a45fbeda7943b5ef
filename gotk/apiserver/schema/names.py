"""How names may be spelt, in upstream's words: DNS labels, subdomains, qualified names, label values, ports, keys.

Answers to `k8s.io/apimachinery/pkg/util/validation`. Each function returns what is wrong with a text, or nothing.
"""

import re
from typing import Final

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL: Final = re.compile(_LABEL)
_DNS_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_PORT_NAME: Final = re.compile(r"[-a-z0-9]+")

SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED_RULE: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def dns_label(name: str) -> str:
    """Say what is wrong with an RFC 1123 label."""
    if len(name) > 63:
        return "must be no more than 63 bytes"
    return "" if _DNS_LABEL.fullmatch(name) else _LABEL_RULE


def dns_subdomain(name: str) -> str:
    """Say what is wrong with an RFC 1123 subdomain."""
    if len(name) > 253:
        return "must be no more than 253 bytes"
    return "" if _DNS_SUBDOMAIN.fullmatch(name) else SUBDOMAIN_RULE


def qualified(key: str) -> list[str]:
    """Say what is wrong with the key of a label: a name, perhaps after a domain and a slash."""
    prefix, slash, name = key.rpartition("/")
    found = [f"prefix part {SUBDOMAIN_RULE}"] if slash and not _DNS_SUBDOMAIN.fullmatch(prefix) else []
    if len(name) > 63:
        found.append("name part must be no more than 63 bytes")
    elif not _QUALIFIED.fullmatch(name):
        found.append(_QUALIFIED_RULE if name else "name part must be non-empty")
    return found


def label_value(value: str) -> list[str]:
    """Say what is wrong with the value of a label."""
    found = ["must be no more than 63 bytes"] if len(value) > 63 else []
    return found if _LABEL_VALUE.fullmatch(value) else [*found, _VALUE_RULE]


def data_key(key: str) -> str:
    """Say what is wrong with a key of a ConfigMap or a Secret."""
    if len(key) > 253:
        return "must be no more than 253 characters"
    if key == ".":
        return "must not be '.'"
    if key.startswith(".."):
        return "must not be '..'" if key == ".." else "must not start with '..'"
    return "" if _DATA_KEY.fullmatch(key) else _KEY_RULE


def port_number(port: int) -> str:
    """Say what is wrong with a port."""
    return "" if 1 <= port <= 65535 else "must be between 1 and 65535, inclusive"


def port_name(name: str) -> list[str]:
    """Say what is wrong with the name of a port."""
    found = [] if len(name) <= 15 else ["must be no more than 15 characters"]
    if not _PORT_NAME.fullmatch(name):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        found.append("must contain at least one letter (a-z)")
    if "--" in name:
        found.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found
