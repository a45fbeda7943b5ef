"""From a GitRepository's reference to a commit in a mirror, and from there to a stored artifact. Both block."""

from dataclasses import dataclass

from deploy.source import archive
from deploy.source.revision import Target
from deploy.source.storage import Storage
from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.objects.mirror import Mirror, Mirrors
from gotk.semver import Key, Range, Version


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
        tag = _latest(mirror, wanted.semver)
        wanted = Target(tag, f"{_TAGS}{tag}")
    if wanted.commit:
        commit = _pinned(mirror, wanted)
    elif wanted.label.startswith("/") or wanted.label.endswith("/"):
        raise errors.ReferenceNotFound(_UNRESOLVED.format(wanted.reference))
    else:
        commit = _named(mirror, wanted)
    return Checkout(mirror, commit, wanted.revision(commit))


_TAGS = "refs/tags/"
_UNRESOLVED = "unable to resolve ref '{}' to a specific commit"


def _named(mirror: Mirror, wanted: Target) -> str:
    try:
        return mirror.fetch(wanted.reference)
    except errors.ReferenceNotFound:
        if wanted.label == wanted.reference:  # spec.ref.name
            raise errors.ReferenceNotFound(_UNRESOLVED.format(wanted.reference)) from None
        raise


def _latest(mirror: Mirror, text: str) -> str:
    """Choose the tag with the highest version in a range; among equal versions the newest commit wins."""
    try:
        wanted = Range.parse(text)
    except ValueError as error:
        raise errors.ReferenceNotFound(f"semver parse error: {error}") from None
    listed = mirror.references().commits
    tags = [name.removeprefix(_TAGS) for name in listed if name.startswith(_TAGS)]
    best = wanted.latest(tags)
    if best is None:
        raise errors.ReferenceNotFound(f"no match found for semver: {text}")
    highest = Version.parse_tag(best).key
    equals = [tag for tag in tags if _key(tag) == highest]
    if len({listed[_TAGS + tag] for tag in equals}) == 1:
        return best
    return max(equals, key=lambda tag: (mirror.committed_at(mirror.fetch(_TAGS + tag)), tag))


def _key(tag: str) -> Key | None:
    try:
        return Version.parse_tag(tag).key
    except ValueError:
        return None


def _pinned(mirror: Mirror, wanted: Target) -> str:
    missing = errors.ReferenceNotFound(f"unable to resolve commit object for '{wanted.commit}': object not found")
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
