"""What people decided about versions: approved, rejected, let past what makes others wait. An annotation of the policy.

Two rooms read it, the one that chooses versions and the one that writes them, hence it stands in the hall. Who decided
is what the API server said of whoever wrote it; that the annotation can be written is a right on the ImagePolicy.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageRef

APPROVE: Final = "approve"
REJECT: Final = "reject"
ALLOW: Final = "allow"
#: The most bytes of the annotation, and the most decisions in it.
LIMIT: Final = 32 << 10
_MOST: Final = 200
_FORM: Final = '[{"tag": "1.2.0", "verdict": "approve", "by": "jane", "reason": "seen on staging"}]'

_Tag = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}\Z")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
_Words = Annotated[str, msgspec.Meta(max_length=512)]


class TooManyError(ValueError):
    """There is no room for another decision."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One person's word on one version. `at` is RFC 3339 by the API server's clock.

    With an `image` it is for the tag of that one, whatever the policy follows later, and with a `digest` for these
    bytes only. `groups` are those of the person's that somebody asked about.
    """

    tag: _Tag
    verdict: Literal["approve", "reject", "allow"]
    by: _Name
    at: _Words = ""
    reason: _Words = ""
    image: _Words = ""
    digest: _Words = ""
    groups: tuple[_Name, ...] = ()

    def is_of(self, ref: ImageRef) -> bool:
        """Tell whether it is about an image that a policy chose."""
        known = ((self.image, ref.name), (self.digest, ref.digest))
        return self.tag == ref.tag and all(mine == its for mine, its in known if mine and its)

    @property
    def words(self) -> str:
        """Say who, and why."""
        return f"{self.by}: {self.reason}" if self.reason else self.by


def read(annotations: Mapping[str, str]) -> tuple[Decision, ...]:
    """Return the decisions in a policy's annotations, oldest first. Raises ValueError, with how they are written."""
    text = annotations.get(extensions.DECISIONS)
    if text is None:
        return ()
    try:
        if len(text) > LIMIT:
            raise msgspec.ValidationError(f"longer than {LIMIT} characters")
        found = msgspec.json.decode(text, type=tuple[Decision, ...])
        if not all(
            (each.by + each.reason + each.at + each.image + "".join(each.groups)).isprintable() for each in found
        ):
            raise msgspec.ValidationError("names and reasons are one line each, of characters that can be printed")
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"annotation {extensions.DECISIONS}: {str(error)[:200]}; write it as {_FORM}") from None
    return found


def added(annotations: Mapping[str, str], decision: Decision) -> str:
    """Write the annotation with another decision; a person's earlier one on the same version goes, and then the oldest.

    Raises ValueError for what cannot be read back, and TooManyError.
    """
    kept = [each for each in read(annotations) if not (each.by == decision.by and each.tag == decision.tag)]
    kept = [*kept, decision][-_MOST:]
    while len(text := msgspec.json.encode(kept).decode()) > LIMIT:
        if len(kept) == 1:
            raise TooManyError("the decision is longer than the annotation has room for")
        del kept[0]
    read({extensions.DECISIONS: text})
    return text


def standing(decisions: Iterable[Decision], ref: ImageRef) -> Sequence[Decision]:
    """Return the last word of each person on an image that a policy chose."""
    last: dict[str, Decision] = {}
    for each in decisions:
        if each.is_of(ref):
            last.pop(each.by, None)
            last[each.by] = each
    return list(last.values())


def allowed(annotations: Mapping[str, str], image: str = "") -> frozenset[str]:
    """Return the tags of an image, or of any, that somebody let past what makes others wait. Raises ValueError."""
    about = (each for each in read(annotations) if not (each.image and image) or each.image == image)
    last: dict[tuple[str, str], Decision] = {(each.tag, each.by): each for each in about}
    return frozenset(each.tag for each in last.values() if each.verdict == ALLOW)
