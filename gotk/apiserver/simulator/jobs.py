"""Jobs: pods until enough of them have succeeded, or too many failed. Answers to `pkg/controller/job`."""

import asyncio
from datetime import datetime
from typing import Any, Final

from gotk.apiserver.simulator import conditions, pods
from gotk.apiserver.simulator.world import PODS, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

STORAGE: Final = "jobs.batch"
_LABELS = {"batch.kubernetes.io/controller-uid": "uid", "batch.kubernetes.io/job-name": "name"}


async def look(world: World, key: Key) -> float | None:
    """Start pods, and report; delete a finished Job whose time is over."""
    job = world.get(key)
    if job is None:
        return None
    if _finished(job):
        return await _expire(world, job)
    spec, seen = job["spec"], world.children(job, PODS)
    phases = [(pod.get("status") or {}).get("phase") for pod in seen]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    active = [pod for pod, phase in zip(seen, phases, strict=True) if phase not in {"Succeeded", "Failed"}]
    now = world.now()
    verdict = _verdict(job, succeeded, failed, now)
    wanted = 0 if verdict or spec.get("suspend") else _parallel(spec, succeeded)
    active = await _scale(world, job, active, wanted)
    made = [conditions.touched(job, conditions.make(job, *each), now) for each in verdict]
    for condition in made:
        condition["lastProbeTime"] = now
        condition.pop("lastUpdateTime")
    await world.report(STORAGE, job, _status(job, active, (succeeded, failed), made, now))
    return _deadline(job, now) if not verdict else None


def _finished(job: Json) -> bool:
    return conditions.holds(job, "Complete") or conditions.holds(job, "Failed")


def _verdict(job: Json, succeeded: int, failed: int, now: str) -> list[tuple[str, str, str, tuple[str, str]]]:
    """Return the conditions that end a Job, or suspend it; none while it goes on."""
    spec = job["spec"]
    left = _deadline(job, now)
    if failed > spec.get("backoffLimit", 6):
        why = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        return [("FailureTarget", "True", now, why), ("Failed", "True", now, why)]
    if left is not None and left <= 0:
        why = ("DeadlineExceeded", "Job was active longer than specified deadline")
        return [("FailureTarget", "True", now, why), ("Failed", "True", now, why)]
    if succeeded >= (spec.get("completions") or 1):
        why = ("CompletionsReached", "Reached expected number of succeeded pods")
        return [("SuccessCriteriaMet", "True", now, why), ("Complete", "True", now, why)]
    return []


def _deadline(job: Json, now: str) -> float | None:
    started, limit = (job.get("status") or {}).get("startTime"), job["spec"].get("activeDeadlineSeconds")
    if started is None or limit is None:
        return None
    return float(limit) - (datetime.fromisoformat(now) - datetime.fromisoformat(started)).total_seconds()


def _parallel(spec: Json, succeeded: int) -> int:
    parallel = int(spec.get("parallelism", 1))
    completions = spec.get("completions")
    return parallel if completions is None else min(parallel, completions - succeeded)


async def _scale(world: World, job: Json, active: list[Json], wanted: int) -> list[Json]:
    if len(active) > wanted:
        await asyncio.gather(*(world.delete(PODS, pod) for pod in active[wanted:]))
        return active[:wanted]
    made = (_pod(job) for _ in range(len(active), wanted))
    return [*active, *await asyncio.gather(*(world.create(PODS, job["metadata"]["namespace"], pod) for pod in made))]


def _pod(job: Json) -> Json:
    template = job["spec"]["template"]
    pod = pods.from_template(job, template)
    marks = {label: job["metadata"][field] for label, field in _LABELS.items()}
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), **marks}
    return pod


def _status(job: Json, active: list[Json], counts: tuple[int, int], made: list[Json], now: str) -> Json:
    before = job.get("status") or {}
    succeeded, failed = counts
    suspended = bool(job["spec"].get("suspend"))
    seen: Json = {"uncountedTerminatedPods": {}, "ready": sum(map(pods.is_ready, active)), "terminating": 0}
    if not suspended:
        seen["startTime"] = before.get("startTime", now)
    elif made == []:
        made = [conditions.make(job, "Suspended", "True", now, ("JobSuspended", "Job suspended"))]
    seen |= {
        name: number
        for name, number in (("active", len(active)), ("succeeded", succeeded), ("failed", failed))
        if number
    }
    if any(each["type"] == "Complete" for each in made):
        seen["completionTime"] = now
    if made:
        seen["conditions"] = made
    return seen


async def _expire(world: World, job: Json) -> float | None:
    keep = job["spec"].get("ttlSecondsAfterFinished")
    ended = conditions.find(job, "Complete") or conditions.find(job, "Failed")
    if keep is None or ended is None:
        return None
    left = float(keep) - (world.moment() - datetime.fromisoformat(ended["lastTransitionTime"])).total_seconds()
    if left > 0:
        return left
    await world.delete(STORAGE, job)
    return None
