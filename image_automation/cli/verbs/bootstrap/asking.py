"""Conversations with a forge, carried out for a verb: whatever goes wrong is the verb's failure, in a line."""

import os
from datetime import UTC, datetime
from typing import TypeVar

from gotk.forge.asking import Asker
from gotk.forge.hosting import Asking
from gotk.http import errors, route
from gotk.http.exchange import Unusable
from gotk.http.transport import Transport
from image_automation.cli import output

T = TypeVar("T")


async def ask(conversation: Asking[T], host: str, token: str) -> T:
    """Hold a conversation to its end and return what it came to. Raises Failure, without the token."""
    try:
        async with Transport(route=route.from_environment(os.environ)) as transport:
            return await Asker(transport, now=lambda: datetime.now(UTC), secrets=(token,)).ask(conversation)
    except Unusable as error:
        output.fail(f"{host}: {error}")
    except errors.HTTPError as error:
        output.fail(str(error))
