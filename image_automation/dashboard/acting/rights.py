"""`/access`: what who asks may do, and in which namespaces; each answer is the cluster's to a question of theirs."""

import asyncio
from collections.abc import Sequence
from typing import Final

from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.notification import Alert, Receiver
from gotk.api.source import GitRepository
from image_automation.dashboard.access import Deed
from image_automation.dashboard.page import Look, Page, Record, titled

#: What people want to know about themselves, in the order of the page: words, verb, kind.
_ACTIONS: Final[tuple[tuple[str, str, type[Object]], ...]] = (
    ("see image policies, their tags and why", "list", ImagePolicy),
    ("see automations, holds and changes", "list", ImageUpdateAutomation),
    ("see scans", "list", ImageRepository),
    ("see rollouts by Kustomizations", "list", Kustomization),
    ("see rollouts by HelmReleases", "list", HelmRelease),
    ("approve, reject, allow, pin", "patch", ImagePolicy),
    ("release what is held, roll back, freeze, apply a plan", "patch", ImageUpdateAutomation),
    ("reconcile, suspend, resume: image repositories", "patch", ImageRepository),
    ("reconcile, suspend, resume: Git repositories", "patch", GitRepository),
    ("reconcile, suspend, resume: Kustomizations", "patch", Kustomization),
    ("reconcile, suspend, resume: HelmReleases", "patch", HelmRelease),
    ("reconcile, suspend, resume: receivers", "patch", Receiver),
    ("try alerts, suspend and resume them", "patch", Alert),
)
#: In how many namespaces is asked, how many of them the table has, and how many questions are under way at once.
_ASKED: Final = 200
_MOST: Final = 30
_AT_ONCE: Final = 16


class Right(Record, frozen=True, kw_only=True):
    """Something that one may do everywhere, or in those of the namespaces."""

    words: str
    verb: str
    kind: str
    everywhere: bool = False
    namespaces: tuple[str, ...] = ()


class Rights(Record, frozen=True, kw_only=True):
    """What one may do. `namespaces` are those in which they may do something; more of them are `left_out`."""

    rights: tuple[Right, ...] = ()
    namespaces: tuple[str, ...] = ()
    left_out: int = 0


async def record(look: Look) -> Rights:
    """Make the record. Raises APIError.

    Which namespaces there are is known of the objects that are watched; named are only those where one may something.
    """
    spaces, turns = look.spaces(), asyncio.Semaphore(_AT_ONCE)
    rights = [await _right(look, action, spaces[:_ASKED], turns) for action in _ACTIONS]
    everywhere = any(right.everywhere for right in rights)
    some = spaces if everywhere else sorted({space for right in rights for space in right.namespaces})
    return Rights(rights=tuple(rights), namespaces=tuple(some[:_MOST]), left_out=max(0, len(some) - _MOST))


async def _right(
    look: Look, action: tuple[str, str, type[Object]], spaces: Sequence[str], turns: asyncio.Semaphore
) -> Right:
    words, verb, kind = action

    async def may(space: str) -> bool:
        async with turns:
            return await look.may(Deed(verb, kind, space))

    if await may(""):
        return Right(words=words, verb=verb, kind=kind.__name__, everywhere=True)
    answers = await asyncio.gather(*map(may, spaces))
    good = tuple(space for space, allowed in zip(spaces, answers, strict=True) if allowed)
    return Right(words=words, verb=verb, kind=kind.__name__, namespaces=good)


PAGE = Page(path="/access", template="access.html", title=titled("Access"), kinds=(), record=record)
