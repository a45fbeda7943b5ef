"""The conversations with a remote through the `git` program: list, fetch and push, as `libgit2_client` has them.

What the program says is read in one place and becomes the same errors that libgit2's words become.
"""

import re
from pathlib import Path

import pygit2

from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.transport import libgit2_client
from gotk.git.transport.operation import Done, Fetch, Fetched, ListReferences, Operation, Push, References
from gotk.git.transport.program import Ended, Program

_STATUS = re.compile(r"returned error: (\d{3})")
_BY_WORDS: tuple[tuple[type[errors.Error], tuple[str, ...]], ...] = (
    (
        errors.AuthenticationFailed,
        (
            *("authentication failed", "could not read username", "could not read password"),
            *("permission denied (publickey", "invalid format", "error in libcrypto"),
            *("response 407", "407 from proxy", "rejected by the socks5 server", "the proxy refused: 407"),
            "username and password authentication failure",
        ),
    ),
    (errors.HostKeyMismatch, ("host key verification failed", "host key for")),
    (errors.CertificateInvalid, ("certificate verif", "certificate problem", "certificate verify failed")),
    (errors.RepositoryNotFound, ("not found", "does not appear to be a git repository")),
    (errors.ReferenceNotFound, ("couldn't find remote ref",)),
    (errors.TimedOut, ("timed out", "timeout", "operation too slow")),
)


def needed(scheme: str, credentials: Credentials) -> bool:
    """Tell whether libgit2 cannot have this conversation."""
    return bool(credentials.certificate or credentials.proxy) and scheme != "file"


def run(operation: Operation, home: Path) -> References | Fetched | Done:
    """Have a conversation, with `home` for the secrets. Raises the errors of `gotk.git.errors`."""
    remote = operation.remote
    address = urls.parse(remote.url)
    if address.scheme == "ssh" and remote.credentials.proxy.startswith("https:"):
        raise errors.InvalidCredentials("an ssh address goes through a proxy whose own address is http or socks5")
    program = Program(home, address, remote.credentials, timeout=remote.timeout)
    match operation:
        case ListReferences():
            return _list(program, _Complaints("list remote for", address, remote.credentials))
        case Fetch():
            return _fetch(operation, program, _Complaints("clone", address, remote.credentials))
        case Push():
            return _push(operation, program, _Complaints("push to", address, remote.credentials))
        case _:
            raise TypeError(type(operation).__name__)


class _Complaints:
    """Makes errors in the words of one conversation."""

    def __init__(self, verb: str, address: urls.Url, credentials: Credentials) -> None:
        self.url = address.bare
        self.connect = address.connect
        self._verb = verb
        self._way = f" through the proxy '{urls.without_user(credentials.proxy)}'" if credentials.proxy else ""

    def error(self, kind: type[errors.Error], cause: str) -> errors.Error:
        """Make an error."""
        return kind(f"unable to {self._verb} '{self.url}'{self._way}: {cause}")

    def translate(self, ended: Ended) -> errors.Error:
        """Make an error of what git said."""
        lines = [line for line in ended.errors.splitlines() if not line.startswith(("remote:", "hint:", "warning:"))]
        text = errors.printable(" ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines))
        kind = _kind(text)
        return self.error(kind, errors.explained(kind, text))


def _kind(text: str) -> type[errors.Error]:
    if match := _STATUS.search(text):
        return errors.BY_STATUS.get(match[1], errors.Unreachable)
    lowered = text.lower()
    return next((kind for kind, words in _BY_WORDS if any(word in lowered for word in words)), errors.Unreachable)


def _list(program: Program, complaints: _Complaints) -> References:
    ended = program.run("ls-remote", "--symref", "--", complaints.connect)
    if ended.status != 0:
        raise complaints.translate(ended)
    commits: dict[str, str] = {}
    head = ""
    for line in ended.output.splitlines():
        what, _, name = line.partition("\t")
        if what.startswith("ref: "):
            head = what.removeprefix("ref: ") if name == "HEAD" else head
        else:
            commits[name.removesuffix("^{}")] = what  # the peeled line comes after its tag's
    return References(commits=commits, head=head)


def _fetch(operation: Fetch, program: Program, complaints: _Complaints) -> Fetched:
    references = _list(program, complaints)
    if not references.commits:
        raise errors.EmptyRepository("git repository is empty")
    specs, commit = libgit2_client.wanted(operation.reference, references, complaints)
    if libgit2_client.is_complete(pygit2.Repository(operation.repository), commit):
        return Fetched(commit=commit, transferred=False)
    before = _packed(operation.repository)
    depth = [f"--depth={operation.depth}"] if operation.depth else []
    ended = program.run(
        *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *depth),
        *("--", complaints.connect, *specs),
        directory=Path(operation.repository),
        limit=operation.limit,
    )
    if ended.status != 0:
        raise _oversized(operation, complaints, complaints.translate(ended))
    if not libgit2_client.is_complete(pygit2.Repository(operation.repository), commit):
        raise complaints.error(errors.ReferenceNotFound, f"the remote did not send commit '{commit}'")
    return Fetched(commit=commit, transferred=True, bytes=_packed(operation.repository) - before)


def _oversized(operation: Fetch, complaints: _Complaints, error: errors.Error) -> errors.Error:
    """Clear away what was left of a fetch that failed, and say so if it was cut off at the limit."""
    left = list(Path(operation.repository, "objects", "pack").glob("tmp_*"))
    cut_off = any(file.stat().st_size >= operation.limit for file in left)
    for file in left:
        file.unlink(missing_ok=True)
    if cut_off:
        return complaints.error(errors.TooLarge, f"more than {operation.limit} bytes came")
    return error


def _packed(repository: str) -> int:
    return sum(pack.stat().st_size for pack in Path(repository, "objects", "pack").glob("*.pack"))


def _push(operation: Push, program: Program, complaints: _Complaints) -> Done:
    if not operation.force and operation.expected and not _comes_after(operation, operation.expected):
        cause = f"'{operation.commit}' does not come after '{operation.expected}'"
        raise complaints.error(errors.NonFastForward, cause)
    ended = program.run(
        *("push", "--porcelain", "--no-verify", "--recurse-submodules=no", "--no-signed"),
        f"--force-with-lease={operation.reference}:{operation.expected or ''}",
        *(f"--push-option={option}" for option in operation.options),
        *("--", complaints.connect, f"{operation.commit}:{operation.reference}"),
        directory=Path(operation.repository),
    )
    if ended.status == 0:
        return Done()
    refusals = [line.split("\t", 2)[2] for line in ended.output.splitlines() if line.startswith("!\t")]
    if not refusals:
        raise complaints.translate(ended)
    raise _refused(complaints, errors.printable(refusals[0]), ended)


def _comes_after(operation: Push, expected: str) -> bool:
    """Tell whether nothing is lost: the lease alone would let a branch go back."""
    repository = pygit2.Repository(operation.repository)
    if operation.commit == expected:
        return True
    return expected in repository and repository.descendant_of(operation.commit, expected)


def _refused(complaints: _Complaints, cause: str, ended: Ended) -> errors.Error:
    remarks = (line for line in ended.errors.splitlines() if line.startswith("remote:"))
    said = errors.printable(" ".join(line.removeprefix("remote:").strip() for line in remarks))
    lowered = cause.lower()
    moved = any(word in lowered for word in ("non-fast", "fetch first", "stale info", "failed to update ref", "lock"))
    return complaints.error(
        errors.NonFastForward if moved else errors.Rejected,
        f"the remote refused it: {cause}" + (f" ({said})" if said else ""),
    )
