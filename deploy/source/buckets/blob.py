"""A container of Azure's Blob service, asked through the guarded HTTP client: by a token, a signed key or a SAS.

Answers to the Blob service's REST API (List Blobs, Get Blob) as Azure's client speaks it for source-controller. A
container is there if it can be listed. Folders of accounts with a hierarchical namespace are no objects.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, unquote

from yarl import URL

from deploy.source.buckets.listing import Listing, ListingError, Page
from deploy.source.buckets.store import Missing, StoreError
from gotk import plain_xml
from gotk.cloud.token import Token
from gotk.http import errors
from gotk.http.proxy import Proxy
from gotk.http.tls import InvalidTLS
from gotk.http.transport import Answer, Request, Sink, Transport
from gotk.plain_xml import local_name

_VERSION = "2021-12-02"
_PAGE_LIMIT = 16 << 20
_EMPTY_PAGES = 100
_FIRST = "1"
_MOST_A_PAGE = "1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobAccess:
    """Which container of which account; by a token, the account's key, or a SAS in the address's query, if any."""

    endpoint: URL = field(repr=False)
    container: str
    token: Token | None = None
    account: str = ""
    key: bytes = field(default=b"", repr=False)
    proxy: Proxy | None = field(default=None, repr=False)


class BlobContainer:
    """One container. Every method raises StoreError, and Missing where something is not there."""

    def __init__(self, transport: Transport, access: BlobAccess, *, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._access = access
        self._now = now
        root = str(access.endpoint.with_query(None)).rstrip("/")
        self._base = f"{root}/{_quoted(access.container)}"

    async def exists(self) -> bool:
        """Tell whether the container is there."""
        try:
            await self._list(maxresults=_FIRST)
        except Missing:
            return False
        return True

    async def tags(self, prefix: str) -> dict[str, str]:
        """Return the keys below a prefix, and the tag of each. Raises ListingError as well."""
        found, marker = Listing(empty_pages=_EMPTY_PAGES), ""
        while True:
            answer = await self._list(maxresults=_MOST_A_PAGE, prefix=prefix, marker=marker)
            marker = found.take(read_page(answer.body))
            if not marker:
                return found.tags

    async def fetch(self, key: str, sink: Sink, *, limit: int) -> str:
        """Pass an object to a sink, and return its tag."""
        answer = await self._ask(f"{self._base}/{quote(key, safe='/-_.~')}", {}, limit=limit, sink=sink)
        return answer.headers.get("ETag", "").strip('"')

    async def _list(self, **query: str) -> Answer:
        asked = {"comp": "list", "restype": "container", **{name: value for name, value in query.items() if value}}
        return await self._ask(self._base, asked, limit=_PAGE_LIMIT)

    async def _ask(self, place: str, query: dict[str, str], *, limit: int, sink: Sink | None = None) -> Answer:
        access = self._access
        query = {**dict(access.endpoint.query), **query}
        spelt = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
        headers = {"x-ms-date": http_date(self._now()), "x-ms-version": _VERSION}
        url = URL(f"{place}?{spelt}" if spelt else place, encoded=True)
        authorization = f"Bearer {access.token.value}" if access.token is not None else None
        if access.key:
            text = string_to_sign(access.account, url.raw_path, query, headers)
            signed = base64.b64encode(hmac.digest(access.key, text.encode(), hashlib.sha256)).decode()
            authorization = f"SharedKey {access.account}:{signed}"
        request = Request(
            method="GET", url=url, headers={**headers, "Accept-Encoding": "identity"}, limit=limit, follow=False,
            label=f"GET {errors.printable(place)}",
        )  # fmt: skip
        try:
            answer = await self._transport.send(request, proxy=access.proxy, authorization=authorization, sink=sink)
        except (errors.HTTPError, InvalidTLS) as error:
            raise StoreError(str(error)) from error
        if answer.status == 200:
            return answer
        kind = Missing if answer.status == 404 else StoreError
        raise kind(f"{request}: {answer.status} {_said(answer)}".rstrip())


def string_to_sign(account: str, path: str, query: dict[str, str], headers: dict[str, str]) -> str:
    """Return what is signed for a GET without a body, by Shared Key as of 2009-09-19; `path` is the encoded one."""
    own = [f"{name}:{value}" for name, value in sorted(headers.items())]
    asked = [f"{name.lower()}:{value}" for name, value in sorted(query.items(), key=lambda item: item[0].lower())]
    return "\n".join(["GET", *([""] * 11), *own, f"/{account}{path}", *asked])


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def read_page(body: bytes) -> Page:
    """Read an answer of List Blobs. Raises ListingError."""
    try:
        root = plain_xml.parse(body)
    except ValueError as error:
        raise ListingError(f"the answer is {error}") from None
    if local_name(root) != "EnumerationResults":
        raise ListingError("the answer is no listing of a container")
    tags, following = {}, ""
    for node in root:
        if local_name(node) == "NextMarker":
            following = node.text or ""
        for blob in node if local_name(node) == "Blobs" else ():
            name, properties = blob.find("Name"), blob.find("Properties")
            if name is None or properties is None or properties.findtext("ResourceType") == "directory":
                continue
            text = name.text or ""
            key = unquote(text) if name.get("Encoded") == "true" else text
            tags[key] = (properties.findtext("Etag") or "").strip('"')
    return Page(tags, following)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _said(answer: Answer) -> str:
    """Return what Azure says of a refusal, for people."""
    code = answer.headers.get("x-ms-error-code", "")
    try:
        message = plain_xml.parse(answer.body).findtext("Message") or ""
    except ValueError:
        message = ""
    first = message.partition("\n")[0]
    return errors.printable(": ".join(part for part in (code, first) if part))
