"""From a GitRepository's reference to a commit in a mirror, and from there to a stored artifact. Both block."""

from dataclasses import dataclass

from deploy.source import archive
from deploy.source.storage import Storage
from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.reference import Target


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit, what its revision is called and the mirror that holds it."""

    mirror: Mirror
    commit: str
    revision: str


def fetch(
    mirrors: Mirrors, url: str, credentials: Credentials, wanted: Target, *, tenant: str, timeout: float
) -> Checkout:
    """Bring the wanted commit into a mirror. Raises the errors of `gotk.git.errors`.

    A pinned commit needs the whole history, of the one branch that is named or of every branch; anything else is
    fetched without history.
    """
    mirror = mirrors.open(url, credentials, tenant=tenant, timeout=timeout, depth=0 if wanted.commit else 1)
    if wanted.semver:
        wanted = wanted.resolved(mirror.references().commits, lambda tag: mirror.committed_at(mirror.fetch(tag)))
    if wanted.commit:
        commit = _pinned(mirror, wanted)
    elif wanted.label.startswith("/") or wanted.label.endswith("/"):
        raise errors.ReferenceNotFound(f"unable to resolve ref '{wanted.reference}' to a specific commit")
    else:
        commit = _fetched(mirror, wanted)
    return Checkout(mirror, commit, wanted.revision(commit))


def _fetched(mirror: Mirror, wanted: Target) -> str:
    try:
        return mirror.fetch(wanted.reference)
    except errors.ReferenceNotFound:
        if missing := wanted.missing():
            raise errors.ReferenceNotFound(missing) from None
        raise


def _pinned(mirror: Mirror, wanted: Target) -> str:
    missing = errors.ReferenceNotFound(wanted.missing())
    if not wanted.reference:
        try:
            return mirror.fetch(wanted.commit)
        except errors.ReferenceNotFound:
            raise missing from None
    tip = mirror.fetch(wanted.reference)
    if not mirror.contains(tip, wanted.commit):
        raise missing
    return wanted.commit


def store(storage: Storage, path: str, checkout: Checkout, ignore: str | None) -> tuple[archive.Written, str]:
    """Write the commit's artifact, and return what was written and the commit's subject.

    Raises OSError, and the errors of `gotk.git.errors`.
    """
    mirror, commit = checkout.mirror, checkout.commit
    written = storage.write(path, lambda file: archive.write(file, mirror.files(commit), mirror.read, ignore))
    return written, mirror.subject(commit)
