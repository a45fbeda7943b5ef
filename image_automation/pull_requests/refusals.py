"""Refused versions: what a pull request proposed that a person closed without merging it is not proposed again.

Nothing is remembered but what the forge remembers: the description of the closed pull request names its choices. One
that we closed ourselves says so and refuses nothing. `unhold` forgives by the commit that the pull request ended with.
"""

from collections.abc import Iterable, Mapping

from gotk.api.image import ImageRef
from gotk.forge.pull_request import PullRequest, State
from image_automation.gating.chain import Gate, Pending
from image_automation.pull_requests import section
from image_automation.update import values
from image_automation.update.proposal import PULL_REQUEST_CLOSED, Hold
from image_automation.writing.releases import Releases, Taken


def choice(policy: str, image: ImageRef) -> str:
    """Return what stands for a policy's choice in a description."""
    return section.digest(f"{policy} {values.text(image)}")


def refused(pulls: Iterable[PullRequest], mark: str) -> dict[str, PullRequest]:
    """Return the choices that were refused, each with the last pull request that was closed with it."""
    found: dict[str, PullRequest] = {}
    for pull in sorted(pulls, key=lambda each: each.number):
        note = section.read(pull.body)
        if pull.state is State.CLOSED and note is not None and note.automation == mark and not note.withdrawn:
            found |= dict.fromkeys(note.choices, pull)
    return found


def gate(
    refused_: Mapping[str, PullRequest], images: Mapping[str, ImageRef], forgiven: Releases, who: Mapping[int, str]
) -> Gate:
    """Hold what was refused; `images` are the policies' choices, `who` closed which pull request."""

    def closed(pending: Pending) -> Iterable[Hold]:
        for path, change in pending.changes:
            policy = change.names.policy
            image = images.get(policy)
            pull = refused_.get(choice(policy, image)) if image is not None else None
            if pull is None or Taken(path, pull.head_sha) in forgiven:
                continue
            by = who.get(pull.number) or "somebody"
            message = f"pull request #{pull.number} was closed by {by}"
            yield Hold(path, change, commit=pull.head_sha, by=by, kind=PULL_REQUEST_CLOSED, message=message)

    return closed
