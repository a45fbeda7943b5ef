"""The conversations with a remote: list, fetch, push, over libgit2's HTTP, SSH and local transports.

Blocking, in whatever process it is called. `gotk.git.transport.remote` decides which process that must be: host keys
and authorities of a secret are process-wide settings in libgit2, so `certificate_check` only repeats libgit2's verdict.
pygit2 takes any SSH host key for good unless that method is overridden.
"""

import time
from typing import Any

import pygit2
from pygit2.enums import CredentialType

from gotk.git import errors
from gotk.git import libgit2 as _settings
from gotk.git import url as urls
from gotk.git.objects import commit as commits
from gotk.git.transport import diagnosis, first_request, promptness, refspecs
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import Done, Fetch, Fetched, ListReferences, Operation, Push, References

_NOT_SHALLOW = 0
#: What libgit2 sees of a server that refuses a pack before it has all of it, and closes the connection.
_HUNG_UP = ("broken pipe", "connection reset", "unexpected eof", "receiving data from socket")

assert _settings is not None  # imported for what it sets


def run(operation: Operation) -> References | Fetched | Done:
    """Do it. Raises the errors of `gotk.git.errors`."""
    match operation:
        case ListReferences():
            return list_references(operation)
        case Fetch():
            return fetch(operation)
        case Push():
            return push(operation)
        case _:
            raise TypeError(type(operation).__name__)


class _Callbacks(pygit2.RemoteCallbacks):
    """Answers libgit2's questions during one operation, and ends it when it takes too long or brings too much."""

    #: Without it pygit2 does not decode what the remote says, and cannot fail at it.
    sideband_progress: Any = None

    def __init__(self, operation: Operation, address: urls.Url, *, limit: int = 0) -> None:
        super().__init__()
        remote = operation.remote
        self.failures = Failures.of(operation)
        self._credentials = remote.credentials
        self._address = address
        self._limit = limit
        self._timeout = remote.timeout
        self._deadline = time.monotonic() + remote.timeout
        self._offered: set[str] = set()
        self._open_before = promptness.sockets()

    def connected(self) -> None:
        """Take note that there is a connection, over which requests follow."""
        promptness.ensure(self._open_before)

    def credentials(
        self,
        url: str,
        username_from_url: str | None,  # noqa: ARG002 - pygit2's form
        allowed_types: CredentialType,
    ) -> Any:
        """Offer what we have, each thing once and only to the host that it is for."""
        ours = self._credentials
        if not self._address.trusts(urls.parse(url)):
            raise self.failures.error(
                errors.AuthenticationFailed, "the remote redirects to another host or port, which gets no secret"
            )
        if allowed_types & CredentialType.SSH_KEY and ours.identity and "key" not in self._offered:
            self._offered.add("key")
            return pygit2.KeypairFromMemory(ours.username, "", ours.identity, ours.passphrase)
        by_password = ours.username and self._address.scheme in {"http", "https"} and "basic" not in self._offered
        if allowed_types & CredentialType.USERPASS_PLAINTEXT and by_password:
            self._offered.add("basic")
            return pygit2.UserPass(ours.username, ours.password)
        if allowed_types & CredentialType.USERNAME and "user" not in self._offered:
            self._offered.add("user")
            return pygit2.Username(ours.username or self._address.user or "git")
        cause = "the remote does not accept the credentials" if self._offered else "authentication required"
        raise self.failures.error(errors.AuthenticationFailed, cause)

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:  # noqa: ARG002 - pygit2's form
        """Trust a host key or certificate only if libgit2 found it among the known ones."""
        return valid

    def custom_headers(self) -> list[str] | None:
        """Send the bearer token."""
        token = self._credentials.bearer_token
        return [f"Authorization: Bearer {token}"] if token else None

    def transfer_progress(self, stats: Any) -> None:
        """Stop a fetch that is too slow or too big."""
        self._in_time()
        if self._limit and stats.received_bytes > self._limit:
            raise self.failures.error(errors.TooLarge, f"more than {self._limit} bytes came")

    def push_transfer_progress(self, objects_pushed: int, total_objects: int, bytes_pushed: int) -> None:  # noqa: ARG002 - pygit2's form
        """Stop a push that is too slow."""
        self._in_time()

    def _in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise self.failures.error(errors.TimedOut, f"it took longer than {self._timeout:g}s")


class _PushCallbacks(_Callbacks):
    """Remembers what the remote said to a push, and lets it go on only from the expected old value."""

    def __init__(self, operation: Push, address: urls.Url, *, listen: bool) -> None:
        super().__init__(operation, address)
        self._operation = operation
        self.said: list[str] = []
        self.refusal: str | None = None
        self.up_to_date = False
        if listen:
            self.sideband_progress = self.said.append

    def push_negotiation(self, updates: list[Any]) -> None:
        """Compare the remote's reference with what we believed it to be."""
        self.connected()
        for update in updates:
            old = None if update.src.raw == bytes(20) else str(update.src)
            if old == self._operation.commit:
                self.up_to_date = True
            elif old != self._operation.expected:
                raise self.failures.error(
                    errors.NonFastForward,
                    f"'{self._operation.reference}' is at {old or 'no commit'} there, "
                    f"not at {self._operation.expected or 'no commit'}: it was changed in the meantime",
                )

    def push_update_reference(self, refname: str, message: str | None) -> None:  # noqa: ARG002 - pygit2's form
        """Keep the remote's refusal."""
        self.refusal = message


def _connect(repository: pygit2.Repository, callbacks: _Callbacks, address: urls.Url) -> Any:
    connection = repository.remotes.create_anonymous(address.connect)
    connection.connect(callbacks=callbacks, proxy=True)
    callbacks.connected()
    return connection


def list_references(operation: ListReferences) -> References:
    """Name every reference of the remote with the commit that it leads to."""
    address = urls.parse(operation.remote.url)
    callbacks = _Callbacks(operation, address)
    try:
        return _references(_connect(pygit2.Repository(), callbacks, address))
    except pygit2.GitError as error:
        raise _diagnosed(error, operation) from None


def _references(connection: Any) -> References:
    listed = list(connection.list_heads(connect=False))
    heads = (each.symref_target for each in listed if each.name == "HEAD" and each.symref_target)
    return References.of(((each.name, str(each.oid)) for each in listed), next(heads, ""))


def fetch(operation: Fetch) -> Fetched:
    """Bring a reference into the repository, unless its commit is there already."""
    address = urls.parse(operation.remote.url)
    callbacks = _Callbacks(operation, address, limit=operation.limit)
    try:
        repository = pygit2.Repository(operation.repository)
        connection = _connect(repository, callbacks, address)
        references = _references(connection)
        if not references.commits:
            raise errors.EmptyRepository("git repository is empty")
        specs, commit = refspecs.wanted(operation, references, callbacks.failures)
        tag = references.tags.get(operation.reference, "")
        if commits.is_complete(repository, commit) and (not tag or tag in repository):
            return Fetched(commit=commit, transferred=False, tag=tag)
        depth = _NOT_SHALLOW if address.scheme == "file" else operation.depth
        stats = connection.fetch(specs, callbacks=callbacks, proxy=True, depth=depth)
        if not commits.is_complete(repository, commit):
            raise callbacks.failures.error(errors.ReferenceNotFound, f"the remote did not send commit '{commit}'")
        return Fetched(commit=commit, transferred=True, bytes=stats.received_bytes, tag=tag)
    except pygit2.GitError as error:
        raise _diagnosed(error, operation) from None


def _diagnosed(error: pygit2.GitError, operation: Operation) -> errors.Error:
    """Make an error of libgit2's, with what the server says beside its status."""
    failures, text = Failures.of(operation), str(error)
    code = diagnosis.status(text)
    hung_up = isinstance(operation, Push) and any(words in text.lower() for words in _HUNG_UP)
    answer = first_request.refusal(operation) if code or hung_up else None
    if answer is not None and code in {0, answer.status}:
        return diagnosis.of_status(answer.status, text, failures, answer.remarks)
    return diagnosis.of_libgit2(error, failures)


def push(operation: Push) -> Done:
    """Move the remote's reference, or say what kept it from moving."""
    address = urls.parse(operation.remote.url)
    try:
        callbacks = _push(operation, address, listen=True)
    except UnicodeDecodeError:  # pygit2 could not read the remote's chatter, and what it did is unknown: ask again
        callbacks = _push(operation, address, listen=False)
    except pygit2.GitError as error:
        raise _diagnosed(error, operation) from None
    if callbacks.refusal is not None and not callbacks.up_to_date:
        raise callbacks.failures.refused(callbacks.refusal, ["".join(callbacks.said)])
    return Done()


def _push(operation: Push, address: urls.Url, *, listen: bool) -> _PushCallbacks:
    callbacks = _PushCallbacks(operation, address, listen=listen)
    repository = pygit2.Repository(operation.repository)
    forced = "+" if operation.force and operation.commit else ""
    spec = f"{forced}{operation.commit}:{operation.reference}"
    connection = repository.remotes.create_anonymous(address.connect)
    try:
        connection.push([spec], callbacks=callbacks, proxy=True, push_options=list(operation.options) or None)
    except pygit2.GitError:
        if not callbacks.up_to_date:
            raise
    return callbacks
