"""For whom a Kustomization fails: what its health check waits for in vain may deploy by itself. Pure.

A HelmRelease that fails is said twice, by itself and by the Kustomization that applied it, and either may be heard
first. The one that is nearer to the version is the one to name, and only what it deploys can be the cause.
"""

import re
from collections.abc import Iterable
from typing import Final

from image_automation.recovering.deployments import Deployment

_REASON: Final = "HealthCheckFailed"
#: How a health check lists what it waited for: `[HelmRelease/apps/web status: 'Failed': told, Service/…]`.
_ITEM: Final = re.compile(r"(?:\A|, )(\w+)/(\S+) status: '")


def fails_for(failing: Deployment, deployments: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Return the deployers of ours because of which alone a Kustomization's health check failed; none is empty."""
    if failing.kind != "Kustomization" or failing.reason != _REASON:
        return ()
    items = _listed(failing.message)
    known = {each.name: each for each in deployments if each.ours and each is not failing}
    return tuple(known[item] for item in sorted(items)) if items <= known.keys() else ()


def _listed(message: str) -> set[str]:
    """Return kind and name of what was waited for; nothing where it cannot be told where that list ends."""
    listed, after = _outermost(message.partition("[")[2])
    return set() if " status: '" in after else {f"{kind} {name}" for kind, name in _ITEM.findall(listed)}


def _outermost(text: str) -> tuple[str, str]:
    """Part what stands before the bracket that closes, without what stands in others, from what comes after it."""
    depth, kept = 0, ""
    for at, each in enumerate(text):
        if each == "]" and depth == 0:
            return kept, text[at + 1 :]
        depth += {"[": 1, "]": -1}.get(each, 0)
        kept += each if depth == 0 and each != "]" else ""
    return "", text
