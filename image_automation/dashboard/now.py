"""`/`: what is broken, what waits for a person, what is held back, what is under way, and what was done today.

The order of the sections is the order in which somebody on call wants to know.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.runtime.clock import rfc3339
from gotk.runtime.reconciler import Key
from image_automation import report
from image_automation.dashboard import approvals, holds, images, states, watched
from image_automation.dashboard.acting import offers
from image_automation.dashboard.acting.offers import Offer
from image_automation.dashboard.approvals import Awaited
from image_automation.dashboard.holds import Hold
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State
from image_automation.gating import windows

_TODAY: Final = timedelta(hours=24)


class Done(Record, frozen=True, kw_only=True):
    """A commit that an automation pushed within the last day. `changes` counts the values that it wrote."""

    namespace: str
    automation: str
    commit: str
    branch: str
    time: str
    changes: int
    first: str = ""


class Ageing(Record, frozen=True, kw_only=True):
    """A version that its policy will choose once it is old enough, and when that is."""

    namespace: str
    policy: str
    tag: str
    eligible: str
    chosen: str = ""
    acts: tuple[Offer, ...] = ()


class Now(Record, frozen=True, kw_only=True):
    """What the front page shows; `ready` counts what is as it should be.

    What `approvals` or `outside` has, which is outside of its window, is not in `waiting` again.
    """

    broken: tuple[State, ...] = ()
    person: tuple[State, ...] = ()
    approvals: tuple[Awaited, ...] = ()
    ageing: tuple[Ageing, ...] = ()
    outside: tuple[Hold, ...] = ()
    waiting: tuple[Hold, ...] = ()
    held: tuple[Hold, ...] = ()
    working: tuple[State, ...] = ()
    suspended: tuple[State, ...] = ()
    done: tuple[Done, ...] = ()
    ready: int = 0


async def record(look: Look) -> Now:
    """Make the record."""
    objects = [obj for kind in watched.KINDS for obj in look.objects.list(kind)]
    found = [states.of(obj) for obj in objects]
    automations = look.objects.list(ImageUpdateAutomation)
    policies = look.objects.list(ImagePolicy)
    held = holds.of(automations, policies, look.writes)
    return Now(
        broken=_standing(found, "broken"),
        person=tuple(filter(None, map(_asks, objects))),
        approvals=tuple(each for each in approvals.of(automations, policies, look) if each.standing != "rejected"),
        ageing=tuple(await _ageing(look, policies)),
        outside=tuple(each for each in held.waiting if each.reason == windows.OUTSIDE),
        waiting=tuple(each for each in held.waiting if each.reason not in {windows.OUTSIDE, *approvals.KINDS}),
        held=held.held,
        working=_standing(found, "working"),
        suspended=_standing(found, "suspended"),
        done=tuple(sorted(_done(automations, look.now), key=lambda done: done.time, reverse=True)),
        ready=len(_standing(found, "ready")),
    )


async def _ageing(look: Look, policies: Sequence[ImagePolicy]) -> list[Ageing]:
    """Return what is too young still, what is old enough first in front."""
    lags = await images.lagging(look, policies)
    found = []
    for policy in policies:
        namespace, name, ref = policy.metadata.namespace, policy.metadata.name, policy.status.latest_ref
        lag = lags.get(Key(namespace, name))
        if lag is None or not lag.ageing:
            continue
        allow = (offers.of_policy("allow", policy, tag=lag.ageing),) if look.writes(ImagePolicy, namespace) else ()
        chosen = ref.tag if ref is not None else ""
        found.append(
            Ageing(namespace=namespace, policy=name, tag=lag.ageing, eligible=lag.eligible, chosen=chosen, acts=allow)
        )
    return sorted(found, key=lambda each: each.eligible)


def _standing(found: Sequence[State], wanted: states.Standing) -> tuple[State, ...]:
    return tuple(state for state in found if state.standing == wanted)


def _asks(obj: Object) -> State | None:
    """Return what an object wants somebody to decide, or None."""
    for type_, status in ((extensions.TAGS_HELD, "True"), (extensions.MARKERS_RESOLVED, "False")):
        said = states.condition(obj, type_)
        if said is not None and said.status == status:
            return State(
                kind=obj.kind,
                namespace=obj.metadata.namespace,
                name=obj.metadata.name,
                standing="working",
                reason=said.reason,
                message=said.message,
                since=said.last_transition_time,
            )
    return None


def _done(automations: Sequence[ImageUpdateAutomation], now: datetime) -> Iterator[Done]:
    day_ago = rfc3339(now - _TODAY)
    for each in automations:
        pushed = report.read(each.metadata.annotations).push
        if each.status.last_push_commit and each.status.last_push_time > day_ago:
            told = pushed if pushed is not None and pushed.commit == each.status.last_push_commit else None
            changes = told.changes if told else ()
            yield Done(
                namespace=each.metadata.namespace,
                automation=each.metadata.name,
                commit=each.status.last_push_commit,
                branch=told.branch if told else "",
                time=each.status.last_push_time,
                changes=len(changes) + (told.left_out if told else 0),
                first=f"{changes[0].path}:{changes[0].line}: {changes[0].old} → {changes[0].new}" if changes else "",
            )


PAGE = Page(
    path="/",
    template="now.html",
    title=titled("Now"),
    kinds=watched.KINDS,
    record=record,
    changes=(ImageUpdateAutomation, ImagePolicy),
)
