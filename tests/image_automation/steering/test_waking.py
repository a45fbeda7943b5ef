"""Automations are asked for a run, whatever becomes of some of them meanwhile."""

from typing import Any

from gotk.api.meta import REQUESTED_AT
from image_automation.steering import waking
from tests.image_automation.dashboard.showing import Held, TokenCluster, automation
from tests.memory_cluster import MemoryCluster
from tests.running import NOON

ADA = Held("ada", rules=frozenset({("*", "*", "*")}))


class Losing(TokenCluster):
    """Somebody deletes an automation right after it was listed."""

    async def list(self, kind: type[Any], namespace: str | None = None) -> Any:
        found = await super().list(kind, namespace)
        del self.cluster.objects["ImageUpdateAutomation", "default", "auto"]
        return found


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    for name in ("auto", "other"):
        made.put(automation(name))
    return made


async def test_one_that_is_deleted_meanwhile_keeps_nobody_else_asleep() -> None:
    made = cluster()
    assert await waking.wake(Losing(made, ADA), None, NOON)
    woken = made.objects["ImageUpdateAutomation", "default", "other"]["metadata"]["annotations"]
    assert woken[REQUESTED_AT] == "2026-01-01T12:00:00Z"


async def test_who_may_not_write_to_them_is_told() -> None:
    seeing = Held("bob", rules=frozenset({("list", "*", "*"), ("get", "*", "*")}))
    assert not await waking.wake(TokenCluster(cluster(), seeing), "default", NOON)
