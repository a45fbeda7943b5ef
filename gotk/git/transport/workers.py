"""Workers: a process for one conversation each, killed when its time is up, forked in two milliseconds.

Starting Python and libgit2 takes a tenth of a second; forking from a process that did so already does not. That process
(`gotk.git.transport.fork_server`) is started when the first worker is wanted, and anew where it has died or does not
answer. It never sees a request: those go straight to the worker, over a socket of its own, and no worker
meets two of them.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gotk import process as processes
from gotk.git.transport.worker_protocol import STARTED

_START_SECONDS = 10.0
_GRACE_SECONDS = 1.0
_CHUNK = 1 << 16
_KEPT = (
    *("PATH", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)


class NoWorker(Exception):
    """No process could be started."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a worker ended: its exit status (minus a signal's number; None where nobody saw it), and what it said."""

    status: int | None
    answer: bytes


class Workers:
    """Starts workers. Any thread may ask; nothing is started before that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(self, request: bytes, *, seconds: float) -> Ended:
        """Give a request to a worker of its own and wait for its end.

        Raises TimeoutError after so many seconds, when the worker has been killed, and NoWorker.
        """
        with self._started() as (conversation, lifeline):
            deadline = time.monotonic() + seconds
            try:
                with contextlib.suppress(ConnectionError):  # it has died: its status tells how
                    _wait(conversation, deadline)
                    conversation.sendall(request)
                    conversation.shutdown(socket.SHUT_WR)
                answer = _read(conversation, deadline)
                status = _read(lifeline, deadline)
            except TimeoutError:
                lifeline.shutdown(socket.SHUT_WR)  # which kills it
                with contextlib.suppress(TimeoutError):
                    _read(lifeline, time.monotonic() + _GRACE_SECONDS)
                raise
        return Ended(int(status) if status else None, answer)

    def close(self) -> None:
        """Let the process that forks end; it waits for its workers, and those for their deadlines."""
        with self._lock:
            self._dismiss()

    @contextmanager
    def _started(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        """Start a worker: the socket that it reads and writes, and the one that it lives by."""
        conversation, theirs = socket.socketpair()
        lifeline, kept = socket.socketpair()
        with conversation, lifeline:
            with theirs, kept:
                asked = self._ask(theirs, kept)
            try:
                lifeline.settimeout(_START_SECONDS)
                said = lifeline.recv(len(STARTED))
            except TimeoutError:
                self._replace(asked)
                said = b""
            if said != STARTED:
                raise NoWorker
            yield conversation, lifeline

    def _ask(self, conversation: socket.socket, lifeline: socket.socket) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._fork_server is None or self._control is None or self._fork_server.poll() is not None:
                self._dismiss()
                self._control, self._fork_server = _launch()
            try:
                socket.send_fds(self._control, [STARTED], [conversation.fileno(), lifeline.fileno()])
            except OSError:  # it takes no more, and the next request gets another
                self._fork_server.kill()
            return self._fork_server

    def _replace(self, silent: "subprocess.Popen[bytes]") -> None:
        """Kill a process that does not answer; the next request gets another."""
        with self._lock:
            silent.kill()
            if silent is self._fork_server:
                self._dismiss()

    def _dismiss(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._fork_server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._fork_server.wait(_GRACE_SECONDS)
        self._control = self._fork_server = None


def environment(outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give a worker what it needs and nothing else, beside its home: the same code, and the way out of the network."""
    return processes.environment(**{name: outer[name] for name in _KEPT if name in outer})


def _launch() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    control, theirs = socket.socketpair()
    control.settimeout(_START_SECONDS)
    with theirs:
        try:
            process = subprocess.Popen(
                processes.interpreter("gotk.git.transport.fork_server", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**environment(), "HOME": "/nonexistent", "TMPDIR": tempfile.gettempdir()},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a signal to our group must not end a push halfway
            )
        except OSError as error:
            control.close()
            raise NoWorker from error
    return control, process


def _read(end: socket.socket, deadline: float) -> bytes:
    """Read until the other side closes. Raises TimeoutError."""
    chunks = []
    with contextlib.suppress(ConnectionError):
        while chunk := _wait(end, deadline).recv(_CHUNK):
            chunks.append(chunk)
    return b"".join(chunks)


def _wait(end: socket.socket, deadline: float) -> socket.socket:
    """Let the next operation wait until the deadline. Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    end.settimeout(left)
    return end
