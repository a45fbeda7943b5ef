"""The process of one Git operation: a request over a socket, an answer over the same, then the end.

It is forked (`gotk.git.transport.fork_server`), and nothing of one operation is ever met by another. Its home (the
current directory, made for it, mode 0700) holds `known_hosts`, the authority and a Git
configuration that forbids redirects where a bearer token would travel along.
"""

import os
import signal
import socket
from pathlib import Path

import msgspec

from gotk.git import errors, libgit2
from gotk.git import url as urls
from gotk.git.transport import first_request, git_cli, known_hosts, libgit2_client
from gotk.git.transport.operation import Operation
from gotk.git.transport.worker_protocol import Failure, Job

_GRACE_SECONDS = 5


def main(conversation: socket.socket, home: Path) -> int:
    """Do what the socket asks for, and return an exit status.

    The answer holds a result or a Failure (status 0). What nobody foresaw is a status of 1 with the exception's type:
    its text could hold a value.
    """
    with conversation, conversation.makefile("rb") as asked:
        try:
            answer, status = msgspec.json.encode(_done(asked.read(), home)), 0
        except BaseException as error:  # noqa: BLE001 - this is the end of the process
            answer, status = type(error).__name__.encode(), 1
        conversation.sendall(answer)
    return status


def _done(request: bytes, home: Path) -> object:
    job = msgspec.json.decode(request, type=Job)
    os.environ.clear()
    os.environ.update(job.environment, HOME=str(home))
    os.chdir(home)
    signal.alarm(int(job.operation.remote.timeout) + _GRACE_SECONDS)  # the end, even when nobody is left to kill us
    try:
        return _run(job.operation, home)
    except errors.Error as error:
        return Failure(kind=type(error).__name__, message=error.message)


def _run(operation: Operation, home: Path) -> object:
    if git_cli.needed(urls.parse(operation.remote.url).scheme, operation.remote.credentials):
        return git_cli.run(operation, home)
    furnish(home, operation)
    if operation.remote.credentials.bearer_token:
        first_request.check(operation)
    return libgit2_client.run(operation)


def furnish(home: Path, operation: Operation) -> None:
    """Put what libgit2 looks for into the home, and point libgit2 there."""
    credentials = operation.remote.credentials
    if urls.parse(operation.remote.url).scheme == "ssh":
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh" / "known_hosts").write_text(known_hosts.plain(credentials.known_hosts))
    authority = None
    if credentials.ca:
        authority = home / "ca.pem"
        authority.write_text(credentials.ca)
    libgit2.configure(home, idle=operation.remote.timeout, ca=authority)
    if credentials.bearer_token:
        (home / ".gitconfig").write_text("[http]\n\tfollowRedirects = false\n")
        libgit2.read_configuration(home)
