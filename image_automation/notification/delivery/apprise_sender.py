"""Messages through apprise, the library that knows mail and the chat services that Flux has no type for.

It blocks, and its URLs can name files and further hosts, so each message has a process of its own
(`apprise_worker`): about a third of a second, killed when the provider's timeout is over.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Mapping

import msgspec

from gotk import process as processes
from gotk.http.exchange import Answer as Arrived
from gotk.http.exchange import Exchange, Request, Unusable
from gotk.runtime.clock import Clock
from image_automation.notification.delivery import apprise_message
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.apprise_message import Answer, Message
from image_automation.notification.delivery.sending import Failure, converse, masked
from image_automation.notification.providers.apprise import Letter

_AT_ONCE = 2
_SHOWN = 400
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_TRUST = ("REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")


class AppriseSender:
    """Starts the processes, a few at once. Of `environment` they get proxies and trust."""

    def __init__(self, *, clock: Clock, environment: Mapping[str, str]) -> None:
        self._clock = clock
        self._environment = environment
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        """Deliver within the line's timeout. Raises SendError; Unusable where nothing could be sent at all.

        A message is not sent again: apprise does not tell one that was lost from one that some of its recipients have.
        """
        await converse(exchange, line, lambda request: self._deliver(request, line), self._clock)

    async def _deliver(self, letter: Request, line: Delivery) -> Arrived:
        assert isinstance(letter, Letter)
        async with self._places:
            with tempfile.TemporaryDirectory(prefix="apprise-") as home:
                answer = await _ask(_message(letter, line, home), self._passed_on(line))
        if answer.error:
            shown = masked(answer.error, (*line.secrets, *apprise_message.secrets(letter.url)))
            raise Failure(shown[:_SHOWN], again=False)
        return Arrived(status=200)

    def _passed_on(self, line: Delivery) -> dict[str, str]:
        names = _TRUST if line.proxy else (*_TRUST, *_PROXIES)
        return processes.environment(**{name: self._environment[name] for name in names if name in self._environment})


def _message(letter: Letter, line: Delivery, home: str) -> Message:
    if line.tls is not None and (line.tls.certificate or line.tls.key):
        raise Unusable("providers of type apprise show no client certificate: leave ca.crt alone in spec.certSecretRef")
    if line.proxy is not None and line.proxy.url.scheme not in {"http", "https"}:
        raise Unusable("the proxy of a provider of type apprise must be an http or https URL")
    return Message(
        url=letter.url,
        title=letter.title,
        body=letter.text,
        failed=letter.failed,
        timeout=line.timeout,
        home=home,
        ca=line.tls.ca.decode() if line.tls is not None and line.tls.ca else "",
        proxy=line.proxy.address if line.proxy is not None else "",
    )


async def _ask(message: Message, environment: Mapping[str, str]) -> Answer:
    process = await asyncio.create_subprocess_exec(
        *processes.interpreter("image_automation.notification.delivery.apprise_worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        output, _ = await process.communicate(msgspec.json.encode(message))
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await processes.reap(process)
    try:
        return msgspec.json.decode(output, type=Answer)
    except msgspec.MsgspecError:
        raise Failure(f"apprise broke on the message (exit status {process.returncode})", again=False) from None
