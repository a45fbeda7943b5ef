"""Where an operation runs: here, or in a short-lived process of its own that can be killed.

libgit2 keeps `known_hosts` and certificate authorities per process. An operation with a secret's own ones, with a
bearer token (which must not follow redirects, another process-wide matter) or over SSH therefore gets a worker with a
private home. Its request, secrets included, goes over standard input: never over arguments or the environment.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeAlias, TypeVar

import msgspec

from gotk.git import errors, libgit2, spoken, transport
from gotk.git import url as urls
from gotk.git.operation import Done, Fetch, Fetched, ListReferences, Operation, Push, References

R = TypeVar("R", References, Fetched, Done)

Result: TypeAlias = References | Fetched | Done

_START_SECONDS = 10.0
_GRACE_SECONDS = 1.0
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way out of a worker."""

    kind: str
    message: str


def list_references(operation: ListReferences) -> References:
    """Name the references of a remote."""
    return _run(operation, References)


def fetch(operation: Fetch) -> Fetched:
    """Bring a reference into a local repository."""
    return _run(operation, Fetched)


def push(operation: Push) -> Done:
    """Move a reference of a remote."""
    return _run(operation, Done)


def _run(operation: Operation, kind: type[R]) -> R:
    address = urls.parse(operation.remote.url)
    if needs_worker(operation) or address.host in _stalled:
        return _in_worker(operation, kind)
    with libgit2.patience(operation.remote.timeout):
        result = _in_time(operation) if address.scheme in {"http", "https"} else transport.run(operation)
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
        answer.set_result(transport.run(operation))
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
        answer.set_exception(error)


def needs_worker(operation: Operation) -> bool:
    """Tell whether an operation needs process-wide settings of its own."""
    credentials, scheme = operation.remote.credentials, urls.parse(operation.remote.url).scheme
    return bool(scheme == "ssh" or credentials.ca or credentials.bearer_token or spoken.needed(scheme, credentials))


def _in_worker(operation: Operation, kind: type[R]) -> R:
    """Run a worker to its end, or kill it; its home goes with it."""
    address, timeout = urls.parse(operation.remote.url), operation.remote.timeout
    with tempfile.TemporaryDirectory(prefix="git-") as home:
        try:
            ended = subprocess.run(
                [sys.executable, "-P", "-m", "gotk.git.worker"],
                input=msgspec.json.encode(operation),
                capture_output=True,
                timeout=timeout + _START_SECONDS,
                cwd=home,
                env=_environment(home),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise errors.TimedOut(f"'{address.bare}' took longer than {timeout:g}s and was given up") from None
    if ended.returncode == -signal.SIGALRM:
        raise errors.TimedOut(f"'{address.bare}' took longer than {timeout:g}s and was given up")
    if ended.returncode != 0:
        last = ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        cause = last.partition(":")[0]  # the exception's type: its text could hold a value
        died = f"the process that talked to '{address.bare}' died with status {ended.returncode}"
        raise errors.Unreachable(f"{died} ({errors.printable(cause)})" if cause else died)
    answer = msgspec.json.decode(ended.stdout)
    if "kind" in answer:
        failure = msgspec.convert(answer, Failure)
        raise errors.Error.kinds[failure.kind](failure.message)
    return msgspec.convert(answer, kind)


def _environment(home: str, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give a worker what it needs and nothing else: a home, the same code, and the way out of the network."""
    kept = {name: outer[name] for name in ("PATH", *_PROXY_VARIABLES, *_CERTIFICATE_VARIABLES) if name in outer}
    return {**kept, "HOME": home, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
