"""The process that workers are forked from: everything is loaded, it has talked to nobody and knows no secret.

Its one argument is the number of a socket. Each byte that comes over it brings two more sockets: the conversation,
which only the worker gets, and the lifeline, which only this process keeps. Over the lifeline it says `+` when the
worker is there, and its exit status when it has ended; where the lifeline ends first, the worker is killed. Nothing
here waits for a worker, so one that hangs is nobody else's matter. A worker's home is made and deleted here, so that no
secret stays on a disk even where whoever asked was killed.
"""

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gotk.git.transport import first_request, worker
from gotk.git.transport.worker_protocol import STARTED


@dataclass(frozen=True, slots=True, eq=False)
class _Child:
    """A worker: its process, its home, its lifeline, and a pipe that closes when it ends."""

    pid: int
    home: Path
    lifeline: socket.socket
    ended: int


class ForkServer:
    """Forks until nobody can ask any more and the last worker has ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[_Child] = set()
        self._selector = selectors.PollSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve."""
        while self._selector.get_map():
            for key, _ in self._selector.select():
                if key.data is None:
                    self._asked()
                elif key.fileobj == key.data.ended:
                    self._ended(key.data)
                elif key.data in self._children:
                    self._hung_up(key.data)

    def _asked(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not data:
            self._selector.unregister(self._control)
            return
        if len(descriptors) != 2:  # more files are open than may be
            for each in descriptors:
                os.close(each)
            return
        conversation, lifeline = (socket.socket(fileno=each) for each in descriptors)
        with conversation:
            try:
                child = self._fork(conversation, lifeline)
            except OSError:  # there is no process to be had, or no home: the lifeline's end says so
                lifeline.close()
                return
        self._children.add(child)
        self._selector.register(child.ended, selectors.EVENT_READ, child)
        self._selector.register(lifeline, selectors.EVENT_READ, child)
        _say(lifeline, STARTED)

    def _fork(self, conversation: socket.socket, lifeline: socket.socket) -> _Child:
        home = Path(tempfile.mkdtemp(prefix="git-"))
        try:
            ended, held = os.pipe()
            try:
                if not (pid := os.fork()):
                    self._work(conversation, lifeline, home)
            except OSError:
                os.close(ended)
                raise
            finally:
                os.close(held)
        except OSError:
            home.rmdir()
            raise
        return _Child(pid, home, lifeline, ended)

    def _work(self, conversation: socket.socket, lifeline: socket.socket, home: Path) -> NoReturn:
        """Be a worker from here on, without the way to any other."""
        status = 1
        try:
            self._control.close()
            for other in (lifeline, *(child.lifeline for child in self._children)):
                other.close()
            status = worker.main(conversation, home)
        finally:
            os._exit(status)

    def _ended(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        shutil.rmtree(child.home, ignore_errors=True)
        _say(child.lifeline, b"%d" % os.waitstatus_to_exitcode(status))
        self._children.remove(child)
        self._selector.unregister(child.ended)
        os.close(child.ended)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.lifeline)
        child.lifeline.close()

    def _hung_up(self, child: _Child) -> None:
        os.kill(child.pid, signal.SIGKILL)
        self._selector.unregister(child.lifeline)


def _say(lifeline: socket.socket, text: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        lifeline.send(text)


if __name__ == "__main__":
    first_request.machine_authorities()
    gc.freeze()  # a collection would copy the memory that workers share
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).run()
