"""A run's surroundings: the cluster's client, a folder for the clone, a thread for Git; then the sequence."""

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gotk.runtime.blocking import Limiter
from image_automation.cli import cluster as clusters
from image_automation.cli.verbs.bootstrap import files, sequence
from image_automation.cli.verbs.bootstrap.clone import Branch, Pen
from image_automation.cli.verbs.bootstrap.reaching import Admit, Reach
from image_automation.cli.verbs.bootstrap.sequence import KitOf, Run

if TYPE_CHECKING:
    from gotk.kube import client as kube

_GIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What flags came to."""

    cluster: clusters.Cluster
    sync: files.Sync
    pen: Pen
    kit: KitOf


async def start(job: Job, reach: "Callable[[kube.Client], Awaitable[Reach]]", admit: Admit) -> None:
    """Find out how the repository is reached, and run. Raises Failure."""
    async with job.cluster.connect() as client:
        kit = await job.kit(client)
        synced = await sequence.check(client, kit, job.sync)
        reached = await reach(client)
        with tempfile.TemporaryDirectory(prefix="bootstrap-") as folder, Limiter(width=1, name="git") as blocking:
            timeout = min(job.cluster.timeout, _GIT_SECONDS)
            branch = Branch(
                Path(folder), reached.url, reached.credentials, job.sync.branch, pen=job.pen, timeout=timeout
            )
            run = Run(
                client=client, kit=kit, sync=job.sync, reach=reached, branch=branch, blocking=blocking,
                timeout=job.cluster.timeout, synced=synced, admit=admit,
            )  # fmt: skip
            await run.carry_out()
