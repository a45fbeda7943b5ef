"""Who is signed in: kept in this process, bounded in number and time, named by a secret that only a cookie holds."""

import secrets
from dataclasses import dataclass
from typing import Final

from gotk.bounded import Bounded
from gotk.runtime.clock import Clock
from image_automation.dashboard.access import Person

#: How many people may be signed in, for how many seconds at most, and for how many without a request.
_MOST: Final = 1000
_LONGEST: Final = 12 * 3600.0
_IDLE: Final = 3600.0
#: How long a link that signs somebody in may wait for its one use, and how many may wait.
_LINK: Final = 60.0
_LINKS: Final = 100


@dataclass(slots=True, eq=False)
class Session:
    """Somebody signed in. `csrf` is what every form of theirs must carry, `notes` what their next page tells them."""

    id: str
    person: Person
    csrf: str
    ends: float
    used: float
    notes: tuple[str, ...] = ()

    def told(self) -> tuple[str, ...]:
        """Return what is to be told, once."""
        notes, self.notes = self.notes, ()
        return notes


class Sessions:
    """The sessions, and the links that become one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: Bounded[str, Session] = Bounded(_MOST)
        self._links: Bounded[str, tuple[Person, float]] = Bounded(_LINKS)

    def begin(self, person: Person) -> Session:
        """Sign somebody in; where there are too many, whoever was idle for longest is signed out."""
        now = self._clock.monotonic()
        session = Session(secrets.token_urlsafe(32), person, secrets.token_urlsafe(24), now + _LONGEST, now)
        self._open.put(session.id, session)
        return session

    def get(self, name: str) -> Session | None:
        """Return the session of that name, or None where there is none any more."""
        session = self._open.get(name)
        if session is None:
            return None
        now = self._clock.monotonic()
        if now >= session.ends or now - session.used >= _IDLE:
            self.end(session)
            return None
        session.used = now
        return session

    def is_open(self, session: Session) -> bool:
        """Tell whether a session has not ended, without counting that as a use of it."""
        now = self._clock.monotonic()
        return self._open.peek(session.id) is session and now < session.ends and now - session.used < _IDLE

    def end(self, session: Session) -> None:
        """Sign somebody out."""
        self._open.pop(session.id)

    def link(self, person: Person) -> str:
        """Return the secret of a link that signs a person in, once, within a minute."""
        code = secrets.token_urlsafe(32)
        self._links.put(code, (person, self._clock.monotonic() + _LINK))
        return code

    def redeem(self, code: str) -> Session | None:
        """Sign in whoever the link was made for, or None where it was used or waited too long."""
        found = self._links.pop(code)
        if found is None or self._clock.monotonic() >= found[1]:
            return None
        return self.begin(found[0])
