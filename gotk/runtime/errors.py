"""The errors a reconciler raises, sorted by what to do next. Anything else is a bug.

`conditions.summarize` is the one place that turns them into Ready, Reconciling and Stalled, and `controller` the one
place that turns them into the next run.
"""

from collections.abc import Mapping


class ReconcileError(Exception):
    """Why an object could not be brought to its desired state.

    `reason` is a condition reason in Flux's spelling, `message` is for people: it names the thing, the cause and,
    where there is one, the next step. It must hold no secret.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        #: Metadata of the event that tells of it, such as the revision that failed.
        self.metadata: Mapping[str, str] = {}
        #: Reason and message of Ready, where it says more than why the run ended (which of the tries was the last).
        self.ready: tuple[str, str] | None = None
        #: Whether the run has told of it already: no event follows.
        self.told = False


class Stalled(ReconcileError):
    """The spec is wrong: no retry until it changes or a reconcile is requested."""


class Retry(ReconcileError):
    """The world is wrong: try again, with the object's backoff or `after` so many seconds."""

    def __init__(self, reason: str, message: str, *, after: float | None = None) -> None:
        super().__init__(reason, message)
        self.after = after


class Waiting(ReconcileError):
    """A dependency is not ready yet: look again after a fixed delay (`after`, else the dependency delay)."""

    def __init__(self, reason: str, message: str, *, after: float | None = None) -> None:
        super().__init__(reason, message)
        self.after = after


class Conflict(ReconcileError):
    """The object moved under us: fetch it and run again, now."""

    def __init__(self, message: str) -> None:
        super().__init__("Conflict", message)
