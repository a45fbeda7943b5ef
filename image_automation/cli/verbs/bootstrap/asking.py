"""Conversations with a forge, carried out: one attempt for each request, redirects never followed, errors in a line."""

import os
from typing import TypeVar

from yarl import URL

from gotk.forge.hosting import Asking
from gotk.http import errors, route
from gotk.http.exchange import Answer, Request, Unusable
from gotk.http.transport import Request as Asked
from gotk.http.transport import Transport
from image_automation.cli import output

T = TypeVar("T")
_BODY_LIMIT = 4 << 20
_SHOWN = 300


async def ask(conversation: Asking[T], host: str, token: str) -> T:
    """Hold a conversation to its end and return what it came to. Raises Failure, without the token."""
    try:
        async with Transport(route=route.from_environment(os.environ)) as transport:
            request = next(conversation)
            while True:
                request = conversation.send(await _answer(transport, request, host, token))
    except StopIteration as ended:
        found: T = ended.value
        return found
    except Unusable as error:
        output.fail(f"{host}: {error}")
    except errors.HTTPError as error:
        output.fail(str(error))
    finally:
        conversation.close()


async def _answer(transport: Transport, request: Request, host: str, token: str) -> Answer:
    asked = Asked(
        method=request.method, url=URL(request.url, encoded=True), headers=request.headers, data=request.body or None,
        limit=_BODY_LIMIT, follow=False,
    )  # fmt: skip
    answer = await transport.send(asked)
    if not 200 <= answer.status < 300 and answer.status not in request.accepts:
        said = errors.printable(answer.body.decode(errors="replace").replace(token, "xxxxx"))[:_SHOWN]
        output.fail(f"{host} refuses {request.method} {URL(request.url).path} with status {answer.status}: {said}")
    return Answer(status=answer.status, body=answer.body)
