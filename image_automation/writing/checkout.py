"""What an automation checks out, where it pushes to, and as whom: made of its spec and of the GitRepository's.

Answers to the source manager of Flux's image automation controller. Of the GitRepository only address, reference,
secrets, provider and timeout count; whether it is ready or suspended does not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gotk.api.image import ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.git import auth, reference
from gotk.git import errors as git
from gotk.git import url as urls
from gotk.git.reference import Target
from gotk.runtime.errors import Retry, Stalled
from gotk.sources.git_access import GitAccess, Refused, Step

INVALID = "InvalidSourceConfiguration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What is wanted of the remote, and the `branch` where commits go."""

    wanted: Target
    branch: str

    @property
    def reference(self) -> str:
        """What to fetch: a full reference, or a commit by its id."""
        return self.wanted.commit or self.wanted.reference

    @property
    def push_reference(self) -> str:
        """The full name of the branch that commits go to."""
        return f"refs/heads/{self.branch}"

    @property
    def switches(self) -> bool:
        """Whether commits go to another branch than the one checked out."""
        return self.reference != self.push_reference

    def in_the_way(self, references: Iterable[str]) -> Retry | None:
        """Say which branch keeps the push branch from being made: one is a folder of the other's name."""
        wanted = self.push_reference
        for each in references:
            if wanted.startswith(f"{each}/") or each.startswith(f"{wanted}/"):
                branch = each.removeprefix("refs/heads/")
                return failed(f"could not checkout to branch '{self.branch}': branch '{branch}' is in the way")
        return None

    def resolved(self, listed: Mapping[str, str], committed_at: Callable[[str], int]) -> "Checkout":
        """Choose the tag where a range is given, as `Target.resolved` does. Raises Retry."""
        try:
            return replace(self, wanted=self.wanted.resolved(listed, committed_at))
        except git.ReferenceNotFound as error:
            raise failed(error.message) from error


def plan(automation: ImageUpdateAutomation, repository: GitRepository, *, allow_file: bool) -> Checkout:
    """Say what to check out and where to push. Raises Stalled for what is not supported, Retry for what is missing."""
    _refuse_files(repository, allow_file=allow_file)
    git_spec = automation.spec.git
    assert git_spec is not None
    ref = git_spec.checkout.ref if git_spec.checkout else repository.spec.ref
    branch = git_spec.push.branch if git_spec.push else ""
    branch = branch or (ref.branch if ref else "")
    if not branch:
        raise misconfigured(
            "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
        )
    if not reference.is_branch(branch):
        raise Stalled(INVALID, f"'{git.printable(branch)}' is no name of a branch: invalid source configuration")
    return Checkout(wanted=reference.choose(ref, full_names=False), branch=branch)


def _refuse_files(repository: GitRepository, *, allow_file: bool) -> None:
    where = f"GitRepository '{repository.metadata.namespace}/{repository.metadata.name}'"
    try:
        urls.parse(repository.spec.url, allow_file=allow_file)
    except git.LocalAddress as error:
        raise Stalled(
            INVALID, f"the address of {where} is a file's, for the embedded mode only: invalid source configuration"
        ) from error
    except git.InvalidUrl:
        return  # which is told with the credentials, as Flux does


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
