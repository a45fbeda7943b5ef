"""What an automation checks out, where it pushes to, and as whom: made of its spec and of the GitRepository's.

Answers to the source manager of Flux's image automation controller. Of the GitRepository only address, reference,
secrets, provider and timeout count; whether it is ready or suspended does not.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gotk.api.image import ImageUpdateAutomation
from gotk.api.source import GitRepository, GitRepositoryRef
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.git import auth
from gotk.git import errors as git
from gotk.runtime.errors import Retry, Stalled
from gotk.semver import ranges
from gotk.sources.git_access import GitAccess, Refused, Step

INVALID = "InvalidSourceConfiguration"
_DEFAULT_BRANCH = "master"
# What `git check-ref-format --branch` takes.
_BRANCH = re.compile(
    r"(?!-|@$|.*(?:\.\.|//|/\.|@\{|\.lock(?:/|$)|\.$|/$))(?![./])[^\x00-\x20\x7f~^:?*\[\\]{1,255}", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """`reference` is what to fetch, `label` its name in a revision, `branch` where commits go.

    With `semver` the reference is a tag, chosen when the remote has been asked. `pinned` is a commit by its id, `named`
    a reference by its full name.
    """

    reference: str
    label: str
    branch: str
    semver: str = ""
    pinned: bool = False
    named: bool = False

    @property
    def push_reference(self) -> str:
        """The full name of the branch that commits go to."""
        return f"refs/heads/{self.branch}"

    @property
    def switches(self) -> bool:
        """Whether commits go to another branch than the one checked out."""
        return self.reference != self.push_reference

    def revision(self, commit: str) -> str:
        """Write a commit as a revision, such as `main@sha1:...`."""
        return f"{self.label}@sha1:{commit}" if self.label else f"sha1:{commit}"

    def missing(self) -> Retry | None:
        """Say that what is to be checked out is not there, where that takes words of its own."""
        if self.pinned:
            return failed(f"unable to resolve commit object for '{self.reference}': object not found")
        return failed(f"unable to resolve ref '{self.reference}' to a specific commit") if self.named else None

    def in_the_way(self, references: Iterable[str]) -> Retry | None:
        """Say which branch keeps the push branch from being made: one is a folder of the other's name."""
        wanted = self.push_reference
        for each in references:
            if wanted.startswith(f"{each}/") or each.startswith(f"{wanted}/"):
                branch = each.removeprefix("refs/heads/")
                return failed(f"could not checkout to branch '{self.branch}': branch '{branch}' is in the way")
        return None

    def resolved(self, tags: Callable[[], Iterable[str]]) -> "Checkout":
        """Choose the tag where a range is given; `tags` asks the remote. Raises Retry."""
        if not self.semver:
            return self
        try:
            tag = ranges.Range.parse(self.semver).latest(list(tags()))
        except ValueError as error:
            raise failed(f"semver parse error: {error}") from error
        if tag is None:
            raise failed(f"no match found for semver: {self.semver}")
        return replace(self, reference=f"refs/tags/{tag}", label=tag, semver="")


def plan(automation: ImageUpdateAutomation, repository: GitRepository, *, allow_file: bool) -> Checkout:
    """Say what to check out and where to push. Raises Stalled for what is not supported, Retry for what is missing."""
    _refuse_files(repository, allow_file=allow_file)
    git_spec = automation.spec.git
    assert git_spec is not None
    reference = git_spec.checkout.ref if git_spec.checkout else repository.spec.ref
    branch = git_spec.push.branch if git_spec.push else ""
    branch = branch or (reference.branch if reference else "")
    if not branch:
        raise misconfigured(
            "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
        )
    if not _BRANCH.fullmatch(branch):
        raise Stalled(INVALID, f"'{git.printable(branch)}' is no name of a branch: invalid source configuration")
    return _wanted(reference or GitRepositoryRef(branch=_DEFAULT_BRANCH), branch)


def _wanted(ref: GitRepositoryRef, branch: str) -> Checkout:
    """Apply Flux's order of precedence."""
    if ref.commit:
        return Checkout(reference=ref.commit, label=ref.branch, branch=branch, pinned=True)
    if ref.name:
        return Checkout(reference=ref.name, label=_short(ref.name), branch=branch, named=True)
    if ref.tag:
        return Checkout(reference=f"refs/tags/{ref.tag}", label=ref.tag, branch=branch)
    if ref.semver:
        return Checkout(reference="", label="", branch=branch, semver=ref.semver)
    checked_out = ref.branch or _DEFAULT_BRANCH
    return Checkout(reference=f"refs/heads/{checked_out}", label=checked_out, branch=branch)


def _short(name: str) -> str:
    """Write a reference as revisions do: a branch or a tag by its short name."""
    return name.removeprefix("refs/heads/").removeprefix("refs/tags/")


def _refuse_files(repository: GitRepository, *, allow_file: bool) -> None:
    spec = repository.spec
    where = f"GitRepository '{repository.metadata.namespace}/{repository.metadata.name}'"
    if spec.url.startswith("file:") and not allow_file:
        raise Stalled(
            INVALID, f"the address of {where} is a file's, for the embedded mode only: invalid source configuration"
        )


async def credentials(
    access: GitAccess, repository: GitRepository, automation: ImageUpdateAutomation
) -> auth.Credentials:
    """Read who we are to the GitRepository's remote. Raises Retry and Stalled."""
    try:
        return await access.credentials(repository, subject(automation))
    except Refused as error:
        raise _refused(repository, error) from error


def subject(automation: ImageUpdateAutomation) -> Subject:
    """Return the automation as the one that tokens are for."""
    return Subject("ImageUpdateAutomation", automation.metadata.namespace, automation.metadata.name)


def _refused(repository: GitRepository, error: Refused) -> Stalled | Retry:
    match error.step:
        case Step.GATE:
            return Stalled(GATE_DISABLED, error.message)
        case Step.PROVIDER | Step.APP:
            return Stalled(INVALID, f"{error.message}: invalid source configuration")
        case Step.SECRET:
            name = repository.spec.secret_ref.name if repository.spec.secret_ref else ""
            return misconfigured(f"failed to get auth secret '{repository.metadata.namespace}/{name}': {error.message}")
        case Step.PROXY:
            return misconfigured(error.message)
        case Step.AUTHENTICATION:
            return misconfigured(f"failed to configure authentication options: {error.message}")


def failed(cause: str) -> Retry:
    """Say that the source could not be checked out."""
    return Retry("GitOperationFailed", f"failed to checkout source: {cause}")


def misconfigured(cause: str) -> Retry:
    """Say that the source cannot be set up as things are."""
    return Retry("SourceManagerFailed", f"failed configuring source manager: {cause}")
