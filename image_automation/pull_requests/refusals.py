"""Refused versions: what a pull request proposed that a person closed without merging it is not proposed again.

Nothing is remembered but what the forge remembers: the description of the closed pull request names its choices. One
that we closed ourselves says so and refuses nothing. `unhold` forgives by the commit that the pull request ended with.
"""

import shlex
from collections.abc import Iterable, Mapping

from gotk.api import extensions
from gotk.api.image import ImageRef
from gotk.api.meta import ObjectMeta
from gotk.forge.pull_request import PullRequest, State
from image_automation import current
from image_automation.gating.chain import Gate, Pending
from image_automation.pull_requests import section
from image_automation.update import values
from image_automation.update.proposal import PULL_REQUEST_CLOSED, Hold, Proposal
from image_automation.writing.releases import Releases, Taken


def choice(policy: str, image: ImageRef) -> str:
    """Return what stands for a policy's choice in a description."""
    return section.digest(f"{policy} {values.text(image)}")


def choices(proposal: Proposal, images: Mapping[str, ImageRef]) -> dict[str, str]:
    """Return what stands for the choices that a proposal writes, by their policies."""
    return {policy: choice(policy, image) for policy, image in current.written(proposal, images).items()}


def refused(pulls: Iterable[PullRequest], mark: str) -> dict[str, PullRequest]:
    """Return the choices that were refused, each with the last pull request that was closed with it."""
    found: dict[str, PullRequest] = {}
    for pull in sorted(pulls, key=lambda each: each.number):
        note = section.read(pull.body)
        if pull.state is State.CLOSED and note is not None and note.automation == mark and not note.withdrawn:
            found |= dict.fromkeys(note.choices, pull)
    return found


def gate(
    refused_: Mapping[str, PullRequest], images: Mapping[str, ImageRef], automation: ObjectMeta, who: Mapping[int, str]
) -> Gate:
    """Hold what was refused, unless the automation was told to forgive that, and say how one tells it so.

    `images` are the policies' choices, `who` closed which pull request.
    """
    forgiven = Releases(automation.annotations.get(extensions.UNHOLD, ""))
    unhold = f"image-automation unhold {automation.name} -n {automation.namespace}"

    def closed(pending: Pending) -> Iterable[Hold]:
        for path, change in pending.changes:
            policy = change.names.policy
            image = images.get(policy)
            pull = refused_.get(choice(policy, image)) if image is not None else None
            if pull is None or Taken(path, pull.head_sha) in forgiven:
                continue
            by = who.get(pull.number) or "somebody"
            command = f"{unhold} {shlex.quote(path)}"
            message = f"pull request #{pull.number} was closed by {by}; to have it proposed again: {command}"
            yield Hold(path, change, commit=pull.head_sha, by=by, kind=PULL_REQUEST_CLOSED, message=message)

    return closed
