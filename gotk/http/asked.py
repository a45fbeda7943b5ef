"""Connections over which come answers to what was asked, and no others.

aiohttp keeps an answer that nobody has asked for until a request comes, on kept connections too: it gives the request
somebody else's answer, and keeps as many as a server likes to send meanwhile.
"""

import asyncio
import functools
from typing import Any, TypeVar

import aiohttp
from aiohttp.client_proto import ResponseHandler

#: The most heads for one request. Each is as good as an answer to whoever waits for one in time.
_MOST = 32

C = TypeVar("C", bound=aiohttp.BaseConnector)


def only(connector: C) -> C:
    """Return a connector whose connections end where more comes over them."""
    factory: Any = functools.partial(_Asked, loop=asyncio.get_running_loop())
    connector._factory = factory  # noqa: SLF001 - it takes none from outside
    return connector


class _Asked(ResponseHandler):
    """Takes one answer for each request, and closes the connection where another one comes."""

    #: How many heads may still come: what is said before an answer has one, too.
    _left = 0

    def set_response_params(self, **params: Any) -> None:
        """Expect an answer."""
        self._left = _MOST
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take the head of an answer, or what is said before one."""
        if self._left:
            code = data[0].code
            self._left = self._left - 1 if 100 <= code < 200 and code != 101 else 0
            super().feed_data(data, size)
        elif self.transport is not None:
            self.force_close()
            self.transport.close()
