"""Asks the process that evaluates CEL, which is started when the first expression is met and replaced when it breaks.

Whoever may write an object writes expressions; one that takes too long or too much costs its own object a minute, and
nobody else more than the seconds until it is stopped.
"""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from gotk import process as processes
from gotk.cel import worker
from gotk.cel.expression import EvaluationError
from gotk.runtime.clock import Clock

A = TypeVar("A", bound=worker.Answer)

_START_SECONDS = 30.0
_SECONDS = 5.0
_PENALTY = 60.0
_OWNERS = 1024


class Evaluator:
    """Evaluates expressions of objects, which are named by their uid; an async context manager."""

    #: The module that the process runs: a room's own, where it asks more than the hall's answers.
    program = worker.__name__

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waits: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def pid(self) -> int | None:
        """The process that runs, None before the first question."""
        return self._process.pid if self._process else None

    async def passing(
        self, owner: str, expressions: Sequence[str], shared: Mapping[str, Any], objects: Sequence[dict[str, Any]]
    ) -> tuple[bool | str, ...]:
        """Tell for each object whether all expressions hold, or why nobody can tell. Raises EvaluationError."""
        if not expressions or not objects:
            return (True,) * len(objects)
        asked = worker.Question(expressions=tuple(expressions), shared=dict(shared), objects=tuple(objects))
        return (await self.ask(owner, asked, worker.Answer)).verdicts

    async def verdicts(
        self, owner: str, expressions: Sequence[str], scope: Mapping[str, Any], *, open_: bool
    ) -> tuple[bool | str, ...]:
        """Tell for each expression whether it holds over the variables of a scope, or why nobody can tell.

        With `open_` a variable may be anything, else each is an object. Raises EvaluationError.
        """
        asked = worker.Question(expressions=tuple(expressions), scopes=(dict(scope),), open=open_)
        return (await self.ask(owner, asked, worker.Answer)).verdicts

    async def ask(self, owner: str, question: worker.Question, kind: type[A]) -> A:
        """Ask a question of the program's and return its answer. Raises EvaluationError."""
        try:
            message = worker.framed(msgspec.json.encode(question))
        except (UnicodeEncodeError, RecursionError):
            raise EvaluationError("what the expressions are about cannot be handed to CEL") from None
        async with self._turn:
            if self._clock.monotonic() < self._waits.get(owner, 0.0):
                raise EvaluationError("the CEL expressions took too long a moment ago; simplify them")
            try:
                return await self._exchange(self._process or await self._start(), message, kind)
            except (TimeoutError, EOFError, OSError):
                await self._stop()
                self._punish(owner)
                raise EvaluationError(
                    f"the CEL expressions took more than {_SECONDS:.0f}s, or too much memory"
                ) from None
            except BaseException:
                await self._stop()  # an answer that nobody takes must not meet the next question
                raise

    async def _start(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *processes.interpreter(self.program), stdin=PIPE, stdout=PIPE, env=processes.environment()
        )
        async with asyncio.timeout(_START_SECONDS):
            await self._read(self._process)
        return self._process

    async def _exchange(self, process: Process, message: bytes, kind: type[A]) -> A:
        assert process.stdin is not None
        async with asyncio.timeout(_SECONDS):
            process.stdin.write(message)
            await process.stdin.drain()
            return msgspec.json.decode(await self._read(process), type=kind)

    async def _read(self, process: Process) -> bytes:
        assert process.stdout is not None
        size = int.from_bytes(await process.stdout.readexactly(worker.SIZE), "big")
        return await process.stdout.readexactly(size)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()  # closes both pipes, too

    def _punish(self, owner: str) -> None:
        now = self._clock.monotonic()
        self._waits = {each: until for each, until in self._waits.items() if until > now}
        if len(self._waits) < _OWNERS:
            self._waits[owner] = now + _PENALTY
