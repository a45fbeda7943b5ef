"""Which pull request an update goes into: one for all, one for each policy, or one for each group of policies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from image_automation.pull_requests.settings import Per

#: The name of the one scope that has everything.
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Scope:
    """The policies that one pull request is for. It is named for its policy or group, or `all`."""

    name: str
    policies: frozenset[str]


def scopes(per: Per, policies: Iterable[ImagePolicy]) -> tuple[Scope, ...]:
    """Sort policies into scopes. A policy without a group stands alone, or with the group that has its name."""
    found: dict[str, set[str]] = {}
    for policy in policies:
        found.setdefault(_name(per, policy), set()).add(policy.metadata.name)
    return tuple(Scope(name, frozenset(members)) for name, members in sorted(found.items()))


def _name(per: Per, policy: ImagePolicy) -> str:
    match per:
        case "all":
            return ALL
        case "policy":
            return policy.metadata.name
        case "group":
            return policy.metadata.annotations.get(extensions.GROUP, "").strip() or policy.metadata.name
