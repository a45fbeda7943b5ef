"""The way of one version, from its choice to the workloads that run it, as a record on the ImagePolicy.

Written only while an Alert asks for it, because what it holds is nowhere else: Flux's status says which tag is chosen
and which commit was pushed last, not since when, and not what became of both. So a restart tells nothing twice.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRef
from image_automation.report import Push
from image_automation.update import values

_LIMIT: Final = 16 << 10
_MOST: Final = 100


class Journey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far a version came. `version` is the image, `previous` the tag before it; times are RFC 3339.

    `reached` are the appliers (`Kind/namespace/name`) of whose workloads it was told. Of what was chosen before
    anybody asked nothing is told: it is `old`.
    """

    version: str
    previous: str = ""
    chosen: str = ""
    commit: str = ""
    committed: str = ""
    reached: tuple[str, ...] = ()
    old: bool = False


def read(annotations: Mapping[str, str]) -> Journey | None:
    """Return the record in a policy's annotations; None where there is none, or somebody else wrote there."""
    text = annotations.get(extensions.JOURNEY, "")
    try:
        return msgspec.json.decode(text, type=Journey) if 0 < len(text) <= _LIMIT else None
    except (msgspec.DecodeError, UnicodeError):
        return None


def write(journey: Journey) -> str:
    """Return the text of the annotation."""
    return msgspec.json.encode(journey).decode()


def of(policy: ImagePolicy, chosen: str, pushes: Iterable[tuple[Push, str]]) -> Journey | None:
    """Return the record as it should be now; None for a policy that has chosen nothing.

    `chosen` is when this process saw the choice, if it did; `pushes` are the last ones of the automations, and when.
    """
    ref = policy.status.latest_ref
    if ref is None:
        return None
    known, version = read(policy.metadata.annotations), values.text(ref)
    if known is None:
        return Journey(version=version, old=True)
    if known.version != version:
        before = policy.status.observed_previous_ref
        known = Journey(version=version, previous=before.tag if before else "", chosen=chosen)
    if known.old or known.commit:
        return known
    for push, when in pushes:
        if _writes(push, f"{policy.metadata.namespace}:{policy.metadata.name}", ref):
            return msgspec.structs.replace(known, commit=push.commit, committed=when)
    return known


def arrived(journey: Journey, applier: str) -> Journey:
    """Return the record with one more applier that was told of; there is room for the last of many."""
    return msgspec.structs.replace(journey, reached=(*journey.reached, applier)[-_MOST:])


def _writes(push: Push, policy: str, ref: ImageRef) -> bool:
    """Tell whether a push wrote this choice of a policy, in whole or in part."""
    parts = {"": values.text(ref), "tag": ref.tag, "name": ref.name, "digest": ref.digest}
    return any(change.names.key == policy and parts.get(change.names.part) == change.new for change in push.changes)
