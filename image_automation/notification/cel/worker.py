"""The process that evaluates CEL: questions on standard input, answers on standard output, until the input ends.

An expression can ask for gigabytes (`replace`) or minutes (`split` in a loop); the kernel bounds memory here, and who
asks bounds the time. Once the engine is loaded no file, network or other process is in reach. When the service ends, in
whatever way, the input ends with it.
"""

import sys
from typing import Any, BinaryIO

import msgspec

from gotk.api.notification import OIDCProvider
from gotk.sandbox.confinement import Confinement
from image_automation.notification.alerts import status_name
from image_automation.notification.cel import expression
from image_automation.notification.receivers import oidc
from image_automation.notification.receivers.call import RefusedError

_MEMORY = 1 << 30
SIZE = 4


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects pass all expressions, whether a provider's rules hold for claims, or what a status is named."""

    expressions: tuple[str, ...] = ()
    shared: dict[str, Any] = {}
    objects: tuple[dict[str, Any], ...] = ()
    provider: OIDCProvider | None = None
    claims: dict[str, Any] = {}
    name: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """For each object whether it passes, or why nobody can tell; the name; `refused` says what claims or name lack."""

    verdicts: tuple[bool | str, ...] = ()
    refused: str = ""
    name: str = ""


def answer(question: Question) -> Answer:
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
    return Answer(verdicts=tuple(_verdict(question, each) for each in question.objects))


def framed(message: bytes) -> bytes:
    """Return a message with its size before it."""
    return len(message).to_bytes(SIZE, "big") + message


def main() -> None:
    """Answer until nobody asks."""
    expression.check("true", "req", "res")  # loads the engine before the first question is timed, and from files
    Confinement(memory=_MEMORY, cpu_seconds=None).enclose()
    _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    answers.write(framed(b""))
    answers.flush()
    while size := questions.read(SIZE):
        question = msgspec.json.decode(questions.read(int.from_bytes(size, "big")), type=Question)
        answers.write(framed(msgspec.json.encode(answer(question))))
        answers.flush()


def _verdict(question: Question, seen: dict[str, Any]) -> bool | str:
    data = {**question.shared, "res": seen}
    try:
        return all(expression.holds(each, data) for each in question.expressions)
    except (expression.EvaluationError, MemoryError) as error:
        return str(error) or "the CEL expression needs too much memory"


if __name__ == "__main__":
    main()
