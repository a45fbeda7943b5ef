"""The process that evaluates CEL: it answers, it is replaced, and who broke it waits."""

import os
import signal

import pytest

from gotk.api.notification import OIDCProvider, OIDCValidation
from gotk.runtime.clock import SystemClock
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.cel.expression import EvaluationError

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


async def test_rules_over_claims_say_why_they_refuse() -> None:
    rules = (OIDCValidation(expression="claims.sub == 'ci'", message="who are you"),)
    provider = OIDCProvider(issuer_url="https://issuer.example", validations=rules)
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.refusal("u", provider, {"sub": "ci"}) == ""
        assert await cel.refusal("u", provider, {"sub": "eve"}) == "token validation failed: who are you"


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


async def test_a_status_gets_its_name_or_the_reason_why_it_has_none() -> None:
    known = {"event": {"metadata": {"env": "prod"}}, "alert": {}, "provider": {}}
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.status_name("u", "'ci/' + event.metadata.env", known) == "ci/prod"
        for expression, cause in {
            "event.metadata.nothing": "did not evaluate to a text",
            "42": "did not evaluate to a text: 42",
            "((": "failed to compile spec.commitStatusExpr",
        }.items():
            with pytest.raises(EvaluationError, match=cause):
                await cel.status_name("u", expression, known)
