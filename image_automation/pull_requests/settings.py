"""What an automation asks of its forge, read strictly from its annotations.

`image-automation.dev/pull-request` asks for pull requests, `image-automation.dev/forge-commits` for commits that the
forge makes. Where both are there, the first one says where the forge is.
"""

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

_COMMITS_FORM: Final = '"true", or a YAML mapping such as {type: gitea, secretRef: {name: forge-token}}'
_FORM: Final = "a YAML mapping such as {per: policy, labels: [images], merge: when-green}"


class Forge(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where the forge is, and as whom it is asked.

    `type` and `address` name the forge where the host of the Git repository does not; `secretRef` names a Secret in the
    automation's namespace for it, without one the GitRepository's is used.
    """

    type: str = ""
    address: str = ""
    secret_ref: LocalObjectReference | None = None


class Settings(Forge, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How pull requests are to be. `branch`, `title` and `body` are Go templates; without them they are worded here."""

    per: Per = "all"
    branch: str = ""
    title: str = ""
    body: str = ""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    links: bool = False
    release_notes: bool = False
    merge: Merge = "never"
    merge_method: Method = Method.MERGE


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


def commits(automation: ImageUpdateAutomation) -> Forge | None:
    """Return the forge that is to make the commits; None where Git does. Raises Stalled."""
    name, annotations = extensions.FORGE_COMMITS, automation.metadata.annotations
    if annotations.get(name, "false").strip() == "false":
        return None
    plain = annotations[name].strip() == "true"
    try:
        found = facts.read({name: "{}" if plain else annotations[name]}, name, Forge, _COMMITS_FORM)
    except facts.Misread as error:
        raise Stalled(checkout.INVALID, str(error)) from None
    spec = automation.spec.git
    if spec is not None and spec.commit.signing_key is not None:
        raise invalid("the forge signs with its own key: leave out spec.git.commit.signingKey", name)
    if spec is not None and spec.push is not None and spec.push.options:
        raise invalid("the forge takes no push options: leave out spec.git.push.options", name)
    proposing = read(automation)
    if proposing is None:
        return found
    if found != Forge():
        raise invalid(f'annotation {extensions.PULL_REQUEST} says where the forge is: write "true" here', name)
    return proposing


def invalid(cause: str, annotation: str = extensions.PULL_REQUEST) -> Stalled:
    """Say what is wrong with an annotation."""
    return Stalled(checkout.INVALID, f"annotation {annotation}: {cause}")
