"""One pass from a path to a plan: read the manifests, scan, choose, rewrite in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from gotk.api import core
from gotk.api.meta import Object
from gotk.git.objects import clone as clones
from gotk.git.objects.clone import Clone
from gotk.oci import keychain
from gotk.runtime.clock import Clock
from image_automation import bumps
from image_automation.app.settings import Settings
from image_automation.oneshot import choosing, covering, manifests, planning, pointers, record
from image_automation.oneshot.covering import Covering
from image_automation.oneshot.logins import Logins
from image_automation.oneshot.manifests import Manifests
from image_automation.oneshot.planning import Drafted
from image_automation.oneshot.record import Plan
from image_automation.oneshot.world import Reading, World

_CREDENTIALS = (core.Secret, core.ServiceAccount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for. `path` is where manifests are read, `namespace` that of objects which name none.

    `logins` are registry credentials for what the manifests hold none for; `state` is a folder in which tags are
    remembered from one pass to the next; `settings` are those of the service that a pass heeds, too.
    """

    path: Path
    namespace: str = "flux-system"
    automations: tuple[str, ...] = ()
    logins: Logins = field(default_factory=Logins)
    state: Path | None = None
    settings: Settings = field(default_factory=lambda: Settings(data_dir=Path()), repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment, of which proxies and the clouds' own variables are used."""
        return self.settings.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A checkout with its manifests read and its policies' choices made."""

    request: Request
    root: Path
    scope: str
    clone: Clone | None
    found: Manifests
    world: World
    first_seen: bumps.FirstSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and the files that it speaks of."""

    chosen: Chosen
    plan: Plan
    drafted: Drafted
    covering: Covering


def log_in(world: World, logins: Logins) -> None:
    """Give the user's credentials to the ImageRepositories that have none. Raises ManifestError, OSError."""
    try:
        if content := logins.content():
            world.use_docker_config(content)
    except keychain.InvalidConfig as error:
        raise manifests.ManifestError(f"'{logins.file}': {error}") from None


async def choose(request: Request, clock: Clock) -> Chosen:
    """Read the manifests and let the policies choose. Raises ManifestError, OSError and ValueError."""
    path = request.path.resolve(strict=True)
    clone = clones.discover(path, request.environment)
    root = clone.root.resolve() if clone else (path if path.is_dir() else path.parent)
    found = manifests.load(path, namespace=request.namespace, within=root)
    world = World(declared.obj for declared in found.declared.values())
    log_in(world, request.logins)
    async with choosing.chooser(world, request.settings, state=request.state, clock=clock) as chooser:
        await chooser.choose()
        seen = chooser.first_seen()
    scope = path.relative_to(root).as_posix()
    return Chosen(
        request=request,
        root=root,
        scope=scope,
        clone=clone,
        found=found,
        world=world,
        first_seen=lambda policy, tag: seen.get((policy, tag)),
    )


def plan(chosen: Chosen, now: datetime) -> Planned:
    """Make the plan; `now` is for what is not written at any time. Blocks.

    Raises OSError and the errors of `gotk.git.errors`.
    """
    request, reading = chosen.request, Reading(chosen.world)
    remotes = chosen.clone.remotes if chosen.clone else []
    parts = covering.of_checkout(reading, scope=chosen.scope, remotes=remotes, named=request.automations)
    drafted = planning.draft(chosen.root, parts, chosen.clone, now)
    made = planning.plan(drafted, parts, reading, chosen.first_seen)
    inputs = {
        path.relative_to(chosen.root).as_posix(): record.digest(content)
        for path, content in chosen.found.files.items()
        if _decides(chosen.found, path)
    }
    made = msgspec.structs.replace(
        made,
        scope=chosen.scope,
        namespace=request.namespace,
        automations=request.automations,
        inputs={**inputs, **made.inputs},
        notes=(*chosen.found.left_out, *made.notes, *pointers.unmarked(made, parts.covers)),
        errors=(*chosen.found.errors, *_undeclared(chosen), *made.errors),
    )
    return Planned(chosen=chosen, plan=made, drafted=drafted, covering=parts)


def _undeclared(chosen: Chosen) -> Iterator[str]:
    """Say that there is nothing to plan for, where a PATH holds no object of ours at all."""
    if not chosen.found.errors:
        path, namespace = chosen.request.path, chosen.request.namespace
        yield from pointers.undeclared(Reading(chosen.world), path, root=chosen.root, namespace=namespace)


def _decides(found: Manifests, path: Path) -> bool:
    """Tell whether a file declares more than credentials, which have no part in what is written."""
    kinds: set[type[Object]] = {type(each.obj) for each in found.declared.values() if each.file == path}
    return not kinds <= set(_CREDENTIALS)
