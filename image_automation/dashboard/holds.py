"""`/holds`: what is not written and why, which policies are pinned, what is frozen, and what ends each of them."""

import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.runtime.clock import rfc3339
from image_automation import report, report_status
from image_automation.dashboard.acting import offers
from image_automation.dashboard.acting.offers import May, Offer
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.gating import facts, freeze
from policies import pin

#: How many automations the page names to be frozen.
_NAMED: Final = 50
_UNFREEZE: Final = {"Namespace": "--whole-namespace", "Installation": "--installation"}


class Hold(Record, frozen=True, kw_only=True):
    """An update that is not made. `until` and `since` are times, where they are known; `end` is what ends it."""

    namespace: str
    automation: str
    policy: str
    path: str
    line: int
    old: str
    new: str
    reason: str
    cause: str
    since: str = ""
    until: str = ""
    end: str = ""
    acts: tuple[Offer, ...] = ()


class Standstill(Record, frozen=True, kw_only=True):
    """A pin of a policy, or a freeze of a policy or an automation: in words, until when, and what ends it."""

    kind: str
    namespace: str
    name: str
    text: str
    until: str = ""
    end: str = ""
    acts: tuple[Offer, ...] = ()


class Holds(Record, frozen=True, kw_only=True):
    """What waits, what is held until there is a newer version, and where people said stop.

    `freezable` are the first of the automations that the person may freeze; each one's own page has that, too.
    """

    waiting: tuple[Hold, ...] = ()
    held: tuple[Hold, ...] = ()
    pinned: tuple[Standstill, ...] = ()
    frozen: tuple[Standstill, ...] = ()
    freezable: tuple[Offer, ...] = ()


def record(look: Look) -> Holds:
    """Make the record."""
    automations, policies = look.objects.list(ImageUpdateAutomation), look.objects.list(ImagePolicy)
    return msgspec.structs.replace(
        of(automations, policies, look.writes),
        pinned=tuple(_pinned(policies, look)),
        frozen=(*_frozen((*automations, *policies), look), *_frozen_with(automations, look.now)),
        freezable=tuple(itertools.islice(_freezable(automations, look.writes), _NAMED)),
    )


def of(automations: Iterable[ImageUpdateAutomation], policies: Iterable[ImagePolicy], may: May) -> Holds:
    """Return what automations do not write: for now, what ends first in front, and until there is a newer version."""
    named = {(each.metadata.namespace, each.metadata.name): each for each in policies}
    holds = [hold for each in automations for hold in _holds(each, named, may)]
    return Holds(
        waiting=tuple(sorted((hold for hold, waits in holds if waits), key=lambda hold: (not hold.until, hold.until))),
        held=tuple(hold for hold, waits in holds if not waits),
    )


def _holds(
    automation: ImageUpdateAutomation, policies: Mapping[tuple[str, str], ImagePolicy], may: May
) -> Iterator[tuple[Hold, bool]]:
    namespace, name = automation.metadata.namespace, automation.metadata.name
    for each in report.read(automation.metadata.annotations).held:
        policy = policies.get((namespace, each.names.policy))
        yield (
            Hold(
                namespace=namespace,
                automation=name,
                policy=each.names.policy,
                path=each.path,
                line=each.line,
                old=each.old,
                new=each.new,
                reason=each.kind,
                cause=report_status.held_cause(each),
                since=each.since,
                until=each.until,
                end=f"image-automation unhold {name} -n {namespace} {shlex.quote(each.path)}" if each.commit else "",
                acts=tuple(offers.of_hold(each, namespace, name, policy, may)),
            ),
            each.waits,
        )


def _pinned(policies: Iterable[ImagePolicy], look: Look) -> Iterator[Standstill]:
    for each in policies:
        end = f"image-automation unpin {_named(each)}"
        acts = (offers.of_policy("unpin", each),) if look.writes(ImagePolicy, each.metadata.namespace) else ()
        try:
            found = pin.wanted(each.metadata.annotations, look.now)
        except ValueError as error:
            yield _standstill(each, str(error), end, acts=acts)
            continue
        if found is not None:
            yield _standstill(each, found.named, end, found.until, acts=acts)


def _frozen(objects: Iterable[Object], look: Look) -> Iterator[Standstill]:
    for each in objects:
        end, acts = f"image-automation unfreeze {_named(each)}", tuple[Offer, ...]()
        if isinstance(each, ImagePolicy):
            end = f"kubectl annotate imagepolicy {_named(each)} {extensions.FREEZE}-"
        elif look.writes(ImageUpdateAutomation, each.metadata.namespace):
            acts = (offers.freeze(each.metadata.namespace, each.metadata.name, ends=True),)
        try:
            found = freeze.of(each.metadata.annotations, look.now)
        except facts.Misread as error:
            yield _standstill(each, str(error), end, acts=acts)
            continue
        if found is not None:
            yield _standstill(each, found.sentence, end, found.end, acts=acts)


def _freezable(automations: Iterable[ImageUpdateAutomation], may: May) -> Iterator[Offer]:
    for each in automations:
        if extensions.FREEZE not in each.metadata.annotations and may(ImageUpdateAutomation, each.metadata.namespace):
            yield offers.freeze(each.metadata.namespace, each.metadata.name)


def _frozen_with(automations: Iterable[ImageUpdateAutomation], now: datetime) -> Iterator[Standstill]:
    """Yield the Namespaces, and the installation, with which automations are frozen, by what they say of it."""
    stops = (report.read(each.metadata.annotations).frozen for each in automations)
    found = {(stop.scope, stop.name): stop for stop in stops if stop is not None and stop.scope in _UNFREEZE}
    for (scope, name), stop in sorted(found.items()):
        if not stop.until or stop.until > rfc3339(now):
            end = f"image-automation unfreeze {_UNFREEZE[scope]} -n {name}"
            yield Standstill(kind=scope, namespace="", name=name, text=stop.message, until=stop.until, end=end)


def _named(obj: Object) -> str:
    return f"{obj.metadata.name} -n {obj.metadata.namespace}"


def _standstill(
    obj: Object, text: str, end: str, until: datetime | None = None, *, acts: tuple[Offer, ...] = ()
) -> Standstill:
    return Standstill(
        kind=obj.kind,
        namespace=obj.metadata.namespace,
        name=obj.metadata.name,
        text=text,
        until=rfc3339(until) if until is not None else "",
        end=end,
        acts=acts,
    )


PAGE = Page(
    path="/holds",
    template="holds.html",
    title=titled("Holds"),
    kinds=(ImageUpdateAutomation, ImagePolicy),
    record=record,
    changes=(ImageUpdateAutomation, ImagePolicy),
)
