"""What only notification asks the process that evaluates CEL."""

import pytest

from gotk.api.notification import OIDCProvider, OIDCValidation
from gotk.cel.expression import EvaluationError
from gotk.runtime.clock import SystemClock
from image_automation.notification.cel.evaluator import Evaluator


async def test_rules_over_claims_say_why_they_refuse() -> None:
    rules = (OIDCValidation(expression="claims.sub == 'ci'", message="who are you"),)
    provider = OIDCProvider(issuer_url="https://issuer.example", validations=rules)
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.refusal("u", provider, {"sub": "ci"}) == ""
        assert await cel.refusal("u", provider, {"sub": "eve"}) == "token validation failed: who are you"


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


async def test_what_everybody_asks_is_answered_too() -> None:
    async with Evaluator(clock=SystemClock()) as cel:
        assert await cel.passing("u", ["res.x == 1"], {}, [{"x": 1}, {"x": 2}]) == (True, False)
