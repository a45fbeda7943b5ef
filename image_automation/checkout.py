"""What an automation checks out, where it pushes to, and as whom: made of its spec and of the GitRepository's.

Answers to the source manager of Flux's image automation controller. Of the GitRepository only address, reference,
secret and timeout count; whether it is ready or suspended does not.
"""

from dataclasses import dataclass

from gotk.api import core
from gotk.api.image import ImageUpdateAutomation
from gotk.api.source import GitRepository, GitRepositoryRef
from gotk.git import auth
from gotk.git import errors as git
from gotk.kube import errors as kube
from gotk.runtime.errors import Retry, Stalled
from image_automation import ports

INVALID = "InvalidSourceConfiguration"
_DEFAULT_BRANCH = "master"
_GITHUB_KEY = "githubAppID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """`reference` is what to fetch, `label` its name in a revision, `branch` where commits go."""

    reference: str
    label: str
    branch: str

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


def plan(automation: ImageUpdateAutomation, repository: GitRepository) -> Checkout:
    """Say what to check out and where to push. Raises Stalled for what is not supported, Retry for what is missing."""
    _refuse_unsupported(repository)
    git_spec = automation.spec.git
    assert git_spec is not None
    reference = git_spec.checkout.ref if git_spec.checkout else repository.spec.ref
    branch = git_spec.push.branch if git_spec.push else ""
    branch = branch or (reference.branch if reference else "")
    if not branch:
        raise misconfigured(
            "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
        )
    name, label = _reference(reference or GitRepositoryRef(branch=_DEFAULT_BRANCH))
    return Checkout(reference=name, label=label, branch=branch)


def _reference(ref: GitRepositoryRef) -> tuple[str, str]:
    """Return what to fetch and its name in a revision, by Flux's order of precedence."""
    if ref.commit:
        return ref.commit, ref.branch
    if ref.name:
        return ref.name, ref.name
    if ref.tag:
        return f"refs/tags/{ref.tag}", ref.tag
    if ref.semver:
        raise Stalled(
            INVALID, "checkout by 'ref.semver' is not supported, name a branch or tag: invalid source configuration"
        )
    branch = ref.branch or _DEFAULT_BRANCH
    return f"refs/heads/{branch}", branch


def _refuse_unsupported(repository: GitRepository) -> None:
    spec = repository.spec
    where = f"GitRepository '{repository.metadata.namespace}/{repository.metadata.name}'"
    if spec.provider not in {None, "generic"}:
        raise Stalled(
            INVALID,
            f"provider '{spec.provider}' of {where} is not supported, use 'generic' with a secret: "
            "invalid source configuration",
        )
    if spec.proxy_secret_ref is not None:
        raise Stalled(
            INVALID,
            f"proxySecretRef of {where} is not supported, set HTTPS_PROXY for the service: "
            "invalid source configuration",
        )


async def credentials(objects: ports.Objects, repository: GitRepository) -> auth.Credentials:
    """Read the GitRepository's secret, in its namespace. Raises Retry and Stalled."""
    url, reference = repository.spec.url, repository.spec.secret_ref
    try:
        if reference is None:
            return auth.from_url(url)
        namespace = repository.metadata.namespace
        secret = await objects.get(core.Secret, namespace, reference.name)
        where = f"{namespace}/{reference.name}"
        if _GITHUB_KEY in secret.data:
            raise Stalled(
                INVALID,
                f"secretRef '{where}' has github app data but provider is not set to github: "
                "invalid source configuration",
            )
        return auth.from_secret(url, secret.data, name=where)
    except kube.APIError as error:
        name = f"{repository.metadata.namespace}/{reference.name}" if reference else ""
        raise misconfigured(f"failed to get auth secret '{name}': {error.message}") from error
    except git.Error as error:
        raise misconfigured(error.message) from error


def misconfigured(cause: str) -> Retry:
    """Say that the source cannot be set up as things are."""
    return Retry("SourceManagerFailed", f"failed configuring source manager: {cause}")
