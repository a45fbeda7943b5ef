"""What people say of a pull request at its forge, and of which versions: kept in the object's report, as votes.

A review is of what was proposed when it was given. That is written down when it is seen first, so a pull request that
is refreshed with a newer version does not take the approvals of the older one along.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec


class Voice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A review that stands. `names` are what the forge calls its author, and nobody else.

    `at` is RFC 3339, when the forge says it was given, or else when it was seen first; `sha` is the commit that was
    looked at, `about` what stands for the choices that it counts for. `reason` is one harmless line. Nobody asks
    for the word of a `stranger`.
    """

    names: tuple[str, ...]
    approves: bool
    at: str = ""
    sha: str = ""
    reason: str = ""
    about: tuple[str, ...] = ()
    stranger: bool = False


#: The voices about what each policy, by its name, has chosen.
Voices: TypeAlias = Mapping[str, Sequence[Voice]]
