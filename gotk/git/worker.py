"""The process of one Git operation: a request on standard input, an answer on standard output, then the end.

Its home (the current directory, made for it, mode 0700) holds `known_hosts`, the authority and a Git configuration
that forbids redirects where a bearer token would travel along.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from gotk.git import errors, libgit2, spoken, transport
from gotk.git import url as urls
from gotk.git.operation import Fetch, ListReferences, Operation, Push
from gotk.git.remote import Failure

_GRACE_SECONDS = 5


def main() -> None:
    """Do what standard input asks for. The answer holds a result or a Failure; a crash is told by the exit status."""
    operation = msgspec.json.decode(sys.stdin.buffer.read(), type=ListReferences | Fetch | Push)
    signal.alarm(int(operation.remote.timeout) + _GRACE_SECONDS)  # the end, even when nobody is left to kill us
    try:
        answer: object = _run(operation, Path.cwd())
    except errors.Error as error:
        answer = Failure(kind=type(error).__name__, message=error.message)
    os.write(1, msgspec.json.encode(answer))


def _run(operation: Operation, home: Path) -> object:
    if spoken.needed(urls.parse(operation.remote.url).scheme, operation.remote.credentials):
        return spoken.run(operation, home)
    furnish(home, operation)
    return transport.run(operation)


def furnish(home: Path, operation: Operation) -> None:
    """Put what libgit2 looks for into the home, and point libgit2 there."""
    credentials = operation.remote.credentials
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "known_hosts").write_text(plain_hosts(credentials.known_hosts))
    authority = home / "ca.pem"
    if credentials.ca:
        authority.write_text(credentials.ca)
    libgit2.harden(idle=operation.remote.timeout, home=home, ca=authority if credentials.ca else None)
    if credentials.bearer_token:
        (home / ".gitconfig").write_text("[http]\n\tfollowRedirects = false\n")
        libgit2.read_configuration(home)


def plain_hosts(known_hosts: str) -> str:
    """Keep the lines that libssh2 understands: it knows no `@cert-authority`, and a key under `@revoked` must go."""
    lines = [line.strip() for line in known_hosts.splitlines()]
    revoked = {line.split()[3] for line in lines if line.startswith("@revoked") and len(line.split()) > 3}
    kept = [line for line in lines if not line.startswith("@") and revoked.isdisjoint(line.split())]
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    main()
