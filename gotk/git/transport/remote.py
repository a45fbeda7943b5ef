"""Where an operation runs: here, or in a worker, a process of its own that can be killed.

libgit2 keeps `known_hosts` and certificate authorities per process. An operation with a secret's own ones, with a
bearer token (which must not follow redirects, another process-wide matter) or over SSH therefore gets a worker with a
private home. Its request, secrets included, goes over a socket: never over arguments or the environment.
"""

import atexit
import signal
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeAlias, TypeVar

import msgspec

from gotk.git import errors, libgit2
from gotk.git import url as urls
from gotk.git.transport import git_cli, libgit2_client, workers
from gotk.git.transport.looking import look
from gotk.git.transport.operation import Done, Fetch, Fetched, ListReferences, Operation, Push, References
from gotk.git.transport.worker_protocol import Failure, Job

R = TypeVar("R", References, Fetched, Done)

Result: TypeAlias = References | Fetched | Done

_SLACK_SECONDS = 10.0
_GRACE_SECONDS = 1.0

_workers = workers.Workers()
atexit.register(_workers.close)


def list_references(operation: ListReferences) -> References:
    """Name the references of a remote; one that has answered a look is asked that way again."""
    return look.listed(operation) or _run(operation, References)


def fetch(operation: Fetch) -> Fetched:
    """Bring a reference into a local repository; a look from here is enough where nothing is new."""
    return look.unchanged(operation) or _run(operation, Fetched)


def push(operation: Push) -> Done:
    """Move a reference of a remote."""
    return _run(operation, Done)


def _run(operation: ListReferences | Fetch | Push, kind: type[R]) -> R:
    address = urls.parse(operation.remote.url)
    if needs_worker(operation) or address.host in _stalled:
        return _in_worker(operation, kind)
    with libgit2.patience(operation.remote.timeout):
        result = _in_time(operation) if address.scheme in {"http", "https"} else libgit2_client.run(operation)
    assert isinstance(result, kind)
    return result


#: Hosts that once held a thread for longer than they may: from then on they get a process, which can be killed.
_stalled: set[str] = set()


def _in_time(operation: Operation) -> Result:
    """Run here, but wait no longer than the operation may take.

    libgit2 only knows how long a server may be silent: one that sends a byte now and then keeps a thread for ever. That
    thread is left behind, once per host.
    """
    address, timeout = urls.parse(operation.remote.url), operation.remote.timeout
    answer: Future[Result] = Future()
    threading.Thread(target=_answer, args=(answer, operation), name="git-operation", daemon=True).start()
    try:
        return answer.result(timeout + _GRACE_SECONDS)
    except FutureTimeout:
        _stalled.add(address.host)
        raise errors.TimedOut(f"'{address.bare}' took longer than {timeout:g}s and was given up") from None


def _answer(answer: "Future[Result]", operation: Operation) -> None:
    try:
        answer.set_result(libgit2_client.run(operation))
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
        answer.set_exception(error)


def needs_worker(operation: Operation) -> bool:
    """Tell whether an operation needs process-wide settings of its own."""
    credentials, scheme = operation.remote.credentials, urls.parse(operation.remote.url).scheme
    return bool(scheme == "ssh" or credentials.ca or credentials.bearer_token or git_cli.needed(scheme, credentials))


def _in_worker(operation: ListReferences | Fetch | Push, kind: type[R]) -> R:
    """Run a worker to its end, or kill it."""
    address, timeout = urls.parse(operation.remote.url), operation.remote.timeout
    request = msgspec.json.encode(Job(environment=workers.environment(), operation=operation))
    try:
        ended = _workers.run(request, seconds=timeout + _SLACK_SECONDS)
    except TimeoutError:
        raise errors.TimedOut(f"'{address.bare}' took longer than {timeout:g}s and was given up") from None
    except workers.NoWorker:
        raise errors.Unreachable(f"no process could be started to talk to '{address.bare}'") from None
    if ended.status == -signal.SIGALRM:
        raise errors.TimedOut(f"'{address.bare}' took longer than {timeout:g}s and was given up")
    if ended.status != 0:
        how = "died" if ended.status is None else f"died with status {ended.status}"
        cause = errors.printable(ended.answer.decode("utf-8", "replace")) if ended.status == 1 else ""
        raise errors.Unreachable(
            f"the process that talked to '{address.bare}' {how}" + (f" ({cause})" if cause else "")
        )
    answer = msgspec.json.decode(ended.answer)
    if "kind" in answer:
        failure = msgspec.convert(answer, Failure)
        raise errors.Error.kinds[failure.kind](failure.message)
    return msgspec.convert(answer, kind)
