"""The status of a commit, as a value that every forge spells its own way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Items = list[dict[str, Any]]


class State(Enum):
    """What a status says of the commit."""

    SUCCESS = "success"
    FAILURE = "failure"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status: `name` tells it from others of the same commit; `title` and `group` are for forges that have them."""

    state: State
    name: str
    description: str
    title: str = ""
    group: str = ""


def is_named(wanted: Mapping[str, Any], key: str) -> Callable[[Items], bool]:
    """Make the test whether a page of statuses holds one of the same name; the newest come first."""
    return lambda page: any(each.get(key) == wanted[key] for each in page)


def is_current(statuses: Items, wanted: Mapping[str, Any], key: str, *same: str) -> bool:
    """Tell whether the newest status of the same name says the same already; one that lacks a field does not count."""
    for status in statuses:
        if status.get(key) == wanted[key] and all(status.get(name) for name in same):
            return all(status[name] == wanted[name] for name in same)
    return False
