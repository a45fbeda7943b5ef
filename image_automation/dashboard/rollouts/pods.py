"""The pods of a workload that fail, why, and what they wrote last: read as the person, absent where there are none."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from gotk.kube import errors
from image_automation.dashboard.access import Reads
from image_automation.dashboard.page import Record

#: How many workloads are looked at, and pods of one told of; how many lines of a log, how long, for how many seconds.
_WORKLOADS: Final = 5
_PODS: Final = 3
_LINES: Final = 20
_LONGEST: Final = 400
_SECONDS: Final = 5.0
#: What containers wait for without anything being wrong.
_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


class Failing(Record, frozen=True, kw_only=True):
    """A container that does not run, why, and the last lines of its log, or why they are not there."""

    namespace: str
    pod: str
    reason: str
    container: str = ""
    message: str = ""
    restarts: int = 0
    lines: tuple[str, ...] = ()
    note: str = ""


async def failing(reads: Reads, unwell: Iterable[Mapping[str, Any]]) -> tuple[Failing, ...]:
    """Return what fails of the pods of workloads, of the first of them. Raises Unauthorized."""
    workloads = [each for each in unwell if _labels(each)][:_WORKLOADS]
    return tuple([found for each in workloads for found in await _of(reads, each)])


def _labels(workload: Mapping[str, Any]) -> Mapping[str, str]:
    spec = workload.get("spec")
    selector = spec.get("selector") if isinstance(spec, Mapping) else None
    labels = selector.get("matchLabels") if isinstance(selector, Mapping) else None
    return labels if isinstance(labels, Mapping) else {}


async def _of(reads: Reads, workload: Mapping[str, Any]) -> list[Failing]:
    """Return what fails of a workload's pods; nothing where they may not be seen. Raises Unauthorized."""
    selector = ",".join(f"{name}={value}" for name, value in sorted(_labels(workload).items()))
    try:
        pods = await reads.list_objects("v1", "Pod", workload["metadata"].get("namespace") or "", labels=selector)
    except errors.Unauthorized:
        raise
    except errors.APIError:
        return []
    found = [each for pod in pods for each in _failures(pod)][:_PODS]
    return [await _with_log(reads, each) for each in found]


def _failures(pod: Mapping[str, Any]) -> Iterator[Failing]:
    """Yield what fails of a pod: containers, or the pod itself where none was started."""
    meta, status = pod["metadata"], pod.get("status") or {}
    about: dict[str, Any] = {"namespace": str(meta.get("namespace") or ""), "pod": str(meta["name"])}
    statuses = [each for place in ("initContainerStatuses", "containerStatuses") for each in status.get(place) or ()]
    failures = [each for each in statuses if _reason(each)]
    for each in failures:
        state = _state(each)
        yield Failing(
            **about,
            container=str(each.get("name") or ""),
            reason=_reason(each),
            message=str(state.get("message") or ""),
            restarts=int(each.get("restartCount") or 0),
        )
    if failures:
        return
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Failing(
                **about, reason=str(condition.get("reason") or ""), message=str(condition.get("message") or "")
            )


def _state(container: Mapping[str, Any]) -> Mapping[str, Any]:
    state = container.get("state") or {}
    found: Mapping[str, Any] = state.get("waiting") or state.get("terminated") or {}
    return found


def _reason(container: Mapping[str, Any]) -> str:
    """Return why a container does not run; nothing where it does, or is about to."""
    state = _state(container)
    reason = str(state.get("reason") or "")
    if "exitCode" in state:
        return "" if state["exitCode"] == 0 else f"{reason or 'Error'} (exit code {state['exitCode']})"
    return "" if reason in _STARTING else reason


async def _with_log(reads: Reads, found: Failing) -> Failing:
    """Return the same with the last lines of its log. Raises Unauthorized."""
    if not found.container:
        return found
    options = {"container": found.container, "tailLines": str(_LINES), "limitBytes": "65536"}
    if found.restarts:
        options["previous"] = "true"
    try:
        log = reads.pod_log(found.namespace, found.pod, options=options, lasts=_SECONDS)
        lines = [_printable(line) async for line in log]
    except errors.Unauthorized:
        raise
    except errors.NotFound:
        return found  # no cluster that keeps logs
    except errors.APIError as error:
        return msgspec.structs.replace(found, note=error.message)
    return msgspec.structs.replace(found, lines=tuple(lines[-_LINES:]))


def _printable(line: bytes) -> str:
    text = line.decode(errors="replace")[:_LONGEST]
    return "".join(sign if sign.isprintable() or sign == "\t" else "\N{MIDDLE DOT}" for sign in text.rstrip("\r\n"))
