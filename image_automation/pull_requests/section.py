"""Our part of a pull request's description: a text between two lines that renderers do not show.

The first of them says what the pull request is: whose, for which versions, and what we wrote. So nothing has to be
remembered here: who reads the description knows whether it is ours, what was refused when it was closed, and whether a
person has changed the title since. What people write outside of the two lines stays theirs.

The lines are link definitions of Markdown that nothing links to: unlike HTML comments no forge shows them.
"""

import base64
import binascii
import hashlib
import re

import msgspec

_BEGIN = re.compile(r"^\[//\]: # \(image-automation:begin ([A-Za-z0-9_=-]+)\)[ \t]*\r?$", re.MULTILINE)
_END = re.compile(r"^\[//\]: # \(image-automation:end\)[ \t]*\r?$", re.MULTILINE)


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a pull request of ours is: of which automation (its mark) and scope, for which choices.

    `title` and `text` stand for what we wrote. A `withdrawn` one was closed by us, which is no person's refusal.
    """

    automation: str
    scope: str
    choices: tuple[str, ...] = ()
    title: str = ""
    text: str = ""
    withdrawn: bool = False


def digest(text: str) -> str:
    """Return what stands for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write(note: Note, text: str, around: str = "") -> str | None:
    """Write the description: ours alone, or in the place of ours in another one, where ours is not found None."""
    ours = f"{_begin(note)}\n\n{text.strip()}\n\n[//]: # (image-automation:end)"
    if not around:
        return f"{ours}\n"
    place = _place(around)
    return None if place is None else f"{around[: place[0]]}{ours}{around[place[1] :]}"


def _begin(note: Note) -> str:
    payload = base64.urlsafe_b64encode(msgspec.json.encode(note)).decode()
    return f"[//]: # (image-automation:begin {payload})"


def read(description: str) -> Note | None:
    """Read what a description says of itself; None where it is not ours, or not any more."""
    begin = _BEGIN.search(description)
    if begin is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(begin[1]), type=Note)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError):
        return None


def rewritten(description: str, note: Note) -> str:
    """Return a description that says something else of itself, its text as it is."""
    return _BEGIN.sub(lambda _: _begin(note), description, count=1)


def _place(description: str) -> tuple[int, int] | None:
    begin = _BEGIN.search(description)
    end = _END.search(description, begin.end()) if begin else None
    return (begin.start(), end.end()) if begin and end else None
