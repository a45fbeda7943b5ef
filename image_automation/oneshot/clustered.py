"""A plan of a cluster: what its automations would commit now, with the choices that its policies have made already.

Registries are not asked: what the cluster has scanned, and what it waits for, is in its objects. Files come from the
repositories, through mirrors that are thrown away.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from gotk.api.core import Namespace
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.cloud.account import Cluster
from gotk.git import errors as git
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.kube import errors as kube
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.sources.git_access import GitAccess
from image_automation import gatekeeping
from image_automation.app import clouds
from image_automation.app.settings import Settings
from image_automation.gating import chain
from image_automation.oneshot import covering, planning, record
from image_automation.oneshot.covering import Cover, Covering
from image_automation.oneshot.planning import Drafted
from image_automation.oneshot.record import Plan
from image_automation.oneshot.world import Reading, World
from image_automation.update.proposal import Proposal
from image_automation.writing import authorship, checkout, remembered, rollback_guard, tree

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Client(Cluster, Protocol):
    """What is needed of the cluster. Raises the errors of `gotk.kube.errors`."""

    async def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all."""
        ...


@dataclass(slots=True)
class Seen:
    """A plan of all automations, and the files that change, each by the name it has in the plan."""

    plan: Plan = field(default_factory=Plan)
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)


async def plan(
    client: Client,
    namespace: str,
    *,
    named: Sequence[str],
    folder: Path,
    settings: Settings,
    clock: Clock,
) -> Seen:
    """Plan for the automations of a namespace, mirroring into a folder. Raises the errors of `gotk.kube.errors`."""
    world = World([])
    for kind in (ImagePolicy, ImageUpdateAutomation, GitRepository):
        for obj in await _listed(client, kind, namespace):
            world.put(obj)
    for name in dict.fromkeys((namespace, settings.namespace)):
        with contextlib.suppress(kube.NotFound, kube.Forbidden):
            world.put(await client.get(Namespace, "", name))
    parts = covering.of_checkout(Reading(world), scope="", remotes=(), named=named)
    mine = [
        (cover, cover.automation)
        for cover in parts.covers
        if cover.automation is not None and (named or cover.namespace == namespace)
    ]
    seen = Seen(Plan(namespace=namespace, automations=tuple(named), errors=tuple(parts.errors)))
    if not mine:
        nothing = f"there is no ImageUpdateAutomation to plan for in namespace {namespace}"
        seen.plan = msgspec.structs.replace(seen.plan, notes=tuple(parts.notes), errors=(*seen.plan.errors, nothing))
        return seen
    repositories = {_source(automation) for _, automation in mine}
    async with contextlib.AsyncExitStack() as stack:
        limiter = stack.enter_context(Limiter(width=1, name="git"))
        way = clouds.git_access(settings, client, limiter, clock=clock)
        desk = _Desk(settings, await stack.enter_async_context(way), world, Mirrors(folder), limiter, clock=clock)
        for cover, automation in mine:
            await desk.add(seen, cover, automation, prefix=f"{_source(automation)}//" if len(repositories) > 1 else "")
    return seen


async def _listed(client: Client, kind: type[O], namespace: str) -> Sequence[O]:
    """List a kind everywhere, for markers name other namespaces; in the one where that is all one may."""
    try:
        return await client.list(kind)
    except kube.Forbidden:
        return await client.list(kind, namespace)


def _source(automation: ImageUpdateAutomation) -> str:
    reference = automation.spec.source_ref
    return f"{reference.namespace or automation.metadata.namespace}/{reference.name}"


class _Desk:
    """Where the automations of a cluster are planned for, one after the other."""

    def __init__(
        self,
        settings: Settings,
        access: GitAccess,
        world: World,
        mirrors: Mirrors,
        limiter: Limiter,
        *,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._access = access
        self._world = world
        self._mirrors = mirrors
        self._limiter = limiter
        self._clock = clock

    async def add(self, seen: Seen, cover: Cover, automation: ImageUpdateAutomation, *, prefix: str) -> None:
        """Add what an automation would commit."""
        alone, drafted = Covering([cover], [], []), Drafted()
        try:
            alone.notes.extend(covering.proposed(automation))
            alone.notes.extend(covering.steered(cover.selected))
            alone.notes.extend(covering.frozen(automation, cover.selected, self._clock.now()))
            drafted = await self._drafted(cover, automation)
        except (errors.ReconcileError, git.Error) as error:
            alone.errors.append(f"ImageUpdateAutomation {covering.name_of(automation)}: {error.message}")
        made = planning.plan(drafted, alone, Reading(self._world), lambda _, __: None)
        seen.plan = record.joined(seen.plan, record.renamed(made, prefix))
        seen.before |= {f"{prefix}{path}": content for path, content in drafted.before.items()}
        seen.after |= {f"{prefix}{path}": content for path, content in drafted.edits.items()}

    async def _drafted(self, cover: Cover, automation: ImageUpdateAutomation) -> Drafted:
        own, (namespace, name) = automation.metadata.namespace, _source(automation).split("/")
        if namespace != own and self._settings.no_cross_namespace_refs:
            cause = f"can't access 'GitRepository/{namespace}/{name}', cross-namespace references have been blocked"
            raise errors.Stalled("AccessDenied", cause)
        source = self._world.find(GitRepository, namespace, name)
        if source is None or automation.spec.git is None:
            missing = "it has no .spec.git" if source else f"there is no GitRepository {_source(automation)}"
            raise errors.Stalled(checkout.INVALID, missing)
        target = checkout.plan(automation, source, allow_file=True)
        credentials = await checkout.credentials(self._access, source, automation)
        depth = 0 if target.wanted.commit else authorship.DEPTH
        mirror = self._mirrors.open(source.spec.url, credentials, timeout=source.spec.timeout.seconds, depth=depth)
        return await self._limiter.run(_rewritten, mirror, target, cover, automation, self._clock.now())


def _rewritten(
    mirror: Mirror, target: checkout.Checkout, cover: Cover, automation: ImageUpdateAutomation, now: datetime
) -> Drafted:
    assert automation.spec.git is not None
    if target.wanted.semver:
        target = target.resolved(mirror.references().commits, lambda tag: mirror.committed_at(mirror.fetch(tag)))
    tip = mirror.fetch(target.reference)
    if target.switches:
        with contextlib.suppress(git.ReferenceNotFound):
            tip = mirror.fetch(target.push_reference)
    known = tree.Known()
    owner = rollback_guard.Owner(automation)

    gates = gatekeeping.of(automation, cover.namespace, cover.selected, now)

    def apply(held: chain.Places) -> Proposal:
        return tree.apply(mirror, tip, cover.path, cover.setters, known, held=held, text_files=cover.text_files)

    proposal = chain.respected(
        apply, [rollback_guard.gate(mirror, tip, [owner]), remembered.closed(automation), *gates]
    )
    drafted = Drafted(results={file.path: file for file in proposal.files}, holds=list(proposal.holds))
    drafted.before = {path: mirror.read(mirror.node(tip, path).id) for path in drafted.edits}
    return drafted
