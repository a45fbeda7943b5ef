"""What an event says of a commit: which one, how it is doing, and in which words. No forge is known here."""

import itertools
import re

from gotk.forge.status import State
from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.account import Account, Unfit

_HASH = re.compile(r"(?:^|[:/])([0-9a-f]{40})$")


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


def state(notice: Notice, account: Account) -> State:
    """Return the state that reason and severity mean. Raises Unfit."""
    if notice.reason == PROGRESSING:
        return State.PENDING
    if notice.severity not in {"info", "error"}:
        raise Unfit(f"a commit status of {account.type} is made of info or error events only")
    return State.FAILURE if notice.is_error else State.SUCCESS


def described(notice: Notice) -> tuple[str, str]:
    """Return `kind/name` and the reason in words, both in lower case."""
    about = notice.involved_object
    return f"{about.kind}/{about.name}".lower(), " ".join(_words(notice.reason)).lower()


def default_status(provider_uid: str, notice: Notice) -> str:
    """Return the name of the status: one per object and Provider, so that clusters do not overwrite each other."""
    about = notice.involved_object
    return f"{about.kind}/{about.name}/{provider_uid.split('-', 1)[0]}".lower()


def change_request(notice: Notice) -> int:
    """Return the number of the pull or merge request that the event names. Raises Unfit."""
    text = notice.facts.get("change_request")
    if text is None:
        raise Unfit('missing "change_request" metadata key')
    if not (text.isascii() and text.isdecimal()):
        raise Unfit(f'invalid "change_request" metadata value "{text}"')
    return int(text)


def _words(text: str) -> list[str]:
    """Split at changes of case and class; a capital letter before small ones is theirs."""
    words = ["".join(signs) for _, signs in itertools.groupby(text, _class)]
    for at, (word, after) in enumerate(itertools.pairwise(words)):
        if word[0].isupper() and after[0].islower():
            words[at], words[at + 1] = word[:-1], word[-1] + after
    return [word for word in words if word]


def _class(sign: str) -> int:
    return 1 if sign.islower() else 2 if sign.isupper() else 3 if sign.isdecimal() else 4
