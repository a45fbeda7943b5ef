"""The process that evaluates CEL: questions on standard input, answers on standard output, until the input ends.

An expression can ask for gigabytes (`replace`) or minutes (`split` in a loop); the kernel bounds memory here, and who
asks bounds the time. Once the engine is loaded no file, network or other process is in reach. When the service ends, in
whatever way, the input ends with it. A room that asks more has a worker of its own, whose questions extend these.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from gotk.cel import expression
from gotk.sandbox.confinement import Confinement

_MEMORY = 1 << 30
SIZE = 4


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects pass all expressions, as `res` beside what is shared; or what each expression says of each scope.

    A scope holds the variables by their names. Those of `open` scopes may be anything, those of others are objects.
    """

    expressions: tuple[str, ...] = ()
    shared: dict[str, Any] = {}
    objects: tuple[dict[str, Any], ...] = ()
    scopes: tuple[dict[str, Any], ...] = ()
    open: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """For each object, or each expression over each scope, whether it holds, or why nobody can tell."""

    verdicts: tuple[bool | str, ...] = ()


Q = TypeVar("Q", bound=Question)
A = TypeVar("A", bound=Answer)


def answer(question: Question) -> Answer:
    """Evaluate what is asked."""
    if question.scopes:
        pairs = [(each, scope) for scope in question.scopes for each in question.expressions]
        return Answer(verdicts=tuple(_verdict((each,), scope, open_=question.open) for each, scope in pairs))
    scopes = [{**question.shared, "res": seen} for seen in question.objects]
    return Answer(verdicts=tuple(_verdict(question.expressions, scope) for scope in scopes))


def framed(message: bytes) -> bytes:
    """Return a message with its size before it."""
    return len(message).to_bytes(SIZE, "big") + message


def serve(kind: type[Q], reply: Callable[[Q], A]) -> None:
    """Answer questions until nobody asks."""
    expression.check("true", "req", "res")  # loads the engine before the first question is timed, and from files
    Confinement(memory=_MEMORY, cpu_seconds=None).enclose()
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(framed(b""))
    answers.flush()
    while size := questions.read(SIZE):
        question = msgspec.json.decode(questions.read(int.from_bytes(size, "big")), type=kind)
        answers.write(framed(msgspec.json.encode(reply(question))))
        answers.flush()


def _verdict(expressions: tuple[str, ...], scope: dict[str, Any], *, open_: bool = False) -> bool | str:
    try:
        return all(expression.holds(each, scope, open_=open_) for each in expressions)
    except (expression.EvaluationError, MemoryError) as error:
        return str(error) or "the CEL expression needs too much memory"


if __name__ == "__main__":
    serve(Question, answer)
