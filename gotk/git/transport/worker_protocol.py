"""What goes between this process, the fork server and a worker: a byte, a request, an answer.

Over the control socket a `STARTED` byte asks for a worker and brings its two sockets; over the worker's lifeline the
same byte says that it runs. Its conversation carries one `Job` and brings back a result of `operation`, or a `Failure`.
"""

import msgspec

from gotk.git.transport.operation import Fetch, ListReferences, Push

STARTED = b"+"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is given: an operation and its environment."""

    environment: dict[str, str]
    operation: ListReferences | Fetch | Push


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way out of a worker."""

    kind: str
    message: str
