"""`/images/NAMESPACE/NAME`: the way of one policy's choice, from the registry to what runs, and where it stopped.

Each stop of the way is an object with its condition; between two of them stands how long the step took, where both
ends of it are known. A choice *arrived* at a stop, has *not yet*, or that cannot be told from the objects alone.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from deploy.cluster import inventory, workloads
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import ResourceInventory
from gotk.api.source import GitRepository
from gotk.kube import errors
from gotk.runtime.reconciler import Key
from image_automation import report, report_status
from image_automation.dashboard import images, states
from image_automation.dashboard.access import Subject
from image_automation.dashboard.acting import catalog, offers
from image_automation.dashboard.acting.offers import Offer
from image_automation.dashboard.images import Image
from image_automation.dashboard.page import Look, Missing, Page, Record
from image_automation.dashboard.states import State

Arrival: TypeAlias = Literal["arrived", "not yet", "held", "unknown"]
#: What of an inventory runs, in the words of its kinds.
_RUNS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "HelmRelease"})
_MOST: Final = 20
_AT_ONCE: Final = 8


class Stop(Record, frozen=True, kw_only=True):
    """One stop of the way: an object, how it fares, whether the choice is there, since when, and why not.

    `took` is the time since the stop before, in seconds; negative where it cannot be told.
    """

    state: State
    arrival: Arrival
    what: str = ""
    why: str = ""
    time: str = ""
    took: float = -1


class Runs(Record, frozen=True, kw_only=True):
    """Something that runs: an object that has a page, or its name alone.

    `tags` are those of the policy's image that it runs now, read as the person; `ready` says whether it is as it should
    be, and counts where there are some.
    """

    name: str
    state: State | None = None
    tags: tuple[str, ...] = ()
    ready: bool = False


class Rollout(Record, frozen=True, kw_only=True):
    """What applies the source, and which of what it applied runs. `left_out` counts those that are not listed."""

    stop: Stop
    path: str = ""
    workloads: tuple[Runs, ...] = ()
    left_out: int = 0


class Way(Record, frozen=True, kw_only=True):
    """The way from one automation on: its commit, the source that fetches it, and what applies that."""

    commit: Stop
    places: tuple[images.Place, ...] = ()
    sha: str = ""
    branch: str = ""
    source: Stop | None = None
    rollouts: tuple[Rollout, ...] = ()
    acts: tuple[Offer, ...] = ()


class Lineage(Record, frozen=True, kw_only=True):
    """A policy's image, where the choice came from, and every way that it takes."""

    image: Image
    registry: Stop | None
    choice: Stop
    ways: tuple[Way, ...] = ()
    acts: tuple[str, ...] = ()


async def record(look: Look) -> Lineage:
    """Make the record. Raises Missing, and Unauthorized."""
    about = subject(look.place)
    policy = look.objects.get(ImagePolicy, about.namespace, about.name)
    if policy is None:
        raise Missing(f"there is no ImagePolicy {about.namespace}/{about.name} that you may see")
    lags = await images.lagging(look, [policy])
    image = images.with_lag(images.of(look.objects, policy), lags.get(Key(about.namespace, about.name)))
    return Lineage(
        image=image,
        registry=_registry(image),
        choice=Stop(
            state=image.state,
            arrival="arrived" if image.tag else "not yet",
            what=f"{image.image}:{image.tag}" if image.tag else "nothing is chosen",
            why="" if image.tag else image.state.message,
            time=image.state.since,
        ),
        ways=tuple([await _running(look, image, _way(look, policy, name)) for name in image.automations]),
        acts=look.acts,
    )


def subject(place: Mapping[str, str]) -> Subject:
    """Return the policy that an address names."""
    return Subject(ImagePolicy, place["namespace"], place["name"])


def _registry(image: Image) -> Stop | None:
    if image.repository is None:
        return None
    scanned = f"{image.tags} tag{'' if image.tags == 1 else 's'}" if image.scanned else "not scanned yet"
    return Stop(
        state=image.repository,
        arrival="arrived" if image.scanned else "not yet",
        what=scanned,
        why="" if image.repository.standing == "ready" else image.repository.message,
        time=image.scanned,
    )


@dataclass(frozen=True, slots=True)
class _Pushed:
    """The commit whose way is followed, when it was pushed, and whether it holds the choice."""

    sha: str
    time: str
    arrival: Arrival


def _way(look: Look, policy: ImagePolicy, name: str) -> Way:
    automation = look.objects.get(ImageUpdateAutomation, policy.metadata.namespace, name)
    if automation is None:  # went while the page was made
        gone = State(kind="ImageUpdateAutomation", namespace=policy.metadata.namespace, name=name, standing="working")
        return Way(commit=Stop(state=gone, arrival="unknown"))
    found = report.read(automation.metadata.annotations)
    commit, sha = _commit(automation, policy, found), automation.status.last_push_commit
    reference = automation.spec.source_ref
    source = look.objects.get(GitRepository, reference.namespace or policy.metadata.namespace, reference.name)
    pushed = _Pushed(sha, automation.status.last_push_time, commit.arrival)
    places = tuple(images.places(automation, found, policy.metadata.name))
    fetched = _source(source, pushed) if source is not None else None
    return Way(
        commit=commit,
        places=places,
        sha=sha,
        branch=found.push.branch if found.push is not None and found.push.commit == sha else "",
        source=fetched,
        rollouts=tuple(_rollouts(look, source, fetched, places)) if source is not None and fetched is not None else (),
        acts=tuple(_offers(look, policy, automation, found)),
    )


def _offers(
    look: Look, policy: ImagePolicy, automation: ImageUpdateAutomation, found: report.Report
) -> Iterator[Offer]:
    """Yield what ends a hold of the choice, once, and the rollback of what was written of it."""
    namespace, name = policy.metadata.namespace, automation.metadata.name
    held = [each for each in found.held if each.names.policy == policy.metadata.name]
    yield from dict.fromkeys(
        offer for each in held for offer in offers.of_hold(each, namespace, name, policy, look.writes)
    )
    if catalog.ACTS["rollback"].fits(automation) and look.writes(ImageUpdateAutomation, namespace):
        yield offers.rollback(namespace, name, policy=policy.metadata.name)


def _commit(automation: ImageUpdateAutomation, policy: ImagePolicy, found: report.Report) -> Stop:
    state, name = states.of(automation), policy.metadata.name
    chosen, seen = policy.status.latest_ref, automation.status.observed_policies.get(name)
    held = next((each for each in found.held if each.names.policy == name), None)
    if held is not None:
        why = f"{held.old} stays in {held.path}:{held.line}: {report_status.held_cause(held)}"
        return Stop(state=state, arrival="held", why=why, time=state.since)
    if chosen is None or seen is None or (seen.tag, seen.digest) != (chosen.tag, chosen.digest):
        waiting = state.message if state.standing != "ready" else "its next run writes the choice"
        return Stop(state=state, arrival="not yet", why=waiting, time=state.since)
    return Stop(
        state=state,
        arrival="arrived",
        what="" if automation.status.last_push_commit else "the repository had it already",
        why="" if state.standing == "ready" else state.message,
        time=automation.status.last_push_time,
    )


def _source(source: GitRepository, pushed: _Pushed) -> Stop:
    artifact, state = source.status.artifact, states.of(source)
    if artifact is None:
        return Stop(state=state, arrival="not yet", why=state.message)
    exact = bool(pushed.sha) and artifact.revision.endswith(f":{pushed.sha}")
    later = not pushed.time or _seconds(pushed.time, artifact.last_update_time) >= 0
    arrival: Arrival = "arrived" if exact or later else "not yet"
    if pushed.arrival != "arrived" and not exact:
        arrival = "unknown"
    return Stop(
        state=state,
        arrival=arrival,
        what=artifact.revision,
        why=state.message if state.standing == "broken" or arrival == "not yet" else "",
        time=artifact.last_update_time,
        took=_seconds(pushed.time, artifact.last_update_time) if exact else -1,
    )


def _rollouts(look: Look, source: GitRepository, fetched: Stop, places: Sequence[images.Place]) -> Iterator[Rollout]:
    """Yield what applies a source: those that build what was written where that is known, otherwise all."""
    named = [each for each in look.objects.list(Kustomization) if _applies(each, source)]
    concerned = [each for each in named if any(_covers(each.spec.path, place.path) for place in places)]
    for each in concerned or named:
        yield _kustomization(look, each, fetched)
    for release in look.objects.list(HelmRelease):
        if _releases(release, source):
            yield _release(release)


def _applies(obj: Kustomization, source: GitRepository) -> bool:
    reference = obj.spec.source_ref
    namespace = reference.namespace or obj.metadata.namespace
    named = (reference.kind, namespace, reference.name)
    return named == ("GitRepository", source.metadata.namespace, source.metadata.name)


def _releases(obj: HelmRelease, source: GitRepository) -> bool:
    if obj.spec.chart is None:
        return False
    reference = obj.spec.chart.spec.source_ref
    namespace = reference.namespace or obj.metadata.namespace
    named = (reference.kind, namespace, reference.name)
    return named == ("GitRepository", source.metadata.namespace, source.metadata.name)


def _covers(folder: str, path: str) -> bool:
    """Tell whether a file lies below the path of a Kustomization, as people write it."""
    steps = [step for step in folder.split("/") if step not in {"", "."}]
    return path.split("/")[: len(steps)] == steps


def _kustomization(look: Look, obj: Kustomization, fetched: Stop) -> Rollout:
    state, applied = states.of(obj), obj.status.last_applied_revision
    current = applied == fetched.what
    arrival: Arrival = "not yet" if not current or state.standing == "broken" else fetched.arrival
    time = next((each.first_reconciled for each in obj.status.history), "") if current else ""
    listed = list(_workloads(look, obj.status.inventory))
    return Rollout(
        stop=Stop(
            state=state,
            arrival=arrival,
            what=applied,
            why="" if arrival == "arrived" and state.standing == "ready" else state.message,
            time=time,
            took=_seconds(fetched.time, time) if state.standing == "ready" else -1,
        ),
        path=obj.spec.path,
        workloads=tuple(listed[:_MOST]),
        left_out=max(0, len(listed) - _MOST),
    )


def _release(obj: HelmRelease) -> Rollout:
    state = states.of(obj)
    release = obj.status.history[0] if obj.status.history else None
    return Rollout(
        stop=Stop(
            state=state,
            arrival="unknown" if state.standing == "ready" else "not yet",
            what=f"{release.chart_name} {release.chart_version}" if release is not None else "",
            why="" if state.standing == "ready" else state.message,
            time=state.since,
        )
    )


def _workloads(look: Look, applied: ResourceInventory | None) -> Iterator[Runs]:
    """Yield what of an inventory runs, with its state where it is an object that we watch."""
    for item in inventory.read(applied):
        about = item.id
        if about.kind not in _RUNS:
            continue
        release = look.objects.get(HelmRelease, about.namespace, about.name) if about.kind == "HelmRelease" else None
        yield Runs(name=about.subject, state=states.of(release) if release is not None else None)


async def _running(look: Look, image: Image, way: Way) -> Way:
    """Return a way with the tags that its workloads run, as far as the person may read them. Raises Unauthorized."""
    if look.reads is None or not image.image:
        return way
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(rollout: Rollout, runs: Runs) -> Runs:
        applier = look.objects.get(Kustomization, rollout.stop.state.namespace, rollout.stop.state.name)
        if runs.state is not None or applier is None or applier.spec.kube_config is not None:
            return runs  # of another cluster nothing is known here
        async with turns:
            return await _told(look, image, runs, applier)

    rollouts = []
    for rollout in way.rollouts:
        told = await asyncio.gather(*(one(rollout, each) for each in rollout.workloads))
        rollouts.append(msgspec.structs.replace(rollout, workloads=tuple(told)))
    return msgspec.structs.replace(way, rollouts=tuple(rollouts))


async def _told(look: Look, image: Image, runs: Runs, applier: Kustomization) -> Runs:
    found = next((item for item in inventory.read(applier.status.inventory) if item.id.subject == runs.name), None)
    if look.reads is None or found is None:
        return runs
    about = found.id
    try:
        live = await look.reads.get_object(found.api_version, about.kind, about.namespace, about.name)
    except errors.Unauthorized:
        raise
    except errors.APIError:
        return runs  # it is gone, or not theirs to see
    workload = workloads.read(live, look.now)
    tags = (workloads.tag_of(each, image.image) for each in workload.images)
    return msgspec.structs.replace(runs, tags=tuple(filter(None, tags)), ready=workload.is_ready)


def _seconds(start: str, end: str) -> float:
    """Return the time between two moments of the API, in seconds; -1 where one of them is none."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except ValueError:
        return -1


PAGE = Page(
    path="/images/{namespace}/{name}",
    template="lineage.html",
    title=lambda place: f"{place['namespace']}/{place['name']}",
    kinds=(ImagePolicy, ImageRepository, ImageUpdateAutomation, GitRepository, Kustomization, HelmRelease),
    record=record,
    subject=subject,
    changes=(ImagePolicy, ImageUpdateAutomation),
)
