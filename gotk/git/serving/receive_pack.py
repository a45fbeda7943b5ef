"""The serving side of a push: `git receive-pack --stateless-rpc` over packet lines.

Answers to gitprotocol-pack: commands and a pack come in, a report goes out. Objects are stored before any reference
moves; a reference moves only from where the client saw it, one push at a time per repository. No hook ever runs.
"""

import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pygit2
from dulwich.errors import ApplyDeltaError, ChecksumMismatch, ObjectFormatException
from dulwich.object_store import DiskObjectStore

from gotk.git import libgit2, reference
from gotk.git.serving import packets, reachability, upload_pack
from gotk.git.serving.packets import ProtocolError

CAPABILITIES = (
    "report-status delete-refs atomic ofs-delta side-band-64k quiet object-format=sha1 agent=image-automation"
)
_NONE = "0" * 40
_COMMAND = re.compile(rb"^(?P<old>[0-9a-f]{40}) (?P<new>[0-9a-f]{40}) (?P<name>[^\x00]+)$")
_BROKEN_PACK = (OSError, AssertionError, ChecksumMismatch, ApplyDeltaError, ObjectFormatException, zlib.error, KeyError)


@dataclass(frozen=True, slots=True)
class Command:
    """What the client wants a reference to become."""

    old: str
    new: str
    name: str


def advertise(repository: pygit2.Repository) -> Iterator[bytes]:
    """Name every reference as it is."""
    names = sorted(repository.references)
    lines = [(str(repository.references[libgit2.named(name)].resolve().target), name) for name in names]
    yield from upload_pack.advertisement(lines, CAPABILITIES)


def serve(
    repository: pygit2.Repository, read: Callable[[int], bytes], read_some: Callable[[int], bytes], lock: threading.Lock
) -> Iterator[bytes]:
    """Take one push and report. Raises ProtocolError where the request is malformed."""
    commands, capabilities = _commands(read)
    if not commands:
        return
    report: list[str]
    if problem := _store(repository, commands, read, read_some):
        report = [f"unpack {problem}", *(f"ng {command.name} unpacker error" for command in commands)]
    else:
        with lock:
            report = ["unpack ok", *_apply(repository, commands, atomic="atomic" in capabilities)]
    if "report-status" not in capabilities:
        return
    text = b"".join(packets.line(f"{line}\n".encode()) for line in report) + packets.FLUSH
    if "side-band-64k" in capabilities:
        yield from packets.banded(text)
        yield packets.FLUSH
    else:
        yield text


def _commands(read: Callable[[int], bytes]) -> tuple[list[Command], frozenset[str]]:
    commands: list[Command] = []
    capabilities: frozenset[str] = frozenset()
    for payload in packets.section(read):
        if payload.startswith(b"shallow "):
            continue  # where the client's history is cut is no matter: what it sends is checked against ours
        text, _, said = payload.partition(b"\0")
        match = _COMMAND.match(text)
        if match is None:
            raise ProtocolError("receive-pack: malformed command")
        if said:
            capabilities = frozenset(said.decode("ascii", "replace").split())
        name = match["name"].decode("utf-8", "replace")
        commands.append(Command(match["old"].decode(), match["new"].decode(), name))
    return commands, capabilities


def _store(
    repository: pygit2.Repository,
    commands: list[Command],
    read: Callable[[int], bytes],
    read_some: Callable[[int], bytes],
) -> str:
    """Store the pack that follows the commands; returns what is wrong with it, or nothing."""
    if all(command.new == _NONE for command in commands):
        return ""
    try:
        with closing(DiskObjectStore(str(Path(repository.path) / "objects"))) as store:
            store.add_thin_pack(read, read_some)
    except _BROKEN_PACK as error:
        return f"the pack is broken ({type(error).__name__})"
    return ""


def _apply(repository: pygit2.Repository, commands: list[Command], *, atomic: bool) -> list[str]:
    """Move the references, all or none where the client wants that, and report on each."""
    problems = {command.name: _problem(repository, command) for command in commands}
    doomed = atomic and any(problems.values())
    report = []
    for command in commands:
        problem = problems[command.name] or ("atomic push failed" if doomed else _move(repository, command))
        report.append(f"ng {command.name} {problem}" if problem else f"ok {command.name}")
    return report


def _problem(repository: pygit2.Repository, command: Command) -> str:
    if not reference.is_reference(command.name):
        return "funny refname"
    now = _target(repository, command.name)
    if now != command.old:
        return f"failed to update ref: it is at {now} but expected {command.old}"
    if command.new == _NONE:
        return "" if now != _NONE else "no such reference"
    tips = [str(repository.references[libgit2.named(name)].resolve().target) for name in repository.references]
    if not reachability.complete(repository, command.new, tips):
        return "missing necessary objects"
    if command.name.startswith("refs/heads/") and not reachability.is_commit(repository, command.new):
        return "a branch must be at a commit"
    return ""


def _target(repository: pygit2.Repository, name: str) -> str:
    found = repository.references.get(libgit2.named(name))
    return _NONE if found is None else str(found.resolve().target)


def _move(repository: pygit2.Repository, command: Command) -> str:
    """Move one reference; libgit2 compares with the old value once more under its own file lock."""
    try:
        found = repository.references.get(libgit2.named(command.name))
        if command.new == _NONE and found is not None:
            found.delete()
        elif found is None:
            repository.references.create(command.name, command.new)
        else:
            found.set_target(command.new)
    except (pygit2.GitError, ValueError, OSError):
        return "failed to update ref"
    return ""
