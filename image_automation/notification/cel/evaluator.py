"""Asks the process that evaluates CEL what Receivers and Providers want to know."""

from collections.abc import Mapping
from typing import Any

from gotk.api.notification import OIDCProvider
from gotk.cel import evaluator
from gotk.cel.expression import EvaluationError
from image_automation.notification.cel import worker


class Evaluator(evaluator.Evaluator):
    """Evaluates expressions of objects, which are named by their uid; an async context manager."""

    program = worker.__name__

    async def refusal(self, owner: str, provider: OIDCProvider, claims: Mapping[str, Any]) -> str:
        """Return why a provider's rules refuse the claims, empty where they hold. Raises EvaluationError."""
        asked = worker.Question(provider=provider, claims=dict(claims))
        return (await self.ask(owner, asked, worker.Answer)).refused

    async def status_name(self, owner: str, expression: str, known: Mapping[str, Any]) -> str:
        """Return what `spec.commitStatusExpr` names a status. Raises EvaluationError."""
        answer = await self.ask(owner, worker.Question(name=expression, shared=dict(known)), worker.Answer)
        if answer.refused:
            raise EvaluationError(answer.refused)
        return answer.name
