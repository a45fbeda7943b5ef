"""A pin: for a while, or until somebody says otherwise, a policy chooses one tag and no other. Pure.

An annotation of the ImagePolicy, so that a person can stop at a version, or go back to one, without a change of the
policy that somebody has to undo later. It restricts the choice and widens nothing: what the policy's filter, range and
minimum age refuse is refused pinned, too. It ends by itself when its time is over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicySpec
from gotk.runtime.clock import rfc3339
from policies import choose
from policies.verdict import Refusal, Veto

PINNED = "Pinned"
_EXAMPLE = '{"tag": "1.2.0", "until": "2026-12-24T12:00:00Z", "by": "jane", "reason": "1.3.0 is slow"}'

_Tag = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")]
_Name = Annotated[str, msgspec.Meta(max_length=128)]
_Words = Annotated[str, msgspec.Meta(max_length=512)]


class Pin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The one tag to choose, until when, who wants it and why. Without `until` it stands until it is taken away."""

    tag: _Tag
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    by: _Name = ""
    reason: _Words = ""

    def __str__(self) -> str:
        return f"pinned{self._terms}"

    @property
    def named(self) -> str:
        """The same with the tag."""
        return f"pinned to {self.tag}{self._terms}"

    @property
    def _terms(self) -> str:
        until = f" until {rfc3339(self.until)}" if self.until else ""
        by = f" by {self.by}" if self.by else ""
        return until + by + (f": {self.reason}" if self.reason else "")


def wanted(annotations: Mapping[str, str], now: datetime) -> Pin | None:
    """Read the pin of a policy; None where there is none, or its time is over. Raises ValueError."""
    pin = stated(annotations)
    return pin if pin is not None and (pin.until is None or now < pin.until) else None


def stated(annotations: Mapping[str, str]) -> Pin | None:
    """Read the pin of a policy, whether its time is over or not. Raises ValueError."""
    text = annotations.get(extensions.PIN)
    return None if text is None else _read(text)


def written(pin: Pin) -> str:
    """Write a pin as its annotation. Raises ValueError for one that could not be read back."""
    text = msgspec.json.encode(pin).decode()
    _read(text)
    return text


def only(pin: Pin | None, policy: ImagePolicySpec, tags: Sequence[str]) -> Sequence[str]:
    """Return the tags that a pin leaves to choose from. Raises NothingChosen, InvalidPolicy."""
    if pin is None:
        return tags
    if pin.tag not in tags:
        raise choose.NothingChosen(
            f"{pin.named}: it is none of the {len(tags)} tags that are listed; pin another tag, or unpin"
        )
    verdict = choose.explain(policy, [pin.tag])[0]
    if not verdict.chosen:
        refused = f"the policy refuses it: {verdict.message}"
        raise choose.NothingChosen(f"{pin.named}: {refused}; pin a tag that suits it, or unpin")
    return [pin.tag]


def veto(pin: Pin) -> Veto:
    """Make the refusal of every tag but the pinned one."""
    refusal = Refusal(PINNED, f"the policy is {pin.named}")
    return lambda tag: None if tag == pin.tag else refusal


def _read(text: str) -> Pin:
    try:
        pin = msgspec.json.decode(text, type=Pin)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _unreadable(str(error)) from None
    if not (pin.by + pin.reason).isprintable():
        raise _unreadable("'by' and 'reason' are one line each, of characters that can be printed")
    return pin


def _unreadable(cause: str) -> ValueError:
    return ValueError(f"annotation {extensions.PIN}: {cause[:200]}; write it as {_EXAMPLE}")
