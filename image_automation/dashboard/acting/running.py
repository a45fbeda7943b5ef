"""How each act is done: what the verb of the same name does, through the same function, as the person."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gotk.api.notification import Alert
from gotk.runtime.clock import rfc3339
from image_automation import acts
from image_automation.dashboard.acting.act import Asked, Done
from image_automation.recovering.request import Request
from image_automation.steering import deciding, freezing, pinning, releasing, rolling_back
from image_automation.steering.cluster import CannotBeDoneError

_ON: Final = "on"


async def reconcile(asked: Asked) -> Done:
    """Ask for a run. Raises CannotBeDoneError and APIError."""
    _see(asked, suspended=False)
    await _patch(asked, acts.requesting(rfc3339(asked.now)))
    return Done("asked for a run")


async def suspend(asked: Asked) -> Done:
    """Let the object be left alone. Raises CannotBeDoneError and APIError."""
    _see(asked, suspended=False)
    await _patch(asked, acts.suspending(asked.about.kind, on=True))
    return Done("suspended it")


async def resume(asked: Asked) -> Done:
    """Let it be taken up again. Raises CannotBeDoneError and APIError."""
    _see(asked, suspended=True)
    await _patch(asked, acts.suspending(asked.about.kind, on=False))
    return Done("resumed it")


def _see(asked: Asked, *, suspended: bool) -> None:
    if acts.is_suspended(asked.seen) != suspended:
        raise CannotBeDoneError(f"resource is {'not ' if suspended else ''}suspended")


async def _patch(asked: Asked, patch: Mapping[str, Any]) -> None:
    await asked.cluster.merge_patch(asked.about.kind, asked.about.namespace, asked.about.name, patch)


def decides(verdict: deciding.Verdict, done: str) -> Callable[[Asked], Awaitable[Done]]:
    """Return what writes somebody's word on a version."""

    async def decide(asked: Asked) -> Done:
        namespace, name, reason = asked.about.namespace, asked.about.name, asked["reason"]
        words = {"tag": asked["tag"], "reason": reason, "seen": asked["digest"]}
        decided = await deciding.decide(asked.cluster, namespace, name, verdict, **words)
        notes = tuple(filter(None, (decided.sentence, decided.warning, decided.hint)))
        return Done(f"{done} {decided.made.tag}", reason, notes)

    return decide


async def pin(asked: Asked) -> Done:
    """Let a policy choose one tag. Raises CannotBeDoneError and APIError."""
    namespace, name, reason = asked.about.namespace, asked.about.name, asked["reason"]
    pinned = await pinning.pin(asked.cluster, namespace, name, asked["tag"], until=asked["until"], reason=reason)
    until = f" until {rfc3339(pinned.made.until)}" if pinned.made.until else ""
    notes = tuple(filter(None, (pinned.sentence, pinned.warning, pinned.hint)))
    return Done(f"pinned it to {pinned.made.tag}{until}", reason, notes)


async def unpin(asked: Asked) -> Done:
    """Let it choose as its spec says. Raises CannotBeDoneError and APIError."""
    name = asked.about.name
    if await pinning.unpin(asked.cluster, asked.about.namespace, name):
        return Done("took its pin away", notes=(f"image policy {name} is pinned no more",))
    return Done(notes=(f"image policy {name} is not pinned",))


async def freeze(asked: Asked) -> Done:
    """Let an automation write nothing. Raises CannotBeDoneError and APIError."""
    name, reason = asked.about.name, asked["reason"]
    target = freezing.automation(asked.about.namespace, name)
    made = await freezing.freeze(asked.cluster, [target], reason=reason, until=asked["until"])
    until = f" until {rfc3339(made.end)}" if made.end else ""
    return Done(f"froze it{until}", reason, (f"image update {name} is {made.sentence}",))


async def unfreeze(asked: Asked) -> Done:
    """Let it write again. Raises CannotBeDoneError and APIError."""
    name = asked.about.name
    if await freezing.unfreeze(asked.cluster, freezing.automation(asked.about.namespace, name)):
        return Done("ended its freeze", notes=(f"image update {name} is frozen no more",))
    return Done(notes=(f"image update {name} is not frozen",))


async def unhold(asked: Asked) -> Done:
    """Let through what is held back. Raises CannotBeDoneError and APIError."""
    place, name = asked["place"], asked.about.name
    places = [place] if place else []
    released = await releasing.release(asked.cluster, asked.about.namespace, name, places, asked.now)
    where = f" in {place}" if place else ""
    return Done(f"let through what was held{where}" if released.entries else "", notes=tuple(released.lines(name)))


async def rollback(asked: Asked) -> Done:
    """Ask for a rollback. Raises CannotBeDoneError and APIError."""
    wanted = Request(
        id=secrets.token_hex(8),
        during_freeze=asked["during_freeze"] == _ON,
        **{name: asked[name] for name in ("place", "policy", "to", "reason")},
    )
    await rolling_back.ask(asked.cluster, asked.about.namespace, asked.about.name, wanted)
    words = (("place", "of"), ("policy", "for"), ("to", "to"))
    what = "".join(f" {word} {asked[name]}" for name, word in words if asked[name])
    told = f"image update {asked.about.name} is asked to roll back: what comes of it is shown under Changes"
    return Done(f"asked for a rollback{what}", asked["reason"], (told,))


async def test(asked: Asked) -> Done:
    """Send what tries an Alert. Raises CannotBeDoneError where it did not arrive."""
    if asked.tests is None or not isinstance(asked.seen, Alert):
        raise CannotBeDoneError("this process sends no notifications: it runs without the controller alert")
    cause = await asked.tests.test(asked.seen, asked.by)
    if cause:
        raise CannotBeDoneError(f"it did not arrive: {cause}")
    provider = asked.seen.spec.provider_ref.name
    return Done("sent a test", notes=(f"the Provider {provider} has taken the test: see whether it is shown there",))
