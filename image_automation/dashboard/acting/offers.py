"""Which acts a page offers beside what it shows: those that help, of objects that the person may change."""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from image_automation.dashboard.page import Record
from image_automation.gating import approvals, windows
from image_automation.gating.freeze import FROZEN
from image_automation.report import Held
from image_automation.update.proposal import REJECTED

#: Tells whether a person may change the objects of a kind in a namespace.
May: TypeAlias = Callable[[type[Object], str], bool]
_ASKING: Final = frozenset({approvals.AWAITING, approvals.OVERDUE})
_ALLOWED: Final = frozenset({FROZEN, windows.OUTSIDE})


class Offer(Record, frozen=True, kw_only=True):
    """An act of an object, with what its form is filled with."""

    act: str
    kind: str
    namespace: str
    name: str
    tag: str = ""
    place: str = ""
    policy: str = ""


def of_hold(held: Held, namespace: str, automation: str, policy: ImagePolicy | None, may: May) -> Iterator[Offer]:
    """Yield what ends a hold."""
    if held.commit and may(ImageUpdateAutomation, namespace):
        yield _of_automation("unhold", namespace, automation, place=held.path)
    tag = policy.status.latest_ref.tag if policy is not None and policy.status.latest_ref is not None else ""
    if policy is None or not tag or tag not in held.new or not may(ImagePolicy, namespace):
        return
    if held.kind in _ASKING:
        yield of_policy("approve", policy, tag=tag)
        yield of_policy("reject", policy, tag=tag)
    if held.kind in _ALLOWED:
        yield of_policy("allow", policy, tag=tag)
    if held.kind == REJECTED:
        yield of_policy("approve", policy, tag=tag)


def of_policy(act: str, policy: ImagePolicy, *, tag: str = "") -> Offer:
    """Return an act of a policy."""
    return Offer(act=act, kind="ImagePolicy", namespace=policy.metadata.namespace, name=policy.metadata.name, tag=tag)


def rollback(namespace: str, automation: str, *, policy: str = "") -> Offer:
    """Return the rollback of what an automation wrote, or of it what follows a policy."""
    return _of_automation("rollback", namespace, automation, policy=policy)


def freeze(namespace: str, automation: str, *, ends: bool = False) -> Offer:
    """Return the freeze of an automation, or its end."""
    return _of_automation("unfreeze" if ends else "freeze", namespace, automation)


def _of_automation(act: str, namespace: str, name: str, *, place: str = "", policy: str = "") -> Offer:
    return Offer(act=act, kind="ImageUpdateAutomation", namespace=namespace, name=name, place=place, policy=policy)
