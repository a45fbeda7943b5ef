"""Whether choices still stand, as the API says and not the cache: asked once, right before they are pushed.

What another replica has pushed meanwhile moves the branch, and ours is refused. What it had pushed before the branch
was fetched rests on a choice that was written before: that is seen here. So no push takes a newer choice back
(ADR 0060).
"""

from collections.abc import Mapping

from gotk.api.image import ImagePolicy, ImageRef
from gotk.kube import errors as kube
from gotk.runtime.errors import Conflict
from image_automation import ports

#: Up to so many policies are read one by one, more of them as a list.
_FEW = 10


async def confirm(client: ports.Policies, namespace: str, choices: Mapping[str, ImageRef]) -> None:
    """See that policies choose what they were seen to choose. Raises Conflict where one does not, and APIError."""
    for name, chosen in (await _live(client, namespace, choices)).items():
        if chosen != choices[name]:
            raise Conflict(f"ImagePolicy '{name}' has chosen another image meanwhile")


async def _live(client: ports.Policies, namespace: str, choices: Mapping[str, ImageRef]) -> dict[str, ImageRef | None]:
    found: dict[str, ImageRef | None] = dict.fromkeys(choices)
    if len(choices) > _FEW:
        policies = await client.list(ImagePolicy, namespace)
        found |= {p.metadata.name: p.status.latest_ref for p in policies if p.metadata.name in choices}
        return found
    for name in choices:
        try:
            found[name] = (await client.get(ImagePolicy, namespace, name)).status.latest_ref
        except kube.NotFound:
            continue
    return found
