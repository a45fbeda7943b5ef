"""The serving side of a fetch: `git upload-pack --stateless-rpc` over packet lines, protocol version 0.

Answers to gitprotocol-pack: wants, the client's shallow commits and a depth come in; how its history is cut, the
acknowledgement of what it has and a pack go out.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from gotk.git import libgit2
from gotk.git.serving import packets, reachability
from gotk.git.serving.packets import ProtocolError

CAPABILITIES = (
    "multi_ack_detailed no-done side-band-64k ofs-delta shallow allow-tip-sha1-in-want "
    "allow-reachable-sha1-in-want object-format=sha1 agent=image-automation"
)
_READ_SIZE = 1 << 16
_KEEPALIVE_SECONDS = 5.0  # `uploadpack.keepAlive` of Git's server
_NO_OBJECTS = b"PACK" + (2).to_bytes(4, "big") + bytes(4)
_EMPTY_PACK = _NO_OBJECTS + hashlib.sha1(_NO_OBJECTS, usedforsecurity=False).digest()
_ID = re.compile(rb"^[0-9a-f]{40}$")


@dataclass(slots=True)
class _Request:
    wants: list[str] = field(default_factory=list)
    capabilities: frozenset[str] = frozenset()
    shallow: set[str] = field(default_factory=set)
    depth: int = 0


def advertise(repository: pygit2.Repository) -> Iterator[bytes]:
    """Name HEAD and every reference, with what annotated tags point to."""
    lines: list[tuple[str, str]] = []
    capabilities = CAPABILITIES
    head = repository.lookup_reference("HEAD")
    if isinstance(head.target, str):
        capabilities += f" symref=HEAD:{head.target}"
    if not repository.head_is_unborn:
        lines.append((str(repository.head.target), "HEAD"))
    for name in sorted(repository.references):
        target = str(repository.references[libgit2.named(name)].resolve().target)
        lines.append((target, name))
        found = repository.get(target)
        if isinstance(found, pygit2.Tag):
            lines.append((str(found.peel(pygit2.Commit).id), f"{name}^{{}}"))
    yield from advertisement(lines, capabilities)


def advertisement(lines: list[tuple[str, str]], capabilities: str) -> Iterator[bytes]:
    """Print references with the capabilities behind the first; a repository without any says so."""
    for number, (target, name) in enumerate(lines or [("0" * 40, "capabilities^{}")]):
        yield packets.line(
            f"{target} {name}".encode() + (b"\0" + capabilities.encode() if number == 0 else b"") + b"\n"
        )
    yield packets.FLUSH


def serve(repository: pygit2.Repository, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Answer one request of a fetch. Raises ProtocolError and reachability.Missing."""
    request = _request(read)
    if not request.wants:
        return
    _permit(repository, request.wants)
    cut = reachability.Client(shallow=frozenset(request.shallow))
    if request.depth:
        moved = reachability.plan(repository, request.wants, cut, depth=request.depth)
        yield from (packets.line(f"shallow {name}".encode()) for name in moved.shallow)
        yield from (packets.line(f"unshallow {name}".encode()) for name in moved.unshallow)
        yield packets.FLUSH
    haves: set[str] = set()
    if not (yield from _negotiate(repository, read, haves, request)):
        return
    client = reachability.Client(frozenset(haves), cut.shallow)
    planned = reachability.plan(repository, request.wants, client, depth=request.depth)
    yield from _pack(repository, planned.objects, banded="side-band-64k" in request.capabilities)


def _request(read: Callable[[int], bytes]) -> _Request:
    request = _Request()
    for payload in packets.section(read):
        words = payload.split(b" ")
        if words[0] == b"want" and len(words) > 1:
            if not request.wants:
                request.capabilities = frozenset(word.decode("ascii", "replace") for word in words[2:])
            request.wants.append(_name(words[1]))
        elif words[0] == b"shallow" and len(words) == 2:
            request.shallow.add(_name(words[1]))
        elif words[0] == b"deepen" and len(words) == 2 and words[1].isdigit():
            request.depth = int(words[1])
        else:
            raise ProtocolError("upload-pack: unexpected line")
    return request


def _name(word: bytes) -> str:
    if not _ID.match(word):
        raise ProtocolError("upload-pack: malformed object id")
    return word.decode()


def _permit(repository: pygit2.Repository, wants: list[str]) -> None:
    """Serve only what a reference leads to: an id alone opens nothing."""
    tips = {str(repository.references[libgit2.named(name)].resolve().target) for name in repository.references}
    for want in set(wants) - tips:
        if not reachability.is_commit(repository, want) or not any(
            tip == want or repository.descendant_of(str(repository[tip].peel(pygit2.Commit).id), want) for tip in tips
        ):
            raise ProtocolError(f"upload-pack: not our ref {want}")


def _negotiate(
    repository: pygit2.Repository, read: Callable[[int], bytes], haves: set[str], request: _Request
) -> Generator[bytes, None, bool]:
    """Acknowledge what the client has; returns whether the pack is to follow."""
    last = ""
    detailed = "multi_ack_detailed" in request.capabilities
    while head := read(4):
        if head == packets.FLUSH:
            if detailed and last:
                yield packets.line(f"ACK {last} ready\n".encode())
            if detailed or not last:
                yield packets.line(b"NAK\n")
            if detailed and last and "no-done" in request.capabilities:
                yield packets.line(f"ACK {last}\n".encode())
                return True
            continue
        payload = packets.payload(head, read).rstrip(b"\n")
        if payload == b"done":
            if not last:
                yield packets.line(b"NAK\n")
            elif detailed:
                yield packets.line(f"ACK {last}\n".encode())
            return True
        name = _name(payload.removeprefix(b"have "))
        if reachability.is_commit(repository, name):
            if detailed:
                yield packets.line(f"ACK {name} common\n".encode())
            elif not last:
                yield packets.line(f"ACK {name}\n".encode())
            last = name
            haves.add(name)
    return False


def _pack(repository: pygit2.Repository, objects: list[str], *, banded: bool) -> Iterator[bytes]:
    """Write a pack of these objects, in the side band where the client takes it.

    Making a large one takes longer than clients wait for a silent server: as Git's server does, an empty packet of the
    side band says now and then that there is more to come.
    """
    if not objects:
        pieces: Iterator[bytes] = iter([_EMPTY_PACK])
    else:
        pieces = _built(repository, objects)
    for piece in pieces:
        if banded:
            yield from packets.banded(piece) if piece else [packets.KEEPALIVE]
        elif piece:
            yield piece
    if banded:
        yield packets.FLUSH


def _built(repository: pygit2.Repository, objects: list[str]) -> Iterator[bytes]:
    """Yield a pack's bytes, and nothing (empty bytes) every few seconds while it is made."""
    builder = pygit2.PackBuilder(repository)
    for name in objects:
        builder.add(pygit2.Oid(hex=name))
    with tempfile.TemporaryDirectory(prefix="pack-") as directory, ThreadPoolExecutor(1, "git-pack") as executor:
        made = executor.submit(builder.write, directory)
        while not wait([made], timeout=_KEEPALIVE_SECONDS).done:
            yield b""
        made.result()
        with next(Path(directory).glob("*.pack")).open("rb") as written:
            while chunk := written.read(_READ_SIZE):
                yield chunk
