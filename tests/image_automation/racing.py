"""A controller that races: its own data directory, one automation, one remote. In this process, or in one of its own.

`python -m tests.image_automation.racing` reads a Racer from standard input, runs it to its end and prints the commits
that it pushed.
"""

import asyncio
import random
import sys
from datetime import timedelta
from pathlib import Path

import msgspec

from gotk.git.mirrors.mirror import Mirrors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.sources.git_access import GitAccess
from image_automation.app import reads
from image_automation.app.forges import unlabelled
from image_automation.desk import Desk
from image_automation.image_update_automation import ImageUpdateAutomationReconciler
from tests import running
from tests.image_automation.automating import Client, Store, automation, nowhere, policy, repository, secret


class Racer(msgspec.Struct, frozen=True, kw_only=True):
    """Who races: `tags` are the choices that its policy makes one after the other."""

    data: str
    url: str
    secret: dict[str, bytes]
    path: str
    tags: list[str]
    number: int = 0

    async def run(self) -> list[str]:
        """Bring every choice into the repository; returns the commits pushed. Fails where a run does not succeed."""
        store = Store(repository(self.url, **({"secretRef": {"name": "s"}} if self.secret else {})))
        store.put(secret("s", self.secret))
        pushed = []
        now = running.NOON + timedelta(minutes=self.number)  # commits of the same second would be one and the same
        with Limiter(width=1) as limiter:
            reconciler = ImageUpdateAutomationReconciler(
                objects=store,
                client=Client(store),
                desk=Desk(
                    objects=store,
                    client=Client(store),
                    access=GitAccess(objects=Client(store), limiter=limiter),
                    repositories=Mirrors(Path(self.data)),
                    limiter=limiter,
                    connect=nowhere,
                    cross_namespace=True,
                    allow_file=False,
                    installation="flux-system",
                ),
                clock=SystemClock(),
                jitter=random.Random(self.data),
                deployers=(),
                reading=reads.reads,
                first_seen=lambda _, __: None,
                origins=unlabelled,
            )
            for tag in self.tags:
                store.put(policy("web", "a/web", tag))
                ended = await running.run_once(reconciler, automation(update={"path": self.path}), now=now)
                assert ended.ready[0] == "True", ended.ready
                pushed += [ended.obj.status.last_push_commit] if ended.outcome and ended.outcome.changed else []
        return pushed


if __name__ == "__main__":
    racer = msgspec.json.decode(sys.stdin.buffer.read(), type=Racer)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(racer.run())))
