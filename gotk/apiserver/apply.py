"""interim"""
from typing import Any

from gotk.apiserver.resource import Resource


def track_update(old: dict[str, Any], new: dict[str, Any], *, manager: str, resource: Resource, subresource: str, now: str) -> dict[str, Any]:
    return new

def apply(live, config, *, manager, force, resource, subresource, now):
    from gotk.apiserver import patches
    return patches.merge(live or {}, config)
