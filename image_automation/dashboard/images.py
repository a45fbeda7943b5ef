"""`/images`: every policy with its image: what is chosen, from what, when it was looked for, who writes it where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Key
from image_automation import report, selection
from image_automation.dashboard import states
from image_automation.dashboard.page import Look, Objects, Page, Record, titled
from image_automation.dashboard.scanned import running
from image_automation.dashboard.scanned.lags import Lag
from image_automation.dashboard.scanned.running import Run, Runs
from image_automation.dashboard.states import State
from policies.wakes import repository_of

#: Annotations of a policy that let it choose less than the best of its tags.
_HOLDING: Final = frozenset({extensions.MINIMUM_AGE, extensions.PIN})


class Place(Record, frozen=True, kw_only=True):
    """Where a policy's choice was last written: file and line, by which commit of which automation."""

    automation: str
    path: str
    line: int
    commit: str
    old: str
    new: str


class Image(Record, frozen=True, kw_only=True):
    """A policy and its image. `scanned` is when the registry was last asked, `tags` how many it listed.

    `lag` is how far what is written, or chosen, is behind what the policy could choose, where something holds it back;
    `runs` are the tags of the image that workloads run, as far as the person may list them.
    """

    namespace: str
    policy: str
    image: str = ""
    tag: str = ""
    digest: str = ""
    previous: str = ""
    rule: str = ""
    scanned: str = ""
    tags: int = 0
    state: State
    repository: State | None = None
    automations: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    held: int = 0
    lag: Lag | None = None
    runs: tuple[Run, ...] = ()


class Images(Record, frozen=True, kw_only=True):
    """The policies that match what was searched for, of how many there are."""

    images: tuple[Image, ...]
    total: int
    search: str = ""
    standing: str = ""


@dataclass(frozen=True, slots=True)
class _Writer:
    """An automation, what it follows and what its last run came to."""

    automation: ImageUpdateAutomation
    follows: frozenset[str]
    report: report.Report

    @property
    def name(self) -> str:
        return self.automation.metadata.name


async def record(look: Look) -> Images:
    """Make the record; `q` in the query is searched for in names, `is` keeps one standing."""
    search, standing = look.query.get("q", "").strip(), look.query.get("is", "")
    policies = look.objects.list(ImagePolicy)
    repositories = {_key(each): each for each in look.objects.list(ImageRepository)}
    writers = _writers(policies, look.objects.list(ImageUpdateAutomation))
    every = [_image(each, repositories, writers.get(each.metadata.namespace, ())) for each in policies]
    kept = [each for each in every if _matches(each, search.lower()) and standing in {"", each.state.standing}]
    shown = {(each.namespace, each.policy) for each in kept}
    lags = await lagging(look, [each for each in policies if _key(each) in shown])
    runs = await look.knows.running.of(look.reads, look.spaces()) if look.knows.running and look.reads and kept else {}
    told = (with_lag(each, lags.get(Key(each.namespace, each.policy))) for each in kept)
    images = (with_runs(each, runs) for each in told) if runs else told
    return Images(images=tuple(images), total=len(every), search=search, standing=standing)


def with_runs(image: Image, runs: Runs) -> Image:
    """Return an image with the tags of it that run."""
    found = running.of(runs, image.image)
    return msgspec.structs.replace(image, runs=found) if found else image


def with_lag(image: Image, lag: Lag | None) -> Image:
    """Return an image with how far it is behind, if it is, or will be."""
    return msgspec.structs.replace(image, lag=lag) if lag is not None and lag != Lag() else image


async def lagging(look: Look, policies: Iterable[ImagePolicy]) -> Mapping[Key, Lag]:
    """Return how far policies are behind that something holds back."""
    if look.knows.lags is None:
        return {}
    stays = {
        Key(automation.metadata.namespace, each.names.policy): _tag(each.old)
        for automation in look.objects.list(ImageUpdateAutomation)
        for each in report.read(automation.metadata.annotations).held
    }
    asked = [
        (policy, stays.get(_key(policy), policy.status.latest_ref.tag))
        for policy in policies
        if policy.status.latest_ref is not None
        and (_key(policy) in stays or not _HOLDING.isdisjoint(policy.metadata.annotations))
    ]
    found = await look.knows.lags.of(asked) if asked else []
    return {_key(policy): lag for (policy, _), lag in zip(asked, found, strict=True)}


def _tag(value: str) -> str:
    """Return the tag of a marked value, be it a whole image or the tag alone."""
    return value.partition("@")[0].rpartition("/")[2].rpartition(":")[2]


def of(objects: Objects, policy: ImagePolicy) -> Image:
    """Return what the page says of one policy."""
    namespace = policy.metadata.namespace
    repository = objects.get(ImageRepository, *repository_of(policy))
    writers = _writers([policy], objects.list(ImageUpdateAutomation, namespace))
    return _image(policy, {_key(repository): repository} if repository else {}, writers.get(namespace, ()))


def _matches(image: Image, search: str) -> bool:
    return search in f"{image.namespace}/{image.policy} {image.image}:{image.tag}".lower()


def _key(obj: ImageRepository | ImagePolicy) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def _writers(
    policies: Iterable[ImagePolicy], automations: Iterable[ImageUpdateAutomation]
) -> Mapping[str, Sequence[_Writer]]:
    """Return the automations of each namespace with the policies that they follow."""
    by_namespace: dict[str, list[ImagePolicy]] = {}
    for policy in policies:
        by_namespace.setdefault(policy.metadata.namespace, []).append(policy)
    found: dict[str, list[_Writer]] = {}
    for each in automations:
        namespace = each.metadata.namespace
        try:
            chosen = selection.select(by_namespace.get(namespace, ()), each.spec.policy_selector)
        except Stalled:
            continue
        follows = frozenset((*chosen.images, *chosen.waiting))
        found.setdefault(namespace, []).append(_Writer(each, follows, report.read(each.metadata.annotations)))
    return found


def _image(policy: ImagePolicy, repositories: Mapping[Key, ImageRepository], writers: Sequence[_Writer]) -> Image:
    repository = repositories.get(Key(*repository_of(policy)))
    scan = repository.status.last_scan_result if repository is not None else None
    chosen, before = policy.status.latest_ref, policy.status.observed_previous_ref
    name = policy.metadata.name
    return Image(
        namespace=policy.metadata.namespace,
        policy=name,
        image=repository.spec.image if repository is not None else chosen.name if chosen is not None else "",
        tag=chosen.tag if chosen is not None else "",
        digest=chosen.digest if chosen is not None else "",
        previous=before.tag if before is not None else "",
        rule=rule_of(policy),
        scanned=scan.scan_time if scan is not None else "",
        tags=scan.tag_count if scan is not None else 0,
        state=states.of(policy),
        repository=states.of(repository) if repository is not None else None,
        automations=tuple(writer.name for writer in writers if name in writer.follows),
        places=tuple(place for writer in writers for place in places(writer.automation, writer.report, name)),
        held=sum(each.names.policy == name for writer in writers for each in writer.report.held),
    )


def places(automation: ImageUpdateAutomation, found: report.Report, policy: str) -> Iterable[Place]:
    """Yield where the last commit of an automation wrote a policy's choice."""
    push = found.push
    for change in push.changes if push is not None else ():
        if change.names.policy == policy:
            yield Place(
                automation=automation.metadata.name,
                path=change.path,
                line=change.line,
                commit=push.commit if push is not None else "",
                old=change.old,
                new=change.new,
            )


def rule_of(policy: ImagePolicy) -> str:
    """Word what a policy wants on one line, such as `semver 1.x, tags like ^v`."""
    choice, filter_ = policy.spec.policy, policy.spec.filter_tags
    if choice.semver is not None:
        text = f"semver {choice.semver.range}"
    elif choice.alphabetical is not None:
        text = f"alphabetical {choice.alphabetical.order}"
    else:
        text = f"numerical {choice.numerical.order}" if choice.numerical is not None else "no rule"
    return f"{text}, tags like {filter_.pattern}" if filter_ is not None and filter_.pattern else text


PAGE = Page(
    path="/images",
    template="images.html",
    title=titled("Images"),
    kinds=(ImagePolicy, ImageRepository, ImageUpdateAutomation),
    record=record,
)
