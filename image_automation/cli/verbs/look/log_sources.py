"""Where the lines of `logs` come from: the pods of an installation, or the file that a service without pods keeps."""

import asyncio
import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from deploy.installation import neighbours
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.app import kept_log
from image_automation.cli import following, kinds, output

_CONTAINER = "manager"
_POLL = 0.5
_YEAR = 86400.0 * 365
Show = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a log: from a time on, or of the last so many seconds, the last so many lines, and what comes."""

    since: datetime | None
    ago: float | None
    tail: int | None
    follow: bool


async def of_pods(client: kube.Client, namespace: str, part: Part, show: Show, *, timeout: float) -> None:
    """Show the logs of all pods of an installation, one after the other, or all at once what comes."""
    pods = await _pods(client, namespace)
    if not pods:
        output.fail(
            f'no Flux pods found in namespace "{namespace}": name another with --flux-namespace; a service with an '
            "embedded control plane keeps its log beside its kubeconfig, DIR/kubeconfig, so name that with --kubeconfig"
        )
    lasts = _YEAR if part.follow else timeout
    if part.follow:
        await following.together(_of_pod(client, pod, part, show, lasts=lasts) for pod in pods)
        return
    for pod in pods:
        await _of_pod(client, pod, part, show, lasts=lasts)


async def _pods(client: kube.Client, namespace: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for deployment in await client.list_objects("apps/v1", "Deployment", namespace, labels=neighbours.FLUX):
        labels = kinds.dig(deployment, "spec", "template", "metadata", "labels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        for pod in await client.list_objects("v1", "Pod", namespace, labels=selector) if selector else ():
            found[pod["metadata"]["name"]] = pod
    return list(found.values())


async def _of_pod(client: kube.Client, pod: kinds.Json, part: Part, show: Show, *, lasts: float) -> None:
    names = [str(each["name"]) for each in kinds.dig(pod, "spec", "containers") or ()]
    options = {"container": _CONTAINER if _CONTAINER in names else ""}
    if part.follow:
        options["follow"] = "true"
    if part.ago is not None:  # by the clock of the node, as kubectl asks
        options["sinceSeconds"] = str(max(math.ceil(part.ago), 1))
    elif part.since is not None:
        options["sinceTime"] = part.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if part.tail is not None:
        options["tailLines"] = str(part.tail)
    metadata = pod["metadata"]
    try:
        async for line in client.pod_log(metadata["namespace"], metadata["name"], options=options, lasts=lasts):
            show(line)
    except errors.APIError as error:
        if error.code != HTTPStatus.BAD_REQUEST:  # it has not begun yet
            raise
        output.warning(f"Pod/{metadata['namespace']}/{metadata['name']}: {error}")


async def of_file(path: Path, part: Part, show: Show) -> None:
    """Show the lines of a kept log, and with `follow` those that come, until interrupted."""
    with contextlib.ExitStack() as stack:
        earlier = _open(stack, kept_log.before(path))
        file = _open(stack, path)
        stored = (line for each in (earlier, file) if each for line in _lines(each) if _is_since(line, part.since))
        for line in stored if part.tail is None else deque(stored, maxlen=part.tail):
            show(line)
        while part.follow:
            await asyncio.sleep(_POLL)
            file = file or _open(stack, path)
            for line in _lines(file) if file else ():
                show(line)
            if file and _is_replaced(file, path):
                file.close()
                file = None


def _open(stack: contextlib.ExitStack, path: Path) -> BinaryIO | None:
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None
    except OSError as error:
        output.fail(f"the log {path} cannot be read: {error.strerror}")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the whole lines that there are; one that is being written stays for the next time."""
    while (line := file.readline()).endswith(b"\n"):
        yield line
    file.seek(-len(line), os.SEEK_CUR)


def _is_replaced(file: BinaryIO, path: Path) -> bool:
    """Tell whether another file has taken the place of this one, of which everything was read."""
    try:
        replaced = not os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return True
    return replaced and file.tell() == os.fstat(file.fileno()).st_size


def _is_since(line: bytes, since: datetime | None) -> bool:
    if since is None:
        return True
    try:
        return datetime.fromisoformat(msgspec.json.decode(line, type=_Timed).ts) >= since
    except (msgspec.DecodeError, ValueError):
        return False


class _Timed(msgspec.Struct):
    ts: str
