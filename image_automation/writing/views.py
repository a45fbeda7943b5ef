"""Which directories were looked at, by whom, in a run of theirs and in the one before: what neither needs may go.

Every commit of ours makes new directories in the place of others. What a bounded memory drops by age alone would be
what an automation at rest needs next; so it is counted by who looks.
"""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, NamedTuple

from gotk.bounded import Bounded

#: Of so many it is known what they looked at: two for each automation, one of YAML and one of other text.
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class View:
    """Who looks, and in which run: two of one run have the same object there."""

    of: str
    run: object


class Gone(NamedTuple):
    """Directories that are not looked at any more, and those that took their place, by what they are known by."""

    old: Collection[bytes]
    new: Collection[bytes]


@dataclass(frozen=True, slots=True)
class _Seen:
    run: object
    before: frozenset[bytes] = frozenset()
    now: set[bytes] = field(default_factory=set)


class Views:
    """What each view was of. For any thread."""

    def __init__(self, most: int = _MOST) -> None:
        self._seen: Bounded[tuple[str, Hashable], _Seen] = Bounded(most)
        self._lock = Lock()

    def look(self, view: View, directory: bytes, *, what: Hashable = None) -> Iterator[Gone]:
        """Take note that a directory is looked at, for `what` where for several things; return what is not any more."""
        key, gone = (view.of, what), list[Gone]()
        with self._lock:
            seen = self._seen.get(key) or _Seen(view.run)
            if seen.run is not view.run:
                gone.append(Gone(seen.before, {*seen.now, directory}))
                seen = _Seen(view.run, before=frozenset(seen.now))
            seen.now.add(directory)
            gone += [Gone((*each.before, *each.now), ()) for each in self._seen.put(key, seen)]
        return iter(gone)

    def leave(self, of: str) -> Iterator[Gone]:
        """Return what one looked at who does not look again."""
        with self._lock:
            left = [self._seen.pop(key) for key in [key for key in self._seen if key[0] == of]]
        return iter([Gone((*each.before, *each.now), ()) for each in left if each is not None])
