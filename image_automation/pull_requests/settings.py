"""What an automation asks of its pull requests: the annotation `image-automation.dev/pull-request`, read strictly."""

from typing import Final, Literal, TypeAlias

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import LocalObjectReference
from gotk.forge.pull_request import Method
from gotk.runtime.errors import Stalled
from image_automation.gating import facts
from image_automation.writing import checkout, push_branch

Per: TypeAlias = Literal["all", "policy", "group"]
Merge: TypeAlias = Literal["never", "auto", "when-green"]

_FORM: Final = "a YAML mapping such as {per: policy, labels: [images], merge: when-green}"


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The annotation. `branch`, `title` and `body` are Go templates; without them we word them ourselves.

    `type` and `address` name the forge where the host of the Git repository does not; `secretRef` names a Secret in the
    automation's namespace for it, without one the GitRepository's is used.
    """

    per: Per = "all"
    branch: str = ""
    title: str = ""
    body: str = ""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    links: bool = False
    merge: Merge = "never"
    merge_method: Method = Method.MERGE
    type: str = ""
    address: str = ""
    secret_ref: LocalObjectReference | None = None


def read(automation: ImageUpdateAutomation) -> Settings | None:
    """Read the annotation; None where there is none. Raises Stalled that names the field which is wrong."""
    try:
        found = facts.read(automation.metadata.annotations, extensions.PULL_REQUEST, Settings, _FORM)
    except facts.Misread as error:
        raise Stalled(checkout.INVALID, str(error)) from None
    if found is None:
        return None
    if found.draft and found.merge != "never":
        raise invalid(f"merge is '{found.merge}', and a draft cannot be merged: leave out `draft` or `merge`")
    if automation.spec.git is not None and automation.spec.git.push is not None and automation.spec.git.push.refspec:
        raise invalid("spec.git.push.refspec cannot be used together with it: leave one of them out")
    if push_branch.stacks(automation):
        raise invalid(f"annotation {extensions.PUSH_BRANCH} cannot be 'stack' together with it: leave one of them out")
    return found


def invalid(cause: str) -> Stalled:
    """Say what is wrong with the annotation."""
    return Stalled(checkout.INVALID, f"annotation {extensions.PULL_REQUEST}: {cause}")
