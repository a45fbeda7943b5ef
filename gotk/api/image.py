"""`image.toolkit.fluxcd.io`: ImageRepository, ImagePolicy and ImageUpdateAutomation."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gotk.api.meta import (
    AccessFrom,
    Interval,
    LabelSelector,
    LocalObjectReference,
    NamespacedObjectReference,
    Object,
    ReconcileStatus,
    Struct,
    Timeout,
    bounded,
)
from gotk.api.source import GitRepositoryRef

GROUP = "image.toolkit.fluxcd.io"


class ImageRepositorySpec(Struct, frozen=True, kw_only=True):
    """Which image to scan, how often and with which credentials."""

    image: str
    interval: Interval
    timeout: Timeout | None = None
    secret_ref: LocalObjectReference | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    service_account_name: Annotated[str, msgspec.Meta(max_length=253)] | None = None
    cert_secret_ref: LocalObjectReference | None = None
    suspend: bool = False
    access_from: AccessFrom | None = None
    exclusion_list: Annotated[tuple[str, ...], msgspec.Meta(max_length=25)] = (r"^.*\.sig$",)
    provider: Literal["generic", "aws", "azure", "gcp"] = "generic"
    insecure: bool = False


class ScanResult(Struct, frozen=True, kw_only=True):
    """What the last scan found: the revision of the tag list, its length after exclusion, its ten greatest tags."""

    tag_count: int
    revision: str = ""
    scan_time: str = ""
    latest_tags: tuple[str, ...] = ()


class ImageRepositoryStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The state of the scans."""

    canonical_image_name: str = ""
    last_scan_result: ScanResult | None = None
    observed_exclusion_list: tuple[str, ...] = ()


class ImageRepository(Object, frozen=True, kw_only=True):
    """An image repository whose tags are scanned."""

    spec: ImageRepositorySpec
    status: ImageRepositoryStatus = ImageRepositoryStatus(observed_generation=-1)


class SemVerPolicy(Struct, frozen=True, kw_only=True):
    """The highest version within a range."""

    range: str


class AlphabeticalPolicy(Struct, frozen=True, kw_only=True):
    """The last tag in byte order, or the first."""

    order: Literal["asc", "desc"] = "asc"


class NumericalPolicy(Struct, frozen=True, kw_only=True):
    """The greatest number, or the smallest."""

    order: Literal["asc", "desc"] = "asc"


class ImagePolicyChoice(Struct, frozen=True, kw_only=True):
    """How to choose; when several are given `semver` wins over `alphabetical` over `numerical`."""

    semver: SemVerPolicy | None = None
    alphabetical: AlphabeticalPolicy | None = None
    numerical: NumericalPolicy | None = None


class TagFilter(Struct, frozen=True, kw_only=True):
    """Which tags are candidates, and what of them is compared."""

    pattern: str = ""
    extract: str = ""


class ImagePolicySpec(Struct, frozen=True, kw_only=True):
    """Which tag of a repository is wanted."""

    image_repository_ref: NamespacedObjectReference
    policy: ImagePolicyChoice
    filter_tags: TagFilter | None = None
    digest_reflection_policy: Literal["Always", "IfNotPresent", "Never"] = "Never"
    interval: Interval | None = None
    suspend: bool = False


class ImageRef(Struct, frozen=True, kw_only=True):
    """An image, the tag chosen and, where reflected, its digest."""

    name: str
    tag: str
    digest: str = ""


class ImagePolicyStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The tag chosen, and the one before."""

    latest_ref: ImageRef | None = None
    observed_previous_ref: ImageRef | None = None


class ImagePolicy(Object, frozen=True, kw_only=True):
    """A rule that picks one tag of an ImageRepository."""

    spec: ImagePolicySpec
    status: ImagePolicyStatus = ImagePolicyStatus(observed_generation=-1)


class CrossNamespaceSourceReference(Struct, frozen=True, kw_only=True):
    """The GitRepository to update."""

    name: str
    kind: Literal["GitRepository"] = "GitRepository"
    api_version: str = ""
    namespace: str = ""


class GitCheckoutSpec(Struct, frozen=True, kw_only=True):
    """What to check out in place of the GitRepository's own reference."""

    ref: GitRepositoryRef


class CommitUser(Struct, frozen=True, kw_only=True):
    """Author and committer."""

    email: str
    name: str = ""


class SigningKey(Struct, frozen=True, kw_only=True):
    """The secret with the key that signs commits."""

    secret_ref: LocalObjectReference
    type: Literal["gpg", "ssh"] = "gpg"


class CommitSpec(Struct, frozen=True, kw_only=True):
    """Who commits, with which message."""

    author: CommitUser
    signing_key: SigningKey | None = None
    message_template: str = ""
    message_template_values: Mapping[str, str] = {}


class PushSpec(Struct, frozen=True, kw_only=True):
    """Where commits go."""

    branch: str = ""
    refspec: Annotated[str, bounded(pattern=r"^$|^[^+:]")] = ""
    options: Mapping[str, str] = {}


class GitSpec(Struct, frozen=True, kw_only=True):
    """Checkout, commit and push."""

    commit: CommitSpec
    checkout: GitCheckoutSpec | None = None
    push: PushSpec | None = None


class UpdateStrategy(Struct, frozen=True, kw_only=True):
    """How files are updated, and where."""

    strategy: Literal["Setters"] = "Setters"
    path: str = ""


class ImageUpdateAutomationSpec(Struct, frozen=True, kw_only=True):
    """Which repository is kept up to date with which policies."""

    source_ref: CrossNamespaceSourceReference
    interval: Interval
    git: GitSpec | None = None
    policy_selector: LabelSelector | None = None
    update: UpdateStrategy = UpdateStrategy()
    suspend: bool = False


class ImageUpdateAutomationStatus(ReconcileStatus, frozen=True, kw_only=True):
    """What was seen and pushed."""

    last_automation_run_time: str = ""
    last_push_commit: str = ""
    last_push_time: str = ""
    observed_policies: Mapping[str, ImageRef] = {}
    observed_source_revision: str = ""


class ImageUpdateAutomation(Object, frozen=True, kw_only=True):
    """Commits the tags that policies chose to a Git repository."""

    spec: ImageUpdateAutomationSpec
    status: ImageUpdateAutomationStatus = ImageUpdateAutomationStatus(observed_generation=-1)
