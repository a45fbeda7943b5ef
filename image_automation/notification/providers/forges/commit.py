"""What the Git providers share: the commit that an event names, the status that it means, the repository's address."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from image_automation.notification.notice import Notice
from image_automation.notification.providers.exchange import Account, Unfit, Unusable

_HASH = re.compile(r"(?:^|[:/])([0-9a-f]{40})$")
_SCP = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is: `https://host` and the path without `.git`."""

    host: str
    path: str

    def split(self, parts: int = 2) -> tuple[str, ...]:
        """Return the parts of the path. Raises Unusable where there are not so many."""
        found = tuple(self.path.split("/"))
        if len(found) != parts or not all(found):
            raise Unusable(f'invalid repository id "{self.path}"')
        return found


def repository(address: str) -> Repository:
    """Read an https or ssh address of a repository. Raises Unusable."""
    if (scp := _SCP.fullmatch(address)) is not None:
        host, path = f"https://{scp[1]}", scp[2]
    else:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https", "ssh"} or not parts.hostname:
            raise Unusable("spec.address is not the http, https or ssh address of a Git repository")
        scheme = "https" if parts.scheme == "ssh" else parts.scheme
        port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
        host, path = f"{scheme}://{parts.hostname}{port}", parts.path
    return Repository(host, path.strip("/").removesuffix(".git"))


def revision(notice: Notice) -> str:
    """Return the hash of the commit that the event is about; an artifact's digest is none. Raises Unfit."""
    for key in ("commit", "originRevision", "revision"):
        if text := notice.facts.get(key):
            break
    else:
        raise Unfit("missing revision metadata")
    found = _HASH.search(text)
    if found is None:
        raise Unfit(f"failed to extract commit hash from '{text}' revision")
    return found[1]


def described(notice: Notice) -> tuple[str, str]:
    """Return `kind/name` and the reason in words, both in lower case."""
    about = notice.involved_object
    return f"{about.kind}/{about.name}".lower(), " ".join(_words(notice.reason)).lower()


def _words(text: str) -> list[str]:
    """Split at changes of case and class; a capital letter before small ones is theirs."""
    words = ["".join(signs) for _, signs in itertools.groupby(text, _class)]
    for at, (word, after) in enumerate(itertools.pairwise(words)):
        if word[0].isupper() and after[0].islower():
            words[at], words[at + 1] = word[:-1], word[-1] + after
    return [word for word in words if word]


def _class(sign: str) -> int:
    return 1 if sign.islower() else 2 if sign.isupper() else 3 if sign.isdecimal() else 4


def default_status(provider_uid: str, notice: Notice) -> str:
    """Return the name of the status: one per object and Provider, so that clusters do not overwrite each other."""
    about = notice.involved_object
    return f"{about.kind}/{about.name}/{provider_uid.split('-', 1)[0]}".lower()


def state(notice: Notice, account: Account, good: str, bad: str) -> str:
    """Return the state that the severity means. Raises Unfit."""
    if notice.severity not in {"info", "error"}:
        raise Unfit(f"a commit status of {account.type} is made of info or error events only")
    return bad if notice.is_error else good


def is_named(status: dict[str, Any], key: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Make the test whether a page holds a status of the same name; the newest come first."""
    return lambda page: any(each.get(key) == status[key] for each in page)


def is_said(statuses: list[dict[str, Any]], wanted: dict[str, Any], key: str, *same: str) -> bool:
    """Tell whether the newest status of the same name says the same already; one that lacks something is none."""
    for status in statuses:
        if status.get(key) == wanted[key] and all(status.get(name) for name in same):
            return all(status[name] == wanted[name] for name in same)
    return False
