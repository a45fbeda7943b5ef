"""Whether choices still stand, and may still be written, as the API says and not the cache: asked right before a push.

What another replica has pushed meanwhile moves the branch, and ours is refused. What it had pushed before the branch
was fetched rests on a choice that was written before: that is seen here. So no push takes a newer choice back
(ADR 0060). Nor does one slip through a gate that has closed since: a freeze, a window's end, a rejection (ADR 0080).
"""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from gotk.api.image import ImagePolicy, ImageRef, ImageUpdateAutomation
from gotk.kube import errors as kube
from gotk.runtime.errors import Conflict
from image_automation import gatekeeping, ports, surroundings
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal

#: Up to so many policies are read one by one, more of them as a list.
_FEW = 10


async def confirm(
    client: ports.Policies, automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime
) -> tuple[ImageUpdateAutomation, Selection]:
    """See that policies choose what a proposal writes, and that it may; return both as they are now.

    Raises Conflict, Stalled and APIError.
    """
    namespace, choices = automation.metadata.namespace, written(proposal, selected.images)
    live = await _live(client, namespace, choices)
    for name, chosen in choices.items():
        if name not in live or live[name].status.latest_ref != chosen:
            raise Conflict(f"ImagePolicy '{name}' has chosen another image meanwhile")
    with contextlib.suppress(kube.NotFound):  # then it is going, and what it was counts
        automation = await client.get(ImageUpdateAutomation, namespace, automation.metadata.name)
    around = await surroundings.anew(client, selected.around)
    selected = replace(selected, policies={**selected.policies, **live}, around=around)
    gatekeeping.confirm(automation, selected, proposal, now)
    return automation, selected


def written(proposal: Proposal, images: Mapping[str, ImageRef]) -> dict[str, ImageRef]:
    """Return the policies whose choices a proposal writes, with these choices."""
    names = {change.names.policy for _, change in proposal.changes}
    return {name: images[name] for name in sorted(names) if name in images}


async def _live(client: ports.Policies, namespace: str, names: Collection[str]) -> dict[str, ImagePolicy]:
    if len(names) > _FEW:
        policies = await client.list(ImagePolicy, namespace)
        return {policy.metadata.name: policy for policy in policies if policy.metadata.name in names}
    found = {}
    for name in names:
        try:
            found[name] = await client.get(ImagePolicy, namespace, name)
        except kube.NotFound:
            continue
    return found
