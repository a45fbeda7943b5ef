"""Health by expressions of users: which check is for an object, and what its expressions make of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.cluster.expressions import Checks, InvalidChecksError
from gotk.api.meta import CustomHealthCheck
from gotk.cel.evaluator import Evaluator
from gotk.runtime.clock import SystemClock

READY = "status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True')"
DATABASE = CustomHealthCheck(
    api_version="db.example.com/v1beta1",
    kind="Database",
    in_progress="status.phase == 'Creating'",
    failed="status.phase == 'Broken'",
    current="status.phase == 'Up'",
)
GROUP = CustomHealthCheck(api_version="db.example.com/v1", current="has(status.ok) && status.ok")


@pytest.fixture
async def cel() -> AsyncIterator[Evaluator]:
    async with Evaluator(clock=SystemClock()) as made:
        yield made


def thing(kind: str = "Database", group: str = "db.example.com", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x", "generation": 2}, **fields}


async def test_expressions_decide_in_their_order(cel: Evaluator) -> None:
    checks = Checks([DATABASE, GROUP], expressions=cel, owner="u")
    told = {
        "InProgress": thing(status={"phase": "Creating"}),
        "Failed": thing(status={"phase": "Broken"}),
        "Current": thing(status={"phase": "Up", "observedGeneration": 2}),
    }
    for state, obj in told.items():
        found = await checks.health(obj)
        assert found is not None
        assert found.state == state
    others = {
        "none holds": (thing(status={"phase": "?"}), "InProgress"),
        "not observed yet": (thing(status={"phase": "Up", "observedGeneration": 1}), "InProgress"),
        "a generation that is text": (thing(status={"phase": "Up", "observedGeneration": "1"}), "Current"),
        "the group's check": (thing("Backup", status={"ok": True}), "Current"),
        "being deleted is for the expressions to say": (thing("Backup", status={"ok": False}), "InProgress"),
    }
    for name, (obj, state) in others.items():
        found = await checks.health(obj)
        assert found is not None, name
        assert found.state == state, name


async def test_what_cannot_be_evaluated_is_unknown_and_says_why(cel: Evaluator) -> None:
    checks = Checks([DATABASE], expressions=cel, owner="u")
    found = await checks.health(thing())
    assert found is not None
    assert (found.state, found.message.partition(":")[0]) == (
        "Unknown",
        "failed to evaluate the CEL expression 'status.phase == 'Creating''",
    )


async def test_other_kinds_are_none_of_its_business(cel: Evaluator) -> None:
    checks = Checks([DATABASE], expressions=cel, owner="u")
    assert await checks.health(thing(group="other.example.com")) is None
    assert await checks.health(thing("Backup")) is None
    assert cel.pid is None, "no process is started for nothing"


INVALID = {
    "an unreadable current": (
        [CustomHealthCheck(api_version="a/v1", kind="A", current="status.")],
        "failed to create custom status evaluator for healthchecks[0]: failed to parse the expression Current: ",
    ),
    "an unreadable failed": (
        [GROUP, CustomHealthCheck(api_version="a/v1", kind="A", current="true", failed="1 +")],
        "failed to create custom status evaluator for healthchecks[1]: failed to parse the expression Failed: ",
    ),
    "no current": (
        [CustomHealthCheck(api_version="a/v1", kind="A", current="")],
        "failed to create custom status evaluator for healthchecks[0]: expression Current not specified",
    ),
    "two for one kind": (
        [DATABASE, CustomHealthCheck(api_version="db.example.com/v2", kind="Database", current="true")],
        "duplicate custom health check for GroupKind Database.db.example.com at healthchecks[1]",
    ),
}


@pytest.mark.parametrize(("checks", "message"), INVALID.values(), ids=INVALID.keys())
async def test_checks_that_cannot_be_used_are_named(
    checks: list[CustomHealthCheck], message: str, cel: Evaluator
) -> None:
    with pytest.raises(InvalidChecksError) as raised:
        Checks(checks, expressions=cel, owner="u")
    assert str(raised.value).startswith(message)
