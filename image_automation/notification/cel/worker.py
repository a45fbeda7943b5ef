"""The process that evaluates CEL, with what only notification asks: rules over claims, and names of statuses."""

from typing import Any

import msgspec

from gotk.api.notification import OIDCProvider
from gotk.cel import expression, worker
from image_automation.notification.alerts import status_name
from image_automation.notification.receivers import oidc
from image_automation.notification.receivers.call import RefusedError


class Question(worker.Question, frozen=True, kw_only=True):
    """Whether a provider's rules hold for claims, or what a status is named."""

    provider: OIDCProvider | None = None
    claims: dict[str, Any] = msgspec.field(default_factory=dict)
    name: str = ""


class Answer(worker.Answer, frozen=True, kw_only=True):
    """The name; `refused` says what claims or name lack."""

    refused: str = ""
    name: str = ""


def answer(question: Question) -> worker.Answer:
    """Evaluate what is asked."""
    if question.provider is not None:
        try:
            oidc.validate(question.provider, question.claims)
        except RefusedError as error:
            return Answer(refused=str(error))
        return Answer()
    if question.name:
        try:
            return Answer(name=status_name.evaluate(question.name, question.shared))
        except (expression.EvaluationError, MemoryError) as error:
            return Answer(refused=str(error) or "spec.commitStatusExpr needs too much memory")
    return worker.answer(question)


if __name__ == "__main__":
    worker.serve(Question, answer)
