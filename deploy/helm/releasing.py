"""The loop over one release: see how it is, decide what follows, do that, and look again.

Answers to `AtomicRelease` of helm-controller: every kind of step is taken once a run at most, a remediation ends the
run, and what is left over is for the next one.
"""

from deploy.helm import history, summary, wording
from deploy.helm.actions.drift import Drift, DriftError
from deploy.helm.attempt import Attempt
from deploy.helm.deciding import decide, stopping
from deploy.helm.deciding.decide import Action, CorrectDrift, Decision, Exhausted, MissingTarget, Nothing
from deploy.helm.deciding.state import State, UnknownState, determine
from deploy.helm.deciding.stopping import AtOnce, Later, Never, Stop
from deploy.helm.performing import Performer
from deploy.helm.release import Release
from deploy.helm.wording import Said
from gotk.runtime.conditions import READY, RECONCILING
from gotk.runtime.errors import ReconcileError, Retry, Stalled, Waiting


class Loop:
    """Brings one release to what its object wants, as far as one run may."""

    def __init__(self, attempt: Attempt, performer: Performer, *, default_to_retry: bool) -> None:
        self._attempt = attempt
        self._run = attempt.run
        self._performer = performer
        self._default_to_retry = default_to_retry
        self._forced = attempt.forced
        self._taken: set[str] = set()

    async def run(self) -> None:
        """Act until the release is as it is wanted. Raises Stalled, Retry and Waiting where it is not after all."""
        while True:
            stored = await self._performer.stored()
            state, drift = await self._state(stored)
            decision = self._decide(state, stored)
            self._run.update(history=decision.history)
            if isinstance(decision, Nothing):
                await self._settle(stored, drift if decision.drifted else None)
                return
            if isinstance(decision, Exhausted):
                raise self._stalled(wording.exhausted(decision.message))
            if isinstance(decision, MissingTarget):
                raise self._stalled(wording.missing_target(decision.message))
            if decision.kind in self._taken:
                raise self._end(
                    stopping.before_a_second(
                        self._attempt.obj, self._run.status, default_to_retry=self._default_to_retry
                    )
                )
            await self._take(decision, stored, drift)
            if decision.kind == "remediate":
                raise self._end(
                    stopping.after_remediation(
                        self._attempt.obj, self._run.status, default_to_retry=self._default_to_retry
                    )
                )

    async def _take(self, action: Action, stored: list[Release], drift: Drift | None) -> None:
        """Take a step, and say how that went. Raises what ends the run."""
        self._taken.add(action.kind)
        self._run.log.info("acting on a release", action=action.name, because=action.because)
        timeout = decide.timeout(action, self._attempt.obj)
        running = wording.running(action.name, timeout)
        await self._run.progress(running.message, ready_unknown=action.kind == "release")
        if isinstance(action, CorrectDrift):
            assert drift is not None
            await self._performer.correct(stored[-1], drift)
        else:
            await self._perform(action, stored)
        if action.kind == "release":
            self._forced = False
        await self._run.save()  # what has been done must not be forgotten; whether that is all, the next look tells
        summary.summarize(self._run.conditions, self._attempt.obj)

    async def _perform(self, action: Action, stored: list[Release]) -> None:
        """Take a step; one that has changed nothing is tried again later each time, or after the object's interval."""
        try:
            await self._performer.perform(action, stored)
        except Retry as error:
            stop = stopping.after_error(self._attempt.obj, self._run.status, default_to_retry=self._default_to_retry)
            if isinstance(stop, Later):
                wording.retrying(stop.after).mark(self._run.conditions)
                error.after = stop.after.seconds
            raise

    def _decide(self, state: State, stored: list[Release]) -> Decision:
        return decide.decide(
            self._attempt.obj,
            self._run.status,
            state,
            stored=stored,
            forced=self._forced,
            default_to_retry=self._default_to_retry,
        )

    async def _state(self, stored: list[Release]) -> tuple[State, Drift | None]:
        """Return the state of the release, and how the cluster differs from it where that was looked at."""
        attempt, last = self._attempt, stored[-1] if stored else None
        try:
            state = determine(attempt.obj, self._run.status, last=last, wanted=attempt.wanted)
            if state.kind != "in-sync" or last is None or attempt.obj.spec.drift_detection.mode == "disabled":
                return state, None
            drift = await self._performer.drift(last)
            state = determine(attempt.obj, self._run.status, last=last, wanted=attempt.wanted, drift=drift.lines)
        except (UnknownState, DriftError) as error:
            said = wording.state_unknown(str(error))
            raise Retry(said.reason, said.message) from error
        return state, drift

    async def _settle(self, stored: list[Release], drift: Drift | None) -> None:
        """Say of a release that is as it is wanted that it is; `drift` is what it has and is to be left alone."""
        current = history.latest(self._run.status.history)
        summary.settle(self._run.conditions, self._attempt.obj, current, drift=drift.lines if drift else ())
        if drift is not None and current is not None:
            self._performer.say(wording.drifted(current, drift.lines))
        self._run.update(
            observed_post_renderers_digest=self._attempt.wanted.post_renderers_digest,
            observed_common_metadata_digest=self._attempt.wanted.common_metadata_digest,
        )
        if stored and (self._taken or self._run.status.inventory is None):
            await self._performer.note_objects(stored[-1])

    # How a run ends that is not done.

    def _end(self, stop: Stop) -> ReconcileError:
        """Return what ends a run that stops here."""
        summary.summarize(self._run.conditions, self._attempt.obj)
        ready = self._run.conditions.get(READY)
        reason, message = (ready.reason, ready.message) if ready is not None else ("", "")
        match stop:
            case Never(message=why):
                return self._stalled(wording.exhausted(why))
            case Later(after=after):
                wording.retrying(after).mark(self._run.conditions)
                return _goes_on(reason, message, after.seconds)
            case AtOnce():
                wording.going_on(self._run.conditions).mark(self._run.conditions)
                return _goes_on(reason, message, 0.0)
        self._run.conditions.delete(RECONCILING)
        return _goes_on(reason, message, self._attempt.obj.spec.interval.seconds)

    def _stalled(self, said: Said) -> Stalled:
        summary.summarize(self._run.conditions, self._attempt.obj)
        error = Stalled(said.reason, said.message)
        ready = self._run.conditions.get(READY)
        if ready is not None and ready.status != "True":
            error.ready = (ready.reason, ready.message)
        return error


def _goes_on(reason: str, message: str, after: float) -> Waiting:
    """Return the end of a run whose actions have told how they ended."""
    error = Waiting(reason, message, after=after)
    error.told = True
    return error
