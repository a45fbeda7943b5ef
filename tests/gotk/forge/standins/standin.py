"""A conversation held with a stand-in, each request and each answer of which is held against the description."""

import json
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, TypeVar

from gotk.http.exchange import Answer, Request
from tests.gotk.forge.published import Asked, Description, Unpublished, filled
from tests.gotk.forge.standins.facts import Facts

T = TypeVar("T")
Said = tuple[int, Any]


class StandIn(ABC):
    """A forge that answers from facts."""

    def __init__(self, facts: Facts, description: Description, prefix: str) -> None:
        self.facts = facts
        self.description = description
        self.prefix = prefix

    def hold(self, conversation: Generator[Request, Answer, T]) -> T:
        """Hold a conversation to its end."""
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self.answer(request))
        except StopIteration as ended:
            found: T = ended.value
            return found

    def answer(self, request: Request) -> Answer:
        """Answer one request; a refusal that the conversation does not want to see ends the test."""
        asked = self.description.read(request.method, request.url, request.body, prefix=self.prefix_of(request.url))
        self.facts.asked.append((asked.operation, asked.body))
        status, said = self.say(asked)
        schema = self.description.operations[asked.operation]["answers"].get(str(status), {})
        said = filled(said, schema) if status < 300 else said
        self.description.check(asked.operation, status, said)
        return self.seen(request, status, said)

    def prefix_of(self, url: str) -> str:
        """Return where the part of the API is that a URL asks."""
        return self.prefix

    def seen(self, request: Request, status: int, said: Any) -> Answer:
        """Return the answer as it is seen."""
        if status >= 300 and status not in request.accepts:
            raise Refused(f"{request.method} {request.url} is answered with {status}: {said}")
        return Answer(status=status, body=b"" if said is None else json.dumps(said).encode())

    @abstractmethod
    def say(self, asked: Asked) -> Said:
        """Answer in the forge's words."""


class Refused(Exception):
    """A refusal that the conversation had not asked to see."""


__all__ = ["Refused", "Said", "StandIn", "Unpublished"]
