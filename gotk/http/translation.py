"""What the errors of aiohttp, TLS and the operating system mean, in our own kinds and in words for users.

The cause is said rather than the call that failed, as Go says it (`connect: connection refused`).
"""

import os
import ssl

import aiohttp

from gotk.http import errors
from gotk.http.egress import Refused

#: What is said of a server that leads further in than it may.
PRIVATE = "the server leads to a private address; refused"
#: What OpenSSL calls an answer that is no TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


def translated(error: Exception, request: object, *, is_secret: bool) -> errors.HTTPError:
    """Return what an error of the library means for a request, whose URL its text may not quote if it is secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return errors.OutOfReach(f"{request}: {PRIVATE}")
        if isinstance(cause, ssl.SSLCertVerificationError):
            # aiohttp's own error is one of these too, without the field.
            detail = getattr(cause, "verify_message", "") or getattr(cause.__cause__, "verify_message", "")
            return errors.Untrusted(
                f"{request}: certificate not trusted: {errors.printable(detail or 'unknown cause')}"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError):
        return errors.Unreachable(f"{request}: no answer in time")
    unsendable = isinstance(error, ValueError) and not isinstance(error, (OSError, UnicodeError))
    if unsendable or isinstance(error, (aiohttp.ClientResponseError, aiohttp.NonHttpUrlClientError)):
        return errors.BadAnswer(f"{request}: {errors.printable(words(error, is_secret=is_secret))}")
    return errors.Unreachable(f"{request}: {errors.printable(_unreachable(error, is_secret=is_secret))}")


def _unreachable(error: Exception, *, is_secret: bool) -> str:
    """Say why there was no answer, by the cause rather than by the call that failed."""
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_TLS:
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, aiohttp.ClientConnectorError) and (error.errno or 0) > 0:
        whom = "connect to the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else "connect"
        return f"{whom}: {os.strerror(error.errno or 0).lower()}"
    return error.strerror if isinstance(error, OSError) and error.strerror else words(error, is_secret=is_secret)


def words(error: Exception, *, is_secret: bool) -> str:
    """Return an error's own text, but where it could quote a URL that is a secret."""
    return type(error).__name__ if is_secret else str(error) or type(error).__name__


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for an error; aiohttp's own errors are of the type without having one."""
    cause: BaseException | None = error
    while cause is not None and not getattr(cause, "reason", ""):
        cause = cause.__cause__ or cause.__context__
    return getattr(cause, "reason", "") or ""
