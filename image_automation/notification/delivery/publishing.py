"""Messages to NATS servers, and which sender is for which type of provider.

Answers to the NATS notifier of notification-controller: the first server of the address that takes the message has it.
"""

import ssl
from collections.abc import Mapping

from aiohttp.resolver import DefaultResolver

from gotk.http import egress
from gotk.http.exchange import Answer, Exchange, Request, Unusable
from gotk.http.tls import SYSTEM, InvalidTLS
from gotk.runtime.clock import Clock
from image_automation.notification.delivery import nats_keys
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.sending import Failure, Sender, converse, masked
from image_automation.notification.providers.nats import Publication, Server

_DONE = Answer(status=200)


class Senders:
    """Delivers by the sender of a provider's type, all other types by `otherwise`."""

    def __init__(self, senders: Mapping[str, Sender], *, otherwise: Sender) -> None:
        self._senders = senders
        self._otherwise = otherwise

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        """Deliver. Raises SendError; Unusable where nothing could be sent at all."""
        await self._senders.get(line.account.type, self._otherwise).send(exchange, line)


class NATSSender:
    """Carries conversations out whose requests are publications."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        """Publish within the line's timeout. Raises SendError; Unusable where nothing could be sent at all."""
        await converse(exchange, line, lambda request: _publish(request, line), self._clock)


async def _publish(message: Request, line: Delivery) -> Answer:
    assert isinstance(message, Publication)
    failures: list[Failure] = []
    for server in message.servers:
        try:
            await _publish_to(server, message, line)
        except Failure as failure:
            failures.append(Failure(masked(str(failure), server.login.secrets), again=failure.again))
        else:
            return _DONE
    raise Failure("; ".join(map(str, failures)), again=any(failure.again for failure in failures))


async def _publish_to(server: Server, message: Publication, line: Delivery) -> None:
    from nats.errors import Error  # noqa: PLC0415 - takes long to load

    from image_automation.notification.delivery import nats_client  # noqa: PLC0415 - as above

    resolver = egress.BoundedResolver(DefaultResolver(), most=egress.Reach.LOOPBACK, seen={})
    tls = line.tls or SYSTEM
    try:
        secure, context = server.secure or line.tls is not None, tls.context()
        async with nats_client.connected(server, resolver, context, secure=secure, timeout=line.timeout) as client:
            await nats_client.publish(client, message.subject, message.body, timeout=line.timeout)
    except InvalidTLS as error:
        raise Unusable(str(error)) from None
    except nats_keys.SeedError as error:
        raise Unusable(f"the seed in the secret's key 'creds' or 'nkey' cannot be used: {error}") from None
    except Error as error:
        raise Failure(f"NATS server {server.host}: {str(error).removeprefix('nats: ')}", again=False) from None
    except OSError as error:
        raise _unreachable(server.host, error) from None
    except (ValueError, TypeError, LookupError, AttributeError):
        # What the client library makes of an answer that NATS does not have.
        raise Failure(f"NATS server {server.host}: its answer is not NATS", again=False) from None
    finally:
        await resolver.close()


def _unreachable(host: str, error: OSError) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(f"cannot reach {host}: its certificate is not trusted", again=False)
    again = not isinstance(error, egress.Refused)
    return Failure(f"cannot reach {host}: {error.strerror or str(error) or type(error).__name__}", again=again)
