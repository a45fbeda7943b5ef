"""From a GitRepository's reference to a commit in a mirror, and from there to a stored artifact. Both block."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from deploy.source import archive, revision
from deploy.source.checkouts import layers
from deploy.source.checkouts.layers import Layers
from deploy.source.checkouts.submodules import Fetcher
from deploy.source.publishing import ArchiveError, Release, Stored
from deploy.source.tarball import Written
from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.signature import Signed
from gotk.git.reference import TAGS, Target
from gotk.git.transport.operation import Fetched


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit, what its revision is called and the mirror that holds it; `tag` is the tag that led there."""

    mirror: Mirror
    commit: str
    revision: str
    tag: "Tag | None" = None

    def signed_tag(self) -> Signed | None:
        """Return the tag object's bytes and signature; None where there is none."""
        return self.mirror.signed_tag(self.tag.id)[1] if self.tag and self.tag.id else None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its name; `id` is its object's, and empty where the tag is only a reference."""

    name: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.id}" if self.id else self.name


def fetch(
    mirrors: Mirrors, url: str, credentials: Credentials, wanted: Target, *, tenant: str, timeout: float, known: str
) -> Checkout:
    """Bring the wanted commit into a mirror. Raises the errors of `gotk.git.errors`.

    A pinned commit needs the whole history, of the one branch that is named or of every branch; anything else is
    fetched without history. Of a `known` revision nothing more is wanted than to hear whether it is still the remote's.
    """
    mirror = mirrors.open(url, credentials, tenant=tenant, timeout=timeout, depth=0 if wanted.commit else 1)
    if known and (listed := _listed(mirror, wanted, known)):
        return listed
    if wanted.semver:
        wanted = wanted.resolved(mirror.references().commits, lambda tag: mirror.committed_at(mirror.fetch(tag)))
    if wanted.commit:
        commit, tag = _pinned(mirror, wanted), ""
    elif wanted.label.startswith("/") or wanted.label.endswith("/"):
        raise errors.ReferenceNotFound(f"unable to resolve ref '{wanted.reference}' to a specific commit")
    else:
        brought = _fetched(mirror, wanted)
        commit, tag = brought.commit, brought.tag
    return Checkout(mirror, commit, wanted.revision(commit), _tag(mirror, wanted, commit, tag))


def _listed(mirror: Mirror, wanted: Target, known: str) -> Checkout | None:
    """Return what is known without its files, where the mirror has lost these and the remote has nothing newer."""
    if wanted.commit or wanted.semver or mirror.has(known.rpartition(":")[2].rpartition("/")[2]):
        return None
    commit = mirror.references().commits.get(wanted.reference, "")
    found = wanted.revision(commit)
    return Checkout(mirror, commit, found) if commit and revision.same(known, found) else None


def _tag(mirror: Mirror, wanted: Target, commit: str, tag: str) -> Tag | None:
    """Name the tag that was followed. Raises ReferenceNotFound for one that leads elsewhere than the remote says."""
    if not wanted.reference.startswith(TAGS):
        return None
    if not tag:
        return Tag(wanted.reference.removeprefix(TAGS))
    found, _ = mirror.signed_tag(tag)
    if found.commit != commit:
        cause = f"the remote says that it leads to '{commit}', it leads to '{found.commit}'"
        raise errors.ReferenceNotFound(f"unable to resolve tag object for '{wanted.reference}': {cause}")
    return Tag(found.name, tag)


def _fetched(mirror: Mirror, wanted: Target) -> Fetched:
    try:
        return mirror.bring(wanted.reference)
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


def content(
    found: Checkout, mirrors: Mirrors, *, tenant: str, timeout: float, recurse: bool, sparse: Sequence[str]
) -> Layers:
    """Lay out the files of a commit: those of some directories only, or with the submodules.

    A sparse checkout has no submodules, as in Flux. Raises the errors of `gotk.git.errors`, and Conflict.
    """
    mirror, commit = found.mirror, found.commit
    entries = list(mirror.files(commit, submodules=True))
    if sparse:
        entries = layers.sparse(entries, sparse)
    laid = Layers()
    laid.lay(entries, mirror.read)
    if recurse and not sparse:
        Fetcher(mirrors, laid, tenant=tenant, timeout=timeout).lay(mirror, commit, entries)
    return laid


def release(checkout: Checkout, laid: Layers, ignore: str | None, observed: Mapping[str, Any]) -> Release:
    """Return the release that a commit makes; `observed` is what its files depend on besides."""
    mirror, commit = checkout.mirror, checkout.commit

    def write(file: BinaryIO) -> Written:
        with _told():
            return archive.write(file, laid.entries, laid.read, ignore)

    def event() -> str:
        with _told():
            return f"stored artifact for commit '{revision.short(mirror.subject(commit))}'"

    return Release(
        file=f"{commit}.tar.gz",
        revision=checkout.revision,
        write=write,
        event=event,
        stored=stored(checkout.revision),
        observed={"observed_ignore": ignore, **observed},
    )


def stored(revision: str) -> Stored:
    """Word that the artifact of a revision is there."""
    return Stored(f"stored artifact for revision '{revision}'")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except errors.Error as error:
        raise ArchiveError(str(error)) from error
