"""The reconciler: a policy and its ImageRepository in, conditions and references out."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from gotk.api import scheme
from gotk.api.core import Namespace
from gotk.api.image import ImagePolicy, ImageRef, ImageRepository, ScanResult
from gotk.api.meta import Condition
from gotk.kube import errors as kube_errors
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import READY
from policies.image_policy import ImagePolicyReconciler
from policies.wakes import tags_changed
from reflector.store import Generation
from tests.running import NOON, Ended, FakeRun, run_once

IMAGE, CANONICAL = "ghcr.io/acme/app", "ghcr.io/acme/app"
DIGEST = "sha256:" + "0" * 64
FLAGS = {"no_cross_namespace_refs": False, "object_level_workload_identity": False, "requeue_dependency": 30.0}


class World:
    """Everything that a policy sees: objects, namespaces, tags and a registry. Also the ports to them."""

    def __init__(self) -> None:
        self.objects: dict[tuple[type, str, str], Any] = {}
        self.labels: dict[str, dict[str, str]] = {"apps": {}, "images": {}}
        self.stored: dict[str, list[str]] = {CANONICAL: ["1.0.0", "1.1.0", "latest"]}
        self.registry: dict[str, str] = {}
        self.lists: list[list[str]] = []
        self.reads = 0
        self.broken: Exception | None = None
        self.doubtful = False
        self.outdated: set[str] = set()
        self.live: dict[str, ImageRepository] = {}
        self.seen: dict[str, datetime] = {}
        self.digests: dict[str, tuple[str, datetime | None]] = {}

    def add(self, obj: Any) -> None:
        self.objects[type(obj), obj.metadata.namespace, obj.metadata.name] = obj

    # the reader
    def get(self, kind: type, namespace: str, name: str) -> Any:
        return self.objects.get((kind, namespace, name))

    def list(self, kind: type, namespace: str | None = None) -> list[Any]:
        return [o for (k, ns, _), o in self.objects.items() if k is kind and namespace in (None, ns)]

    # the tag store
    def tags(self, canonical_name: str) -> Sequence[str]:
        self.reads += 1
        if self.broken:
            raise self.broken
        return self.stored.get(canonical_name, [])

    def generation(self, canonical_name: str) -> Generation:
        listed = list(self.stored.get(canonical_name, ()))
        if listed not in self.lists:
            self.lists.append(listed)
        return Generation(serial=self.lists.index(listed), doubtful=self.doubtful)

    def is_current(self, image_repository: ImageRepository, objects: Any) -> bool:
        assert objects is self
        scan = image_repository.status.last_scan_result
        return scan is None or scan.revision not in self.outdated

    def changes(self, canonical_name: str, serial: int) -> None:
        return None

    def young(self, canonical_name: str, since: datetime, *, first_scan_is_old: bool) -> dict[str, datetime]:
        return {tag: seen for tag, seen in self.seen.items() if seen > since}

    def moved(self, canonical_name: str, since: datetime) -> dict[str, datetime]:
        return {tag: moved for tag, (_, moved) in self.digests.items() if moved is not None and moved > since}

    def witness(self, canonical_name: str, tag: str, digest: str, now: datetime) -> datetime | None:
        before = self.digests.get(tag)
        if before is None or before[0] != digest:
            self.digests[tag] = (digest, now if before else None)
            if before:
                self.seen[tag] = now
        return self.digests[tag][1]

    # the digest resolver
    async def digest(self, image_repository: ImageRepository, tag: str) -> str:
        if tag not in self.registry:
            raise errors.Retry("ReadOperationFailed", "MANIFEST_UNKNOWN: manifest unknown")
        return self.registry[tag]


class Cluster:
    """What the cluster answers, asked for one object at a time; `live` is what the cache has not seen yet."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get(self, kind: type, namespace: str, name: str) -> Any:
        if kind is ImageRepository:
            return self._world.live.get(name) or self._world.get(kind, namespace, name)
        assert kind is Namespace
        if name not in self._world.labels:
            raise kube_errors.NotFound(404, "NotFound", f'namespaces "{name}" not found')
        metadata = {"name": name, "labels": self._world.labels[name]}
        return scheme.convert({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, Namespace)


def parse_image(image: str) -> str:
    if "://" in image:
        scheme_ = image.partition("://")[0]
        raise ValueError(f"image '{image}' should not include URL scheme; remove '{scheme_}://'")
    return image


@pytest.fixture
def world() -> World:
    world = World()
    world.add(repository())
    return world


@contextlib.contextmanager
def reconciler(world: World, **flags: Any) -> Iterator[ImagePolicyReconciler]:
    with Limiter(width=1) as limiter:
        yield ImagePolicyReconciler(
            objects=world,
            tags=world,
            digests=world,
            image_names=parse_image,
            limiter=limiter,
            **{"client": Cluster(world), **FLAGS, **flags},
        )


def repository(namespace: str = "apps", name: str = "app", *, revision: str = "1", **spec: Any) -> ImageRepository:
    obj = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"image": IMAGE, "interval": "5m", **spec},
        "status": {"canonicalImageName": CANONICAL, "lastScanResult": {"tagCount": 3, "revision": revision}},
    }
    return scheme.convert(obj, ImageRepository)


def policy(*, ref: dict[str, str] | None = None, **spec: Any) -> ImagePolicy:
    obj = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"namespace": "apps", "name": "app", "generation": 1},
        "spec": {"imageRepositoryRef": ref or {"name": "app"}, "policy": {"semver": {"range": "1.x"}}, **spec},
    }
    return scheme.convert(obj, ImagePolicy)


async def run(world: World, obj: ImagePolicy, *, now: datetime = NOON, **flags: Any) -> Ended[ImagePolicy]:
    with reconciler(world, **flags) as under_test:
        return await run_once(under_test, obj, now=now)


async def test_the_tag_is_written_down(world):
    ended = await run(world, policy())
    assert ended.obj.status.latest_ref == ImageRef(name=IMAGE, tag="1.1.0")
    assert ended.obj.status.observed_previous_ref is None
    assert ended.obj.status.observed_generation == 1
    assert ended.conditions == {READY: ("True", "Succeeded", f"Latest image tag for {IMAGE} resolved to 1.1.0")}
    assert ended.outcome.changed
    assert ended.outcome.requeue_after is None


async def test_a_second_run_without_change_is_no_news(world):
    first = await run(world, policy())
    second = await run(world, first.obj)
    assert not second.outcome.changed
    assert second.obj.status.latest_ref == first.obj.status.latest_ref


async def test_a_new_tag_makes_the_old_one_the_previous_one_and_stays_in_the_message(world):
    first = await run(world, policy())
    world.stored[CANONICAL].append("1.2.0")
    second = await run(world, first.obj)
    message = f"Latest image tag for {IMAGE} resolved to 1.2.0 (previously {IMAGE}:1.1.0)"
    assert second.ready == ("True", "Succeeded", message)
    assert second.obj.status.observed_previous_ref == ImageRef(name=IMAGE, tag="1.1.0")
    assert second.outcome.changed
    third = await run(world, second.obj)
    assert third.ready[2] == message
    assert not third.outcome.changed


async def test_the_image_is_named_as_the_repository_names_it(world):
    world.add(repository(image="alpine"))
    ended = await run(world, policy())
    assert ended.obj.status.latest_ref.name == "alpine"


async def test_many_tags_are_chosen_from_as_well(world):
    world.stored[CANONICAL] = [f"1.0.{patch}" for patch in range(6000)]
    ended = await run(world, policy())
    assert ended.obj.status.latest_ref.tag == "1.0.5999"


async def test_neither_tags_nor_policy_changed_then_nothing_is_chosen_anew(world):
    with reconciler(world) as under_test:
        first = await run_once(under_test, policy())
        await run_once(under_test, first.obj)
        assert world.reads == 1
        changed = policy(policy={"semver": {"range": "1.0.x"}})
        ended = await run_once(under_test, changed)
        assert (world.reads, ended.obj.status.latest_ref.tag) == (2, "1.0.0")
        world.stored[CANONICAL].append("1.2.0")
        await run_once(under_test, changed)
        assert world.reads == 3


async def test_a_request_chooses_anew(world):
    with reconciler(world) as under_test:
        first = await run_once(under_test, policy())
        metadata = msgspec.structs.replace(
            first.obj.metadata, annotations={"reconcile.fluxcd.io/requestedAt": "2026-01-01T00:00:00Z"}
        )
        await run_once(under_test, msgspec.structs.replace(first.obj, metadata=metadata))
    assert world.reads == 2


async def test_a_deleted_policy_is_forgotten(world):
    with reconciler(world) as under_test:
        ended = await run_once(under_test, policy())
        await under_test.finalize(ended.obj, ended.run)
        await run_once(under_test, policy())
    assert world.reads == 2


async def test_no_choice_is_made_from_a_list_that_is_older_than_the_last_scan(world):
    first = await run(world, policy())
    world.add(repository(revision="2"))
    world.outdated = {"2"}
    world.stored[CANONICAL] = ["1.0.0"]
    second = await run(world, first.obj)
    assert (second.ready, second.obj.status) == (first.ready, first.obj.status)
    assert second.outcome
    assert (second.outcome.changed, second.outcome.requeue_after) == (False, 30.0)


async def test_a_policy_that_has_not_chosen_waits_for_the_list_of_the_last_scan(world):
    world.outdated = {"1"}
    ended = await run(world, policy())
    message = "the tags in the database are not those of the last scan of ImageRepository 'app'; it scans again"
    assert isinstance(ended.error, errors.Waiting)
    assert ended.ready == ("False", "DependencyNotReady", message)
    world.add(repository(suspend=True))
    assert (await run(world, policy())).ready[2].endswith("it is suspended: resume it, so that it scans again")
    world.stored.clear()
    empty = await run(world, policy())
    assert isinstance(empty.error, errors.Retry)
    assert empty.ready[2] == "retrying in 30s error: no tags in database"


async def test_another_choice_is_written_only_while_its_list_is_the_newest(world):
    first = await run(world, policy())
    world.stored[CANONICAL] = ["1.0.0"]
    world.live["app"] = repository(revision="2")
    world.outdated = {"2"}
    second = await run(world, first.obj)
    assert isinstance(second.error, errors.Conflict)
    assert str(second.error) == "ImageRepository 'app' was scanned again meanwhile"
    del world.live["app"]
    assert (await run(world, first.obj)).obj.status.latest_ref.tag == "1.0.0"


async def test_a_choice_that_could_not_be_confirmed_is_not_written(world):
    class Away(Cluster):
        async def get(self, kind: type, namespace: str, name: str) -> Any:
            raise kube_errors.Unreachable(0, "", "no answer")

    first = await run(world, policy())
    world.stored[CANONICAL] = ["1.0.0"]
    with reconciler(world, client=Away(world)) as under_test:
        attempt: FakeRun[Any] = FakeRun(first.obj, now=NOON)
        with pytest.raises(kube_errors.Unreachable):
            await under_test.reconcile(first.obj, attempt)
    assert attempt.status.latest_ref == first.obj.status.latest_ref


async def test_a_list_that_moves_while_it_is_chosen_from_is_chosen_from_again(world):
    class Moving(Cluster):
        async def get(self, kind: type, namespace: str, name: str) -> Any:
            world.stored[CANONICAL].append("1.2.0")
            return await super().get(kind, namespace, name)

    with reconciler(world, client=Moving(world)) as under_test:
        ended = await run_once(under_test, policy())
    assert isinstance(ended.error, errors.Conflict)
    assert (await run(world, policy())).obj.status.latest_ref.tag == "1.2.0"


async def test_the_repository_is_asked_for_only_where_the_choice_is_another_one(world):
    class Counting(Cluster):
        asked = 0

        async def get(self, kind: type, namespace: str, name: str) -> Any:
            self.asked += 1
            return await super().get(kind, namespace, name)

    client = Counting(world)
    with reconciler(world, client=client) as under_test:
        first = await run_once(under_test, policy())
        await run_once(under_test, first.obj)
    assert client.asked == 1


INTERVAL = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
GATE = (
    "to use spec.serviceAccountName in the ImageRepository for provider authentication please enable "
    "the ObjectLevelWorkloadIdentity feature gate in the controller"
)
UNCLOSED = "error parsing regexp: missing closing ]: `[=`"
BAD_RANGE = 'invalid policy: improper constraint: "nope"'
STALLED = {
    "an invalid range": (policy(policy={"semver": {"range": "nope"}}), {}, ("InvalidPolicy", BAD_RANGE)),
    "no policy": (
        policy(policy={}),
        {},
        ("InvalidPolicy", "invalid policy: given ImagePolicyChoice object is invalid"),
    ),
    "a bad pattern": (
        policy(filterTags={"pattern": "[="}),
        {},
        (
            "InvalidPolicy",
            f"failed to filter tags: invalid regular expression pattern '[=': {UNCLOSED}",
        ),
    ),
    "always without an interval": (
        policy(digestReflectionPolicy="Always"),
        {},
        ("IntervalNotConfigured", INTERVAL),
    ),
    "an image with a scheme": (
        policy(),
        {"image": "https://ghcr.io/acme/app"},
        (
            "ImageURLInvalid",
            "image 'https://ghcr.io/acme/app' should not include URL scheme; remove 'https://'",
        ),
    ),
    "a cloud identity behind its gate": (
        policy(),
        {"provider": "aws", "serviceAccountName": "puller"},
        ("FeatureGateDisabled", GATE),
    ),
}


@pytest.mark.parametrize(("obj", "spec", "expected"), STALLED.values(), ids=STALLED)
async def test_what_the_spec_says_wrong_stalls(world, obj, spec, expected):
    world.add(repository(**spec))
    ended = await run(world, obj)
    assert ended.conditions == {"Stalled": ("True", *expected), READY: ("False", *expected)}
    assert ended.obj.status.observed_generation == 1


async def test_an_invalid_policy_is_invalid_before_there_are_tags(world):
    world.stored.clear()
    ended = await run(world, policy(policy={"semver": {"range": "nope"}}))
    assert ended.ready == ("False", "InvalidPolicy", BAD_RANGE)


async def test_the_gate_lets_a_cloud_identity_pass(world):
    world.add(repository(provider="aws", serviceAccountName="puller"))
    ended = await run(world, policy(), object_level_workload_identity=True)
    assert ended.ready[0] == "True"


async def test_without_tags_the_policy_warns_at_once_and_tries_again_soon(world):
    """As Flux does, whether or not a first scan is under way: who sends alerts learns of it with the first run."""
    world.stored.clear()
    ended = await run(world, policy())
    for seconds in (0, 2, 60):
        ended = await run(world, ended.obj, now=NOON + timedelta(seconds=seconds))
        assert ended.ready == ("False", "DependencyNotReady", "retrying in 30s error: no tags in database")
        assert isinstance(ended.error, errors.Retry)
        assert ended.error.after == 30


FAILURES = {
    "no tag matches": ({"filterTags": {"pattern": "^x"}}, "version list argument cannot be empty"),
    "no tag is in the range": (
        {"policy": {"semver": {"range": "9.x"}}},
        "unable to determine latest version from provided list",
    ),
    "a tag is no number": ({"policy": {"numerical": {}}}, "failed to parse invalid numeric value 'latest'"),
}


@pytest.mark.parametrize(("spec", "message"), FAILURES.values(), ids=FAILURES)
async def test_where_nothing_is_chosen_the_last_good_tag_stays(world, spec, message):
    good = await run(world, policy())
    ended = await run(world, msgspec.structs.replace(policy(**spec), status=good.obj.status))
    assert ended.ready == ("False", "Failure", message)
    assert isinstance(ended.error, errors.Retry)
    assert ended.obj.status.latest_ref == good.obj.status.latest_ref


async def test_a_store_that_cannot_be_read_is_a_failure(world):
    world.broken = OSError("disk gone")
    ended = await run(world, policy())
    assert ended.ready == ("False", "Failure", "failed to read tags from database: disk gone")


PREFIX = "failed to get the referred ImageRepository: "


async def test_a_missing_repository_is_waited_for_with_backoff(world):
    ended = await run(world, policy(ref={"name": "gone"}))
    cause = 'ImageRepository.image.toolkit.fluxcd.io "gone" not found'
    message = f"{PREFIX}referenced ImageRepository does not exist: {cause}"
    assert ended.ready == ("False", "DependencyNotReady", message)
    assert isinstance(ended.error, errors.Retry)


AWAY = {"name": "shared", "namespace": "images"}
MISSING = f"{PREFIX}access denied: 'images/shared' can't be accessed due to missing ACL labels on 'accessFrom'"
MISMATCH = f"{PREFIX}access denied: 'images/shared' can't be accessed due to ACL labels mismatch on namespace 'apps'"


@pytest.mark.parametrize(
    ("access_from", "labels", "refusal"),
    [
        pytest.param(None, {}, MISSING, id="no list lets nobody in"),
        pytest.param([], {"team": "a"}, MISMATCH, id="an empty list lets nobody in"),
        pytest.param([{}], {}, None, id="an empty selector lets everybody in"),
        pytest.param([{"matchLabels": {"team": "a"}}], {"team": "a", "x": "y"}, None, id="a label lets in"),
        pytest.param([{"matchLabels": {"team": "a"}}], {"team": "b"}, MISMATCH, id="another value does not"),
        pytest.param([{"matchLabels": {"team": "a", "x": "y"}}], {"team": "a"}, MISMATCH, id="all labels are needed"),
        pytest.param(
            [{"matchLabels": {"x": "y"}}, {"matchLabels": {"team": "a"}}], {"team": "a"}, None, id="any selector"
        ),
    ],
)
async def test_another_namespace_needs_to_be_let_in(world, access_from, labels, refusal):
    world.labels["apps"] = labels
    spec = {} if access_from is None else {"accessFrom": {"namespaceSelectors": access_from}}
    world.add(repository("images", "shared", **spec))
    ended = await run(world, policy(ref=AWAY))
    if refusal is None:
        assert ended.ready[0] == "True"
    else:
        assert ended.ready == ("False", "AccessDenied", refusal)
        assert isinstance(ended.error, errors.Retry)


async def test_cross_namespace_references_can_be_blocked(world):
    world.add(repository("images", "shared", accessFrom={"namespaceSelectors": [{}]}))
    ended = await run(world, policy(ref=AWAY), no_cross_namespace_refs=True)
    message = f"{PREFIX}cannot access 'ImageRepository/images/shared', cross-namespace references have been blocked"
    assert ended.ready == ("False", "AccessDenied", message)


async def test_the_own_namespace_spelt_out_is_not_another_one(world):
    ended = await run(world, policy(ref={"name": "app", "namespace": "apps"}), no_cross_namespace_refs=True)
    assert ended.ready[0] == "True"


async def test_a_namespace_that_cannot_be_read_denies(world):
    del world.labels["apps"]
    world.add(repository("images", "shared", accessFrom={"namespaceSelectors": [{}]}))
    ended = await run(world, policy(ref=AWAY))
    assert ended.ready == ("False", "AccessDenied", f'{PREFIX}access denied: namespaces "apps" not found')


async def test_a_digest_is_reflected_and_named(world):
    world.registry["1.1.0"] = DIGEST
    ended = await run(world, policy(digestReflectionPolicy="IfNotPresent"))
    assert ended.obj.status.latest_ref == ImageRef(name=IMAGE, tag="1.1.0", digest=DIGEST)
    assert ended.ready[2] == f"Latest image tag for {IMAGE} resolved to 1.1.0 with digest {DIGEST}"


async def test_a_tag_pushed_anew_is_followed_and_the_old_digest_named(world):
    always = {"digestReflectionPolicy": "Always", "interval": "7m"}
    world.registry["1.1.0"] = DIGEST
    with reconciler(world) as under_test:
        first = await run_once(under_test, policy(**always))
        assert first.outcome.requeue_after == 420
        world.registry["1.1.0"] = new = DIGEST.replace("0", "1")
        second = await run_once(under_test, first.obj)
    resolved = f"Latest image tag for {IMAGE} resolved to 1.1.0 with digest {new}"
    assert second.ready[2] == f"{resolved} (previously {IMAGE}:1.1.0@{DIGEST})"
    assert second.outcome.changed


async def test_an_interval_of_zero_is_ten_minutes(world):
    world.registry["1.1.0"] = DIGEST
    ended = await run(world, policy(digestReflectionPolicy="Always", interval="0s"))
    assert ended.outcome.requeue_after == 600


async def test_a_digest_that_cannot_be_had_fails_and_changes_no_reference(world):
    ended = await run(world, policy(digestReflectionPolicy="IfNotPresent"))
    message = f"failed fetching digest of {IMAGE}:1.1.0: MANIFEST_UNKNOWN: manifest unknown"
    assert ended.ready == ("False", "Failed", message)
    assert ended.obj.status.latest_ref is None


SCANNED, NEVER = repository(revision="1"), repository()
NEVER = msgspec.structs.replace(NEVER, status=msgspec.structs.replace(NEVER.status, last_scan_result=None))
AGAIN = msgspec.structs.replace(
    SCANNED,
    status=msgspec.structs.replace(
        SCANNED.status, last_scan_result=ScanResult(tag_count=3, revision="1", scan_time="2026-01-01T00:00:00Z")
    ),
)


@pytest.mark.parametrize(
    ("old", "new", "wakes"),
    [
        pytest.param(None, NEVER, True, id="created"),
        pytest.param(SCANNED, None, True, id="deleted"),
        pytest.param(NEVER, SCANNED, True, id="first scan"),
        pytest.param(SCANNED, repository(revision="2"), True, id="other tags"),
        pytest.param(SCANNED, AGAIN, False, id="same tags scanned again"),
        pytest.param(SCANNED, NEVER, False, id="result gone"),
        pytest.param(SCANNED, repository(interval="1h"), False, id="spec changed"),
    ],
)
def test_a_repository_wakes_its_policies_when_its_tags_change(old, new, wakes):
    assert tags_changed(old, new) is wakes


def aged(obj: ImagePolicy, **annotations: str) -> ImagePolicy:
    named = {f"image-automation.dev/{name.replace('_', '-')}": text for name, text in annotations.items()}
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=named))


async def test_a_tag_that_is_too_young_waits_and_the_status_says_how_long(world):
    world.stored[CANONICAL].append("1.2.0")
    world.seen["1.2.0"] = NOON - timedelta(hours=20)
    with reconciler(world) as under_test:
        obj = aged(policy(), minimum_age="72h")
        first = await run_once(under_test, obj)
        message = f"Latest image tag for {IMAGE} resolved to 1.1.0; 1.2.0 is too young: eligible in 2d 4h"
        assert first.ready == ("True", "Succeeded", message)
        assert first.outcome.requeue_after == 52 * 3600
        assert first.outcome.metadata == {
            "image-automation.dev/ageing": "1.2.0",
            "image-automation.dev/eligible": "2026-01-03T16:00:00Z",
        }
        later = await run_once(under_test, first.obj, now=NOON + timedelta(hours=1))
        assert later.ready[2].endswith("eligible in 2d 3h")
        assert (later.outcome.changed, later.outcome.requeue_after, world.reads) == (False, 51 * 3600, 1)
        last = await run_once(under_test, later.obj, now=NOON + timedelta(hours=52))
        assert last.ready[2] == f"Latest image tag for {IMAGE} resolved to 1.2.0 (previously {IMAGE}:1.1.0)"
        assert (last.outcome.changed, last.outcome.requeue_after) == (True, None)


async def test_where_all_tags_are_too_young_the_policy_waits(world):
    world.seen = {"1.0.0": NOON, "1.1.0": NOON - timedelta(hours=1)}
    ended = await run(world, aged(policy(), minimum_age="3h"))
    assert ended.ready == ("False", "TooYoung", "no tag is old enough: 1.1.0 is too young: eligible in 2h")
    assert isinstance(ended.error, errors.Waiting)
    assert ended.error.after == 7200


async def test_a_minimum_age_never_takes_away_the_tag_in_use(world):
    first = await run(world, policy())
    world.seen["1.1.0"] = NOON
    second = await run(world, aged(first.obj, minimum_age="72h"))
    assert second.obj.status.latest_ref.tag == "1.1.0"
    assert second.ready[2] == f"Latest image tag for {IMAGE} resolved to 1.1.0"


@pytest.mark.parametrize(
    ("annotation", "text"),
    [("minimum_age", "3d"), ("minimum_age", "-1h"), ("first_scan_tags", "ancient")],
)
async def test_a_bad_annotation_stalls_and_is_named(world, annotation, text):
    ended = await run(world, aged(policy(), **{annotation: text}))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[1] == "InvalidAnnotation"
    assert f"annotation image-automation.dev/{annotation.replace('_', '-')}: " in ended.ready[2]


async def test_a_tag_in_use_that_is_moved_keeps_its_digest_until_the_new_one_is_old_enough(world):
    obj = aged(policy(digestReflectionPolicy="Always", interval="1h"), minimum_age="72h")
    world.registry["1.1.0"] = DIGEST
    first = await run(world, obj)
    other = "sha256:" + "1" * 64
    world.registry["1.1.0"] = other
    second = await run(world, first.obj)
    assert second.obj.status.latest_ref == first.obj.status.latest_ref
    assert second.ready[2].endswith("; 1.1.0@sha256:111111111111 is too young: eligible in 3d")
    world.seen.clear()
    with reconciler(world) as under_test:
        third = await run_once(under_test, second.obj, now=NOON + timedelta(days=3))
    assert third.obj.status.latest_ref.digest == other


async def test_a_tag_that_is_moved_while_it_ages_starts_its_time_again(world):
    obj = aged(policy(digestReflectionPolicy="IfNotPresent"), minimum_age="72h")
    world.stored[CANONICAL].append("1.2.0")
    world.seen["1.2.0"] = NOON
    world.registry = {"1.1.0": DIGEST, "1.2.0": DIGEST}
    first = await run(world, obj)
    assert first.ready[2].endswith("eligible in 3d")
    world.registry["1.2.0"] = "sha256:" + "1" * 64
    with reconciler(world) as under_test:
        moved = await run_once(under_test, first.obj, now=NOON + timedelta(days=3))
        assert moved.obj.status.latest_ref.tag == "1.1.0"
        assert moved.ready[2].endswith("1.2.0 is too young: eligible in 3d")
        last = await run_once(under_test, moved.obj, now=NOON + timedelta(days=6))
    assert last.obj.status.latest_ref.tag == "1.2.0"


async def test_bad_data_never_moves_a_policy_down_and_the_end_of_the_doubt_wakes_it(world):
    first = await run(world, policy())
    world.stored[CANONICAL], world.doubtful = ["1.0.0"], True
    held = await run(world, first.obj)
    assert held.obj.status.latest_ref.tag == "1.1.0"
    assert held.ready == first.ready
    world.stored[CANONICAL].append("1.2.0")
    better = await run(world, held.obj)
    assert better.obj.status.latest_ref.tag == "1.2.0"
    condition = {"type": "image-automation.dev/TagsHeld", "status": "True", "reason": "TagListShrunk",
                 "message": "x", "lastTransitionTime": "2026-01-01T12:00:00Z"}  # fmt: skip
    sure = repository()
    doubted = msgspec.structs.replace(
        sure, status=msgspec.structs.replace(sure.status, conditions=(scheme.convert(condition, Condition),))
    )
    assert [tags_changed(doubted, sure), tags_changed(sure, doubted)] == [True, False]


def pinned(obj: ImagePolicy, text: str) -> ImagePolicy:
    metadata = msgspec.structs.replace(obj.metadata, annotations={"image-automation.dev/pin": text})
    return msgspec.structs.replace(obj, metadata=metadata)


async def test_a_pin_takes_the_policy_down_and_ends_by_itself(world):
    first = await run(world, policy())
    until = '{"tag": "1.0.0", "until": "2026-01-01T12:30:00Z", "by": "jane", "reason": "1.1.0 is slow"}'
    with reconciler(world) as under_test:
        second = await run_once(under_test, pinned(first.obj, until), now=NOON)
        assert second.obj.status.latest_ref.tag == "1.0.0"
        assert second.ready[2].endswith("; pinned until 2026-01-01T12:30:00Z by jane: 1.1.0 is slow")
        assert (second.outcome.changed, second.outcome.requeue_after) == (True, 1800.0)
        world.stored[CANONICAL].append("1.2.0")
        third = await run_once(under_test, second.obj, now=NOON + timedelta(minutes=1))
        assert (third.obj.status.latest_ref.tag, third.outcome.requeue_after) == ("1.0.0", 1740.0)
        fourth = await run_once(under_test, third.obj, now=NOON + timedelta(minutes=30))
    assert fourth.obj.status.latest_ref.tag == "1.2.0"
    assert "pinned" not in fourth.ready[2]
    assert fourth.outcome.requeue_after is None


async def test_a_pin_to_a_tag_that_is_not_there_keeps_the_last_choice(world):
    first = await run(world, policy())
    second = await run(world, pinned(first.obj, '{"tag": "1.0.9", "until": "2026-01-01T13:00:00Z"}'))
    assert second.obj.status.latest_ref.tag == "1.1.0"
    told = "pinned to 1.0.9 until 2026-01-01T13:00:00Z: it is none of the 3 tags that are listed"
    assert second.ready == ("False", "Failure", f"{told}; pin another tag, or unpin")
    assert second.error.after == 3600.0
    assert (await run(world, pinned(first.obj, "1.0.9"))).ready[1] == "InvalidAnnotation"
