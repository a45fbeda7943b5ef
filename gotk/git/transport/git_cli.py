"""The conversations with a remote through the `git` program: list, fetch and push, as `libgit2_client` has them.

What the program says is read in one place and becomes the same errors that libgit2's words become.
"""

from pathlib import Path

import pygit2

from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.objects import commit as commits
from gotk.git.transport import diagnosis, refspecs
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import Done, Fetch, Fetched, ListReferences, Operation, Push, References
from gotk.git.transport.program import Ended, Program


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
    failures = Failures.of(operation)
    match operation:
        case ListReferences():
            return _list(program, address, failures)
        case Fetch():
            return _fetch(operation, program, address, failures)
        case Push():
            return _push(operation, program, address, failures)
        case _:
            raise TypeError(type(operation).__name__)


def _translated(ended: Ended, failures: Failures) -> errors.Error:
    """Make an error of what git said."""
    lines = [line for line in ended.errors.splitlines() if not line.startswith(("remote:", "hint:", "warning:"))]
    text = " ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines)
    return diagnosis.of_git(text, failures, remarks=" ".join(_remarks(ended)))


def _remarks(ended: Ended) -> list[str]:
    """Return what the server said to people."""
    return [line.removeprefix("remote:").strip() for line in ended.errors.splitlines() if line.startswith("remote:")]


def _list(program: Program, address: urls.Url, failures: Failures) -> References:
    ended = program.run("ls-remote", "--symref", "--", address.connect)
    if ended.status != 0:
        raise _translated(ended, failures)
    listed: list[tuple[str, str]] = []
    head = ""
    for line in ended.output.splitlines():
        what, _, name = line.partition("\t")
        if what.startswith("ref: "):
            head = what.removeprefix("ref: ") if name == "HEAD" else head
        else:
            listed.append((name, what))
    return References.of(listed, head)


def _fetch(operation: Fetch, program: Program, address: urls.Url, failures: Failures) -> Fetched:
    references = _list(program, address, failures)
    if not references.commits:
        raise errors.EmptyRepository("git repository is empty")
    specs, commit = refspecs.wanted(operation, references, failures)
    tag, repository = references.tags.get(operation.reference, ""), pygit2.Repository(operation.repository)
    if commits.is_complete(repository, commit) and (not tag or tag in repository):
        return Fetched(commit=commit, transferred=False, tag=tag)
    before = _packed(operation.repository)
    depth = [f"--depth={operation.depth}"] if operation.depth else []
    ended = program.run(
        *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *depth),
        *("--", address.connect, *specs),
        directory=Path(operation.repository),
        limit=operation.limit,
    )
    if ended.status != 0:
        raise _oversized(operation, failures, _translated(ended, failures))
    if not commits.is_complete(pygit2.Repository(operation.repository), commit):
        raise failures.error(errors.ReferenceNotFound, f"the remote did not send commit '{commit}'")
    return Fetched(commit=commit, transferred=True, bytes=_packed(operation.repository) - before, tag=tag)


def _oversized(operation: Fetch, failures: Failures, error: errors.Error) -> errors.Error:
    """Clear away what was left of a fetch that failed, and say so if it was cut off at the limit."""
    left = list(Path(operation.repository, "objects", "pack").glob("tmp_*"))
    cut_off = any(file.stat().st_size >= operation.limit for file in left)
    for file in left:
        file.unlink(missing_ok=True)
    if cut_off:
        return failures.error(errors.TooLarge, f"more than {operation.limit} bytes came")
    return error


def _packed(repository: str) -> int:
    return sum(pack.stat().st_size for pack in Path(repository, "objects", "pack").glob("*.pack"))


def _push(operation: Push, program: Program, address: urls.Url, failures: Failures) -> Done:
    may_replace = operation.force or not operation.commit
    if operation.expected and not may_replace and not _comes_after(operation, operation.expected):
        cause = f"'{operation.commit}' does not come after '{operation.expected}'"
        raise failures.error(errors.NonFastForward, cause)
    ended = program.run(
        *("push", "--porcelain", "--no-verify", "--recurse-submodules=no", "--no-signed"),
        f"--force-with-lease={operation.reference}:{operation.expected or ''}",
        *(f"--push-option={option}" for option in operation.options),
        *("--", address.connect, f"{operation.commit}:{operation.reference}"),
        directory=Path(operation.repository),
    )
    if ended.status == 0:
        return Done()
    refusals = [line.split("\t", 2)[2] for line in ended.output.splitlines() if line.startswith("!\t")]
    if not refusals:
        raise _translated(ended, failures)
    raise failures.refused(refusals[0], _remarks(ended))


def _comes_after(operation: Push, expected: str) -> bool:
    """Tell whether nothing is lost: the lease alone would let a branch go back."""
    repository = pygit2.Repository(operation.repository)
    if operation.commit == expected:
        return True
    return expected in repository and repository.descendant_of(operation.commit, expected)
