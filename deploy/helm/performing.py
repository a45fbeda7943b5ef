"""Carrying out what was decided about a release, and noting in its object how that ended: conditions, history, events.

Answers to the action reconcilers of helm-controller's `internal/reconcile`. A failure that is in helm's storage counts,
and the loop goes on with it; one that is not has changed nothing, ends the run and is tried again.
"""

from collections.abc import Sequence

import msgspec

from deploy.cluster import inventory
from deploy.cluster.inventory import Item
from deploy.helm import history, making, naming, snapshots, summary, wording
from deploy.helm.actions.actions import Actions
from deploy.helm.actions.drift import Drift
from deploy.helm.actions.plan import ActionError, CanceledError, Plan
from deploy.helm.actions.ports import StorageError
from deploy.helm.attempt import Attempt
from deploy.helm.deciding import decide, remediation
from deploy.helm.deciding.decide import Action, Install, Rollback, Test, UninstallRemediation, Unlock, Upgrade
from deploy.helm.making import Maker
from deploy.helm.release import Release
from deploy.helm.rendering.render import RenderError
from deploy.helm.storage import Storage
from deploy.helm.wording import Said
from gotk.api.helm import ReleaseSnapshot
from gotk.duration import Duration
from gotk.kube.errors import APIError
from gotk.runtime.clock import Clock
from gotk.runtime.errors import Retry, Waiting

_DEFINITION = "CustomResourceDefinition"


class Performer:
    """Acts for one attempt."""

    def __init__(
        self,
        attempt: Attempt,
        *,
        maker: Maker,
        actions: Actions,
        storage: Storage,
        clock: Clock,
        default_to_retry: bool,
    ) -> None:
        self._attempt = attempt
        self._run = attempt.run
        self._maker = maker
        self._actions = actions
        self._storage = storage
        self._default_to_retry = default_to_retry
        self._definitions: tuple[Item, ...] = ()
        self._clock = clock

    async def perform(self, action: Action, stored: Sequence[Release]) -> None:
        """Take a step. Raises Retry where it has changed nothing, and Waiting where it was ended from outside."""
        match action:
            case Install() | Upgrade():
                await self._make(action, stored)
            case Test():
                await self._test(action, stored[-1])
            case Rollback():
                await self._roll_back(action, stored)
            case UninstallRemediation():
                await self._remove(action, stored[-1])
            case Unlock():
                await self._unlock(stored)

    async def _make(self, action: Install | Upgrade, stored: Sequence[Release]) -> None:
        """Install or upgrade, and count a failure that is in the storage."""
        attempt, run, obj = self._attempt, self._run, self._attempt.obj
        run.update(last_attempted_release_action=action.name)
        summary.begin_action(run.conditions)
        began = self._clock.monotonic()
        previous = stored[-1] if stored and isinstance(action, Upgrade) else None
        try:
            made = await self._maker.make(attempt, self._actions, action, previous)
            self._definitions = made.definitions
            plan = self._plan(action, made.release)
            act = self._actions.install if isinstance(action, Install) else self._actions.upgrade
            released = await act(plan)
        except (RenderError, ActionError) as error:
            self._took(began)
            self._fail_to_make(action, error)
            return
        self._took(began)
        snapshot = self._snapshot(released, action.name)
        self._remember(snapshot, *(await self.stored()))
        run.update(
            observed_post_renderers_digest=attempt.wanted.post_renderers_digest,
            observed_common_metadata_digest=attempt.wanted.common_metadata_digest,
        )
        said = wording.installed(snapshot) if isinstance(action, Install) else wording.upgraded(snapshot)
        self.say(said)
        if remediation.retry_interval(obj, run.status, default_to_retry=self._default_to_retry) is not None:
            run.update(failures=0, install_failures=0, upgrade_failures=0)
        if obj.spec.test.enable:
            wording.awaiting_tests(snapshot).mark(run.conditions)

    def _fail_to_make(self, action: Install | Upgrade, error: RenderError | ActionError) -> None:
        """Note a failed install or upgrade. Raises Retry where nothing of it is in the storage, and Waiting."""
        obj, run, chart = self._attempt.obj, self._run, self._attempt.chart_name
        word = wording.install_failed if isinstance(action, Install) else wording.upgrade_failed
        said = word(obj, chart, str(error))
        said.mark(run.conditions)
        run.update(failures=run.status.failures + 1)
        if isinstance(error, RenderError) or not error.stored:
            raise Retry(said.reason, said.message)
        if error.release is not None:
            self._remember(self._snapshot(error.release, action.name))
        if isinstance(error, CanceledError):
            raise self._canceled()
        self._count(action.name)
        self._tell_failure(said)

    def _tell_failure(self, said: Said) -> None:
        """Tell of a failure, with what was done before it."""
        message = wording.with_log(said.message, self._actions.journal)
        self._run.event(said.severity, said.reason, message, self._attempt.metadata)

    def _canceled(self) -> Waiting:
        """Say that what has woken the object ends its health check; it is taken up again at once."""
        by = self._run.woken.by
        said = wording.health_check_canceled(by)
        self._run.event("Normal", said.reason, wording.canceled_event(by), self._attempt.metadata)
        error = Waiting(said.reason, said.message, after=0.0)
        error.told = True
        return error

    def _count(self, action: str) -> None:
        """Count a failure that remediation may be due to."""
        name = f"{action}_failures"
        self._run.update(**{name: getattr(self._run.status, name) + 1})

    async def _test(self, action: Test, last: Release) -> None:
        run, obj = self._run, self._attempt.obj
        before = self._current(last)
        try:
            tested = await self._actions.test(self._plan(action, last))
        except ActionError as error:
            snapshot = before
            if error.release is not None:
                tests = snapshots.tests_of(error.release, obj.spec.test.filters)
                snapshot = snapshots.with_tests(snapshots.again(before, error.release), tests)
            said = wording.tests_failed(snapshot, str(error))
            self.say(said)
            run.update(failures=run.status.failures + 1)
            if not error.stored:
                raise _told(said) from error
            self._remember(snapshot)
            self._count_failed_test()
            return
        tests = snapshots.tests_of(tested, obj.spec.test.filters)
        snapshot = snapshots.with_tests(snapshots.again(before, tested), tests)
        self._remember(snapshot)
        self.say(wording.tests_succeeded(snapshot))

    def _count_failed_test(self) -> None:
        """Count a failed test as a failure of the action before, unless such failures are ignored."""
        met = remediation.active(self._attempt.obj, self._run.status)
        if met is not None and not met.ignore_test_failures:
            self._count(met.action)

    async def _roll_back(self, action: Rollback, stored: Sequence[Release]) -> None:
        target = next(each for each in stored if snapshots.is_of(action.to, each))
        try:
            made = await self._actions.rollback(self._plan(action, target))
        except ActionError as error:
            self._fail(wording.rollback_failed(action.to, str(error)), error, "rollback")
            return
        snapshot = msgspec.structs.replace(snapshots.again(action.to, made), action="rollback", test_hooks=None)
        self._remember(snapshot, *(await self.stored()))
        self.say(wording.rolled_back(action.to))

    async def _remove(self, action: UninstallRemediation, last: Release) -> None:
        obj, current = self._attempt.obj, self._current(last)
        seconds = decide.timeout(action, obj).seconds
        try:
            removed = await self._actions.uninstall(obj, last.name, timeout=seconds)
        except ActionError as error:
            self._fail(wording.removal_failed(current, str(error)), error, "uninstall-remediation")
            return
        if removed is not None:
            current = msgspec.structs.replace(snapshots.again(current, removed), action="uninstall-remediation")
            self._remember(current)
        self.say(wording.removed(current))

    async def _unlock(self, stored: Sequence[Release]) -> None:
        """Mark a release as failed that nobody works on.

        One that follows ours was ours, cut off before the status could name it: the history goes on, where it would
        begin anew with Flux, and a failure after this still finds what to roll back to.
        """
        last = stored[-1]
        current, status = self._current(last), last.info.status
        try:
            unlocked = await self._actions.unlock(last)
        except ActionError as error:
            self._fail(wording.unlock_failed(current, status, str(error)), error, "")
            return
        if self._is_ours(last):
            self._remember(snapshots.again(current, unlocked))
        elif self._follows_ours(stored):
            self._remember(self._snapshot(unlocked, "upgrade"))
        self.say(wording.unlocked(current, status))

    def _fail(self, said: Said, error: ActionError, action: str) -> None:
        """Note a failed remediation. Raises Retry where nothing of it is in the storage."""
        self._run.update(failures=self._run.status.failures + 1)
        said.mark(self._run.conditions)
        self._tell_failure(said)
        if not error.stored:
            raise _told(said)
        if error.release is not None and action:
            self._remember(self._snapshot(error.release, action))

    # What is known of the release.

    async def stored(self) -> list[Release]:
        """Return the revisions in helm's storage, the newest last. Raises Retry."""
        try:
            return list(await self._storage.history(naming.release_name(self._attempt.obj)))
        except (StorageError, APIError) as error:
            raise Retry("StateError", wording.state_unknown(str(error)).message) from error

    async def drift(self, release: Release) -> Drift:
        """Hold the cluster against a release. Raises DriftError."""
        return await self._actions.drift(self._attempt.obj, release)

    async def correct(self, release: Release, found: Drift) -> None:
        """Bring back what differs, and tell of it."""
        current = self._current(release)
        wording.drifted(current, found.lines).mark(self._run.conditions)
        made = await self._actions.correct(self._attempt.obj, found)
        if made.error:
            message = wording.correction_failed(current, made.error.splitlines(), made.lines)
            raise Retry("DriftCorrectionFailed", message)
        message = wording.corrected(current, made.lines)
        self._run.event("Normal", "DriftCorrected", message, self._attempt.metadata)

    async def note_objects(self, release: Release) -> None:
        """Note in the status which objects the release has."""
        found = await making.items(self._attempt, release)
        if found is not None:
            kept = [each for each in inventory.read(self._run.status.inventory) if each.id.kind == _DEFINITION]
            self._run.update(inventory=inventory.write([*found, *(self._definitions or kept)]))

    def _current(self, last: Release) -> ReleaseSnapshot:
        """Return the snapshot of a release: the one that is kept, else a new one."""
        kept = [each for each in self._run.status.history if snapshots.is_of(each, last)]
        return kept[0] if kept else self._snapshot(last, "")

    def _is_ours(self, release: Release) -> bool:
        return any(snapshots.is_of(each, release) for each in self._run.status.history)

    def _follows_ours(self, stored: Sequence[Release]) -> bool:
        current = history.latest(self._run.status.history)
        if current is None or len(stored) < 2:
            return False
        return snapshots.is_of(current, stored[-2]) and not snapshots.verify(current, stored[-2])

    def _snapshot(self, release: Release, action: str) -> ReleaseSnapshot:
        wanted = self._attempt.wanted
        return snapshots.of(
            release,
            config_digest=wanted.config_digest,
            action=action,
            oci_digest=wanted.oci_digest,
            algorithm=wanted.algorithm,
        )

    def _remember(self, snapshot: ReleaseSnapshot, *looked_at: Release) -> None:
        kept = history.with_snapshot(self._run.status.history, snapshot)
        self._run.update(history=history.looked_at_again(kept, looked_at))

    def _plan(self, action: Action, release: Release) -> Plan:
        attempt = self._attempt
        return Plan(
            obj=attempt.obj,
            release=release,
            timeout=decide.timeout(action, attempt.obj).seconds,
            checks=attempt.checks,
            stop=attempt.run.woken.event if attempt.cancels else None,
        )

    def _took(self, began: float) -> None:
        taken = Duration.of(round(self._clock.monotonic() - began, 6))
        self._run.update(last_attempted_release_action_duration=str(taken))

    def say(self, said: Said) -> None:
        """Set a condition, and tell of it."""
        said.mark(self._run.conditions)
        self._run.event(said.severity, said.reason, said.message, self._attempt.metadata)


def _told(said: Said) -> Retry:
    """Return the end of a run that has said already why it ends."""
    error = Retry(said.reason, said.message)
    error.told = True
    return error
