"""What two people ask for at the same time: neither is lost without a word."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gotk.api import extensions
from image_automation.recovering.request import Request
from image_automation.steering import releasing, rolling_back
from image_automation.steering.cluster import CannotBeDoneError
from tests.image_automation.dashboard.showing import Held, TokenCluster, automation
from tests.memory_cluster import MemoryCluster

ADA = Held("ada", rules=frozenset({("*", "*", "*")}))
COMMIT = "4ed1a90c77" * 4
TAKEN = {
    "path": "apps/app.yaml", "line": 3, "old": "app:1.2.0", "new": "app:1.3.0", "setter": "default:app",
    "commit": COMMIT,
}  # fmt: skip


class Outrun(TokenCluster):
    """Somebody else asks for something right before our words arrive."""

    def __init__(self, made: MemoryCluster, **other: str) -> None:
        super().__init__(made, ADA)
        self.other = other

    async def merge_patch(self, kind: type[Any], namespace: str, name: str, patch: Mapping[str, Any]) -> Any:
        if other := self.other:
            self.other = {}
            annotations = {f"{extensions.PREFIX}{key}": text for key, text in other.items()}
            self.cluster.change("ImageUpdateAutomation", namespace, name, {"metadata": {"annotations": annotations}})
        return await super().merge_patch(kind, namespace, name, patch)


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    made.put(automation(report={"held": [TAKEN]}))
    return made


def annotation(made: MemoryCluster, name: str) -> Any:
    return made.objects["ImageUpdateAutomation", "default", "auto"]["metadata"]["annotations"][name]


async def test_what_two_people_let_through_at_once_comes_again() -> None:
    made = cluster()
    person = Outrun(made, unhold="abcdef0")
    await releasing.release(person, "default", "auto", [], datetime(2026, 1, 1, tzinfo=UTC))
    assert annotation(made, extensions.UNHOLD) == f"abcdef0 {COMMIT[:12]}"


async def test_who_asks_for_a_second_rollback_at_once_is_told() -> None:
    made = cluster()
    with pytest.raises(CannotBeDoneError, match="is asked to roll back already"):
        await rolling_back.ask(Outrun(made, rollback="theirs"), "default", "auto", Request(id="ours"))
    assert annotation(made, extensions.ROLLBACK) == "theirs"
