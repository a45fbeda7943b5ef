"""The process that evaluates CEL: it answers, it is replaced, and who broke it waits."""

import os
import signal

import pytest

from gotk.cel import expression
from gotk.cel.evaluator import Evaluator
from gotk.cel.expression import EvaluationError
from gotk.runtime.clock import SystemClock

SEEN = [{"metadata": {"name": "web"}}, {"metadata": {"name": "api"}}]


async def test_each_object_gets_its_verdict() -> None:
    async with Evaluator(clock=SystemClock()) as cel:
        named = await cel.passing("u", ["req.go == true", "res.metadata.name == 'web'"], {"req": {"go": True}}, SEEN)
        assert named == (True, False)
        missing = await cel.passing("u", ["req.go == true"], {"req": {}}, SEEN[:1])
        assert "failed to evaluate the CEL expression 'req.go == true'" in str(missing[0])


async def test_without_expressions_everything_passes_and_nothing_is_started() -> None:
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.passing("u", [], {"req": {}}, SEEN) == (True, True)
        assert cel.pid is None


async def test_a_process_that_died_is_replaced_and_its_last_asker_waits() -> None:
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.passing("first", ["req.x == 1.0"], {"req": {"x": 1.0}}, SEEN[:1]) == (True,)
        died = cel.pid
        assert died is not None
        os.kill(died, signal.SIGKILL)
        with pytest.raises(EvaluationError):
            await cel.passing("unlucky", ["true"], {"req": {}}, SEEN)
        with pytest.raises(EvaluationError, match="a moment ago"):
            await cel.passing("unlucky", ["true"], {"req": {}}, SEEN)
        assert await cel.passing("first", ["true"], {"req": {}}, SEEN[:1]) == (True,)
        assert cel.pid not in {None, died}


async def test_text_that_is_no_unicode_is_an_error_of_its_own_call() -> None:
    async with Evaluator(clock=SystemClock()) as cel:
        with pytest.raises(EvaluationError):
            await cel.passing("u", ["true"], {"req": {"x": "\ud800"}}, SEEN)
        assert await cel.passing("u", ["true"], {"req": {}}, SEEN[:1]) == (True,)


async def test_each_expression_of_a_scope_gets_its_verdict() -> None:
    scope = {"kind": "Database", "status": {"replicas": 3, "ready": True}}
    async with Evaluator(clock=SystemClock()) as cel:
        found = await cel.verdicts(
            "u", ["status.replicas - 1 == 2", "kind != 'Database'", "status.phase == 'x'", "spec.x == 1", "status"],
            scope, open_=True,
        )  # fmt: skip
    assert found[:2] == (True, False)
    assert 'Key not found in map : "phase"' in str(found[2])
    assert "undeclared reference to 'spec'" in str(found[3]) or "undeclared reference to 'spec.x'" in str(found[3])
    assert found[4] == "failed to evaluate CEL expression as boolean: 'status'"


@pytest.mark.parametrize(
    "text", ["status.", "1 +", "has(1)", "status.message == 'does not support' &&", "'x\nundeclared reference to"]
)
def test_what_cannot_be_read_is_told_apart_from_what_is_not_known_yet(text: str) -> None:
    expression.check_syntax("status.conditions.exists(c, c.type == 'Ready') && spec.replicas == data.x")
    with pytest.raises(expression.InvalidExpressionError, match=r"^failed to parse the CEL expression"):
        expression.check_syntax(text)
