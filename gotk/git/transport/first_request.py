"""The first request of a conversation over HTTP, made by ourselves where libgit2 tells or guards too little.

libgit2 sends a bearer token along to wherever the same host redirects it, another port included, and drops what a
server says beside a status such as 403. Answers to gitprotocol-http: `GET <repository>/info/refs?service=...`, and an
empty POST, which Git itself sends to find out whether it would be let in.
"""

import base64
import functools
import ssl
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin

from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.transport import diagnosis
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import Operation, Push, Remote

_MOST_REDIRECTS = 7  # of libgit2
_REMARKS_LIMIT = 4096
_READABLE = ("text/plain", "application/json")
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered: its status, where it redirects to, and what it said to people."""

    status: int
    location: str = ""
    remarks: str = ""


def check(operation: Operation) -> None:
    """Make sure that no redirect leads a secret away from its origin.

    Raises AuthenticationFailed where one does, and where the server refuses the request anyway what that means.
    """
    url, failures = urls.parse(operation.remote.url).bare, Failures.of(operation)
    for _ in range(_MOST_REDIRECTS):
        try:
            answer = _ask(operation.remote, f"{url}/info/refs?service={_service(operation)}")
        except (OSError, HTTPException) as error:
            raise _unreachable(error, failures) from None
        if answer.status >= 400 and answer.status != 401:  # that one is libgit2's to tell of
            raise diagnosis.of_status(answer.status, f"status code: {answer.status}", failures, answer.remarks)
        if not 300 <= answer.status < 400 or not answer.location:
            return
        target = urls.parse(urljoin(f"{url}/info/refs", answer.location))
        if not urls.parse(operation.remote.url).trusts(target):
            cause = f"the remote redirects to '{target.origin}', which gets no secret"
            raise failures.error(errors.AuthenticationFailed, cause)
        url = target.bare.partition("/info/refs")[0]
    raise failures.error(errors.Unreachable, "the remote redirects too often")


def refusal(operation: Operation) -> Answer | None:
    """Ask for the refusal that an operation met: its status, and what the server says beside it.

    None where the server cannot be asked, or refuses nothing any more.
    """
    address, service = urls.parse(operation.remote.url), _service(operation)
    if address.scheme not in {"http", "https"}:
        return None
    try:
        answer = _ask(operation.remote, f"{address.bare}/info/refs?service={service}")
        if answer.status == 200:
            answer = _ask(operation.remote, f"{address.bare}/{service}", b"0000", f"application/x-{service}-request")
    except (OSError, HTTPException):
        return None
    return answer if answer.status >= 400 else None


def _service(operation: Operation) -> str:
    return "git-receive-pack" if isinstance(operation, Push) else "git-upload-pack"


def _ask(remote: Remote, url: str, body: bytes | None = None, content_type: str = "") -> Answer:
    """Ask once, with the secret, and follow nothing. Raises OSError and HTTPException."""
    request = urllib.request.Request(url, data=body)  # noqa: S310 - http or https: `urls.parse` let nothing else in
    request.add_unredirected_header("User-Agent", "git/2.0 (image-automation)")
    if content_type:
        request.add_unredirected_header("Content-Type", content_type)
    if authorization := authorization_of(remote.credentials):
        request.add_unredirected_header("Authorization", authorization)
    opener = _opener(remote.credentials, secure=url.startswith("https:"))
    try:
        with opener.open(request, timeout=min(remote.timeout, _SECONDS)) as answer:
            return Answer(answer.status)
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Location", ""), _said(error))


def authorization_of(credentials: Credentials) -> str:
    """Return what stands in the header of a request that shows who we are; nothing for nobody."""
    if credentials.bearer_token:
        return f"Bearer {credentials.bearer_token}"
    if not credentials.username:
        return ""
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@functools.cache
def machine_authorities() -> ssl.SSLContext:
    """Return what trusts the authorities that the machine knows. Reading them takes longer than a whole conversation.

    Workers inherit it from the fork server, which reads them once.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as libgit2 and Go look at authorities
    return context


def _context(credentials: Credentials) -> ssl.SSLContext:
    """Trust a secret's own authority too: its operation has a worker, whose context is nobody else's."""
    context = machine_authorities()
    if credentials.ca:
        context.load_verify_locations(cadata=credentials.ca)
    return context


def _opener(credentials: Credentials, *, secure: bool) -> urllib.request.OpenerDirector:
    """Put together what one request takes: nothing that follows a redirect or knows other secrets is among it."""
    opener, proxy = urllib.request.OpenerDirector(), credentials.proxy
    for handler in (
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
        urllib.request.HTTPSHandler(context=_context(credentials)) if secure else urllib.request.HTTPHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _said(error: HTTPError) -> str:
    """Read a little of what an answer says to people; a web page is for others."""
    if error.headers.get_content_type() not in _READABLE:
        return ""
    return error.read(_REMARKS_LIMIT).decode("utf-8", "replace")


def _unreachable(error: Exception, failures: Failures) -> errors.Error:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return failures.failed(errors.CertificateInvalid, errors.printable(cause.verify_message))
    if isinstance(cause, TimeoutError):
        return failures.error(errors.TimedOut, "the remote did not answer in time")
    return failures.failed(errors.Unreachable, errors.printable(str(cause) or type(cause).__name__))
