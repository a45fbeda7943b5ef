"""Whole lives of releases, decided step by step: the matrix of Flux's own end-to-end tests, over a storage in memory.

The runs here carry out what is decided as the reconciler does, with actions that only write what helm would write.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from deploy.helm import digests, history, snapshots, summary, wording
from deploy.helm.deciding import attempt, decide, stopping
from deploy.helm.deciding.decide import Exhausted, Install, MissingTarget, Nothing, Rollback, Test, Unlock, Upgrade
from deploy.helm.deciding.remediation import active
from deploy.helm.deciding.state import Wanted, determine
from deploy.helm.release import Hook, Info, Release
from gotk.api.helm import HelmRelease, HelmReleaseStatus, ReleaseSnapshot
from gotk.runtime.conditions import Conditions
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import hook

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {"replicas": 1}
UNREADY: dict[str, Any] = {"replicas": 2, "unready": True}
FAILING_TEST: dict[str, Any] = {"failTest": True}
RETRIES = {"remediation": {"retries": 1}}
LAST = {"remediation": {"remediateLastFailure": True}}


class World:
    """Helm's storage, and an object with its status, run after run."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.stored: list[Release] = []
        self.status = HelmReleaseStatus(observed_generation=-1)
        self.conditions = Conditions((), generation=1, now=NOW)
        self.actions: list[str] = []
        self._generation = 0
        self.wish(spec)

    def wish(self, spec: dict[str, Any], **annotations: str) -> None:
        """Change the object."""
        self._generation += 1
        self.conditions = Conditions(self.conditions.as_tuple(), generation=self._generation, now=NOW)
        self.obj = helm_release(
            spec,
            generation=self._generation,
            annotations={f"reconcile.fluxcd.io/{key}": value for key, value in annotations.items()},
        )

    def run(self) -> stopping.Stop:
        """Run once; return when the next one follows."""
        obj, values = self.obj, dict(self.obj.spec.values or {})
        wanted = Wanted(chart_name="web", chart_version="1.0.0", config_digest=digests.config(values))
        forced = attempt.force_requested(obj, self.status)
        if attempt.forgives(obj, self.status, wanted):
            self.update(failures=0, install_failures=0, upgrade_failures=0)
        self.update(
            last_attempted_generation=obj.metadata.generation,
            last_attempted_revision=wanted.chart_version,
            last_attempted_config_digest=wanted.config_digest,
        )
        done: set[str] = set()
        while True:
            last = self.stored[-1] if self.stored else None
            state = determine(obj, self.status, last=last, wanted=wanted)
            step = decide.decide(obj, self.status, state, stored=self.stored, forced=forced)
            self.update(history=step.history)
            match step:
                case Nothing():
                    summary.settle(self.conditions, obj, history.latest(self.status.history))
                    return stopping.Done()
                case Exhausted():
                    wording.exhausted(step.message).mark(self.conditions)
                    return stopping.Never(step.message)
                case MissingTarget():
                    wording.missing_target(step.message).mark(self.conditions)
                    return stopping.Never(step.message)
            if step.kind in done:
                return stopping.before_a_second(obj, self.status)
            self.actions.append(step.name)
            Actions(self, step, values).carry_out()
            summary.summarize(self.conditions, obj)
            forced = False
            done.add(step.kind)
            if step.kind == "remediate":
                end = stopping.after_remediation(obj, self.status)
                if isinstance(end, stopping.Never):
                    wording.exhausted(end.message).mark(self.conditions)
                return end

    def live(self) -> stopping.Stop:
        """Run until the next run would not follow at once."""
        for _ in range(20):
            end = self.run()
            if not isinstance(end, stopping.AtOnce):
                return end
        raise AssertionError(f"no end: {self.actions}")

    def update(self, **fields: Any) -> None:
        self.status = msgspec.structs.replace(self.status, **fields)

    def said(self) -> dict[str, str]:
        return {each.type: each.status for each in self.conditions.as_tuple() if each.type != "Reconciling"}


class Actions:
    """Writes to storage and status what the actions of a release would."""

    def __init__(self, world: World, step: decide.Action, values: Mapping[str, Any]) -> None:
        self._world = world
        self._step = step
        self._values = values

    def carry_out(self) -> None:
        world = self._world
        match self._step:
            case Install() | Upgrade():
                self._release()
            case Test():
                self._test()
            case Rollback(to=to):
                target = next(each for each in world.stored if each.version == to.version)
                self._supersede()
                made = self._stored(target.config or {}, "deployed", f"Rollback to {to.version}")
                self._seen(made, "rollback", to.config_digest)
                wording.rolled_back(to).mark(world.conditions)
            case Unlock():
                world.stored[-1] = _with_status(world.stored[-1], "failed")
                world.update(history=history.looked_at_again(world.status.history, world.stored))
            case _:
                self._uninstall()

    def _release(self) -> None:
        world, upgrade = self._world, isinstance(self._step, Upgrade)
        summary.begin_action(world.conditions)
        world.update(last_attempted_release_action=self._step.name)
        fails = bool(self._values.get("unready"))
        if upgrade and not fails:
            self._supersede()
        made = self._stored(self._values, "failed" if fails else "deployed", "")
        snapshot = self._seen(made, self._step.name, digests.config(self._values))
        if fails:
            counter = f"{self._step.name}_failures"
            world.update(failures=world.status.failures + 1, **{counter: getattr(world.status, counter) + 1})
            say = wording.upgrade_failed if upgrade else wording.install_failed
            say(world.obj, made.chart_name, "not ready in time").mark(world.conditions)
            return
        (wording.upgraded if upgrade else wording.installed)(snapshot).mark(world.conditions)
        if world.obj.spec.test.enable:
            wording.awaiting_tests(snapshot).mark(world.conditions)

    def _test(self) -> None:
        world, last = self._world, self._world.stored[-1]
        fails = bool((last.config or {}).get("failTest"))
        last = msgspec.structs.replace(last, hooks=(_run(last.hooks[0], fails=fails),))
        world.stored[-1] = last
        hooks = snapshots.tests_of(last, world.obj.spec.test.filters)
        current = history.latest(world.status.history)
        assert current is not None
        current = snapshots.with_tests(snapshots.again(current, last), hooks)
        world.update(history=history.with_snapshot(world.status.history, current))
        if not fails:
            wording.tests_succeeded(current).mark(world.conditions)
            return
        wording.tests_failed(current, "smoke failed").mark(world.conditions)
        met = active(world.obj, world.status)
        if met is not None and not met.ignore_test_failures:
            counter = f"{met.action}_failures"
            world.update(**{counter: getattr(world.status, counter) + 1})

    def _uninstall(self) -> None:
        world = self._world
        current = history.latest(world.status.history)
        assert current is not None
        gone = _with_status(world.stored[-1], "uninstalled")
        again = msgspec.structs.replace(snapshots.again(current, gone), action="uninstall-remediation")
        world.update(history=history.with_snapshot(world.status.history, again))
        world.stored = [*world.stored[:-1], gone] if world.obj.spec.uninstall.keep_history else []
        wording.removed(current).mark(world.conditions)

    def _stored(self, values: Mapping[str, Any], status: str, description: str) -> Release:
        version = self._world.stored[-1].version + 1 if self._world.stored else 1
        made = Release(
            name="web",
            namespace="apps",
            version=version,
            info=Info(
                first_deployed="2026-01-01T00:00:00Z",
                last_deployed="2026-01-01T00:00:00Z",
                description=description,
                status=status,  # type: ignore[arg-type] # the test's own spelling
            ),
            chart={"metadata": {"name": "web", "version": "1.0.0"}},
            config=values,
            hooks=(hook(),),
        )
        self._world.stored.append(made)
        return made

    def _supersede(self) -> None:
        world = self._world
        world.stored = [
            _with_status(each, "superseded") if each.info.status == "deployed" else each for each in world.stored
        ]
        world.update(history=history.looked_at_again(world.status.history, world.stored))

    def _seen(self, made: Release, action: str, config_digest: str) -> ReleaseSnapshot:
        taken = snapshots.of(made, config_digest=config_digest, action=action)
        self._world.update(history=history.with_snapshot(self._world.status.history, taken))
        return taken


def _with_status(release: Release, status: str) -> Release:
    return msgspec.structs.replace(release, info=msgspec.structs.replace(release.info, status=status))


def _run(test: Hook, *, fails: bool) -> Hook:
    return msgspec.structs.replace(test, last_run=hook(phase="Failed" if fails else "Succeeded").last_run)


def lived(*specs: dict[str, Any]) -> World:
    world = World(specs[0])
    world.live()
    for spec in specs[1:]:
        world.update(observed_generation=world.obj.metadata.generation)
        world.wish(spec)
        world.live()
    world.live()  # what was left to say the next time
    return world


MATRIX: list[tuple[str, list[dict[str, Any]], dict[str, str], list[str]]] = [
    ("install", [{"values": GOOD}], {"Released": "True", "Ready": "True"}, ["1 deployed"]),
    ("install-fail", [{"values": UNREADY}], {"Released": "False", "Ready": "False", "Stalled": "True"}, ["1 failed"]),
    (
        "install-test-fail",
        [{"values": FAILING_TEST, "test": {"enable": True}}],
        {"Released": "True", "TestSuccess": "False", "Ready": "False", "Stalled": "True"},
        ["1 deployed"],
    ),
    (
        "install-test-fail-ignore",
        [{"values": FAILING_TEST, "test": {"enable": True, "ignoreFailures": True}}],
        {"Released": "True", "TestSuccess": "False", "Ready": "True"},
        ["1 deployed"],
    ),
    (
        "install-fail-remediate",
        [{"values": UNREADY, "install": LAST, "uninstall": {"keepHistory": True}}],
        {"Released": "False", "Remediated": "True", "Ready": "False", "Stalled": "True"},
        ["1 uninstalled"],
    ),
    (
        "install-fail-retry",
        [{"values": UNREADY, "install": RETRIES}],
        {"Released": "False", "Ready": "False", "Stalled": "True"},
        ["1 failed"],
    ),
    (
        "upgrade-fail",
        [{"values": GOOD}, {"values": UNREADY}],
        {"Released": "False", "Ready": "False", "Stalled": "True"},
        ["1 deployed", "2 failed"],
    ),
    (
        "upgrade-test-fail",
        [{"values": GOOD, "test": {"enable": True}}, {"values": FAILING_TEST, "test": {"enable": True}}],
        {"Released": "True", "TestSuccess": "False", "Ready": "False", "Stalled": "True"},
        ["1 superseded", "2 deployed"],
    ),
    (
        "upgrade-fail-remediate",
        [{"values": GOOD}, {"values": UNREADY, "upgrade": LAST}],
        {"Released": "False", "Remediated": "True", "Ready": "False", "Stalled": "True"},
        ["1 superseded", "2 failed", "3 deployed Rollback to 1"],
    ),
    (
        "upgrade-fail-retry",
        [{"values": GOOD}, {"values": UNREADY, "upgrade": RETRIES}],
        {"Released": "False", "Remediated": "True", "Ready": "False", "Stalled": "True"},
        ["1 superseded", "2 failed", "3 superseded Rollback to 1", "4 failed", "5 deployed Rollback to 3"],
    ),
    (
        "upgrade-fail-remediate-uninstall",
        [{"values": GOOD}, {"values": UNREADY, "upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}}],
        {"Released": "False", "Ready": "False", "Stalled": "True"},
        ["1 failed"],
    ),
]


@pytest.mark.parametrize(("specs", "said", "stored"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_a_release_lives_as_with_flux(specs: list[dict[str, Any]], said: dict[str, str], stored: list[str]) -> None:
    world = lived(*specs)
    assert world.said() == said
    assert [f"{each.version} {each.info.status} {each.info.description}".strip() for each in world.stored] == stored


FAILURES = [
    ("install-fail-retry", 2, 0),
    ("upgrade-fail-retry", 0, 2),
    ("upgrade-fail-remediate-uninstall", 1, 1),
]


@pytest.mark.parametrize(("name", "installs", "upgrades"), FAILURES)
def test_failures_are_counted_as_with_flux(name: str, installs: int, upgrades: int) -> None:
    world = lived(*next(specs for row, specs, *_ in MATRIX if row == name))
    assert (world.status.install_failures, world.status.upgrade_failures) == (installs, upgrades)


def test_the_last_failure_is_told_with_how_often_it_was_tried() -> None:
    world = World({"values": GOOD})
    world.live()
    world.wish({"values": UNREADY, "upgrade": RETRIES})
    assert world.live() == stopping.Never("Failed to upgrade after 2 attempt(s)")
    assert world.actions == ["install", "upgrade", "rollback", "upgrade", "rollback"]
    ready = world.conditions.get("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "RollbackSucceeded")


def test_a_stalled_release_is_tried_again_after_a_change_a_reset_or_by_force() -> None:
    world = lived({"values": GOOD}, {"values": UNREADY})
    count = len(world.actions)
    world.live()
    assert len(world.actions) == count
    for token, annotations in enumerate(({"resetAt"}, {"forceAt"})):
        spec = {"values": UNREADY}
        world.update(observed_generation=world.obj.metadata.generation)
        asked = {"requestedAt": str(token)} | dict.fromkeys(annotations, str(token))
        world.obj = _annotated(world.obj, asked)
        world.run()
        assert world.actions[count:] == ["upgrade"] * (token + 1), spec
        world.update(last_handled_reconcile_at=str(token))
    world.wish({"values": GOOD})
    world.live()
    assert world.said() == {"Released": "True", "Ready": "True"}


def test_an_upgrade_that_was_cut_off_is_unlocked_and_done_again() -> None:
    world = World({"values": GOOD})
    world.live()
    cut = msgspec.structs.replace(_with_status(world.stored[-1], "pending-upgrade"), version=2)
    world.stored.append(cut)
    world.live()
    assert world.actions == ["install", "unlock", "upgrade"]
    assert world.said() == {"Released": "True", "Ready": "True"}


def test_a_release_that_somebody_upgraded_by_hand_is_taken_back_under_management() -> None:
    world = World({"values": GOOD})
    world.live()
    world.stored = [_with_status(world.stored[0], "superseded"), msgspec.structs.replace(world.stored[0], version=2)]
    world.live()
    assert world.actions == ["install", "upgrade"]
    assert [each.version for each in world.status.history] == [3]
    assert world.said() == {"Released": "True", "Ready": "True"}


def test_a_rollback_to_what_is_wanted_again_is_no_failure_any_more() -> None:
    remediated = {"upgrade": LAST}
    world = World({"values": GOOD})
    world.live()
    world.wish({"values": UNREADY} | remediated)
    world.live()
    world.wish({"values": GOOD} | remediated)
    world.live()
    assert world.actions == ["install", "upgrade", "rollback"]
    assert world.said() == {"Released": "True", "Ready": "True"}
    ready = world.conditions.get("Ready")
    assert ready is not None
    assert ready.message == "Helm upgrade succeeded for release apps/web.v3 with chart web@1.0.0"


def test_retrying_waits_between_upgrades_and_never_stalls() -> None:
    world = World({"values": GOOD})
    world.live()
    retry = {"strategy": {"name": "RetryOnFailure", "retryInterval": "1m"}}
    world.wish({"values": UNREADY, "upgrade": retry})
    for _ in range(8):
        assert isinstance(world.live(), stopping.Later)
    assert world.actions == ["install"] + ["upgrade"] * 8
    assert len(world.status.history) <= 6
    assert "Stalled" not in world.said()


def _annotated(obj: HelmRelease, given: dict[str, str]) -> HelmRelease:
    annotations = {f"reconcile.fluxcd.io/{key}": value for key, value in given.items()}
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=annotations))
