"""What a person asks for with `rollback`: an annotation of the automation, carried out once, and then taken away.

Its `id` goes into the commit, so that a request which was carried out, and not yet taken away, is known again.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from gotk.api import extensions

_FORM = '{"id": "20261224-1", "place": "apps/web.yaml", "by": "jane", "reason": "1.3.0 is slow"}'

_Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
_Line = Annotated[str, msgspec.Meta(max_length=512)]


class Request(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Which places to roll back: of a file, folder or pattern, of a policy, or of our last commit; and to what.

    With `to` it is what they held as of that commit, else what they held before our last edit. `during_freeze`: also
    while the automation is frozen.
    """

    id: _Word
    place: _Line = ""
    policy: _Line = ""
    to: _Line = ""
    by: _Line = ""
    reason: _Line = ""
    during_freeze: bool = False

    @property
    def sentence(self) -> str:
        """Say who wants it and why."""
        return f"{self.by or 'Somebody'} rolled this back" + (f": {self.reason}" if self.reason else "")


def read(annotations: Mapping[str, str]) -> Request | None:
    """Return what is asked for; None where nothing is. Raises ValueError."""
    text = annotations.get(extensions.ROLLBACK)
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=Request)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"annotation {extensions.ROLLBACK}: {str(error)[:200]}; write it as {_FORM}") from None
    if not f"{found.place}{found.policy}{found.to}{found.by}{found.reason}".isprintable():
        raise ValueError(f"annotation {extensions.ROLLBACK}: every field is one line; write it as {_FORM}")
    return found


def written(request: Request) -> str:
    """Write a request as its annotation. Raises ValueError for one that could not be read back."""
    text = msgspec.json.encode(request).decode()
    read({extensions.ROLLBACK: text})
    return text
