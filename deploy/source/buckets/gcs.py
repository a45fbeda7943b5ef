"""A bucket of Google Cloud Storage, asked through the guarded HTTP client with a bearer token.

Answers to the JSON API (storage/v1) as Google's client speaks it for source-controller: an object's tag is that of its
metadata, and its content is fetched in that generation only. As there, the address is Google's own, whatever
`spec.endpoint` says: a token of this process would go to whoever writes a Bucket otherwise.
"""

from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec
from yarl import URL

from deploy.source.buckets.listing import Listing, ListingError, Page
from deploy.source.buckets.store import Missing, StoreError
from gotk.cloud.token import Token
from gotk.http import errors
from gotk.http.proxy import Proxy
from gotk.http.tls import InvalidTLS
from gotk.http.transport import Answer, Request, Sink, Transport

ADDRESS = "https://storage.googleapis.com"
_PAGE_LIMIT = 8 << 20
_METADATA_LIMIT = 64 << 10
_EMPTY_PAGES = 100


class _Item(msgspec.Struct):
    name: str
    etag: str = ""


class _Listed(msgspec.Struct, rename="camel"):
    items: list[_Item] = []
    next_page_token: str = ""


class _Metadata(msgspec.Struct):
    etag: str
    generation: str


class _Cause(msgspec.Struct):
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsAccess:
    """Which bucket, and who we are to it."""

    bucket: str
    token: Token
    address: str = ADDRESS
    proxy: Proxy | None = field(default=None, repr=False)


class GcsBucket:
    """One bucket. Every method raises StoreError, and Missing where something is not there."""

    def __init__(self, transport: Transport, access: GcsAccess) -> None:
        self._transport = transport
        self._access = access
        self._base = f"{access.address}/storage/v1/b/{_quoted(access.bucket)}"

    async def exists(self) -> bool:
        """Tell whether the bucket is there."""
        try:
            await self._ask(f"{self._base}?fields=name", limit=_METADATA_LIMIT)
        except Missing:
            return False
        return True

    async def tags(self, prefix: str) -> dict[str, str]:
        """Return the keys below a prefix, and the tag of each. Raises ListingError as well."""
        found, token = Listing(empty_pages=_EMPTY_PAGES), ""
        while True:
            query = {"prefix": prefix, "pageToken": token}
            spelt = "".join(f"&{name}={_quoted(value)}" for name, value in query.items() if value)
            wanted = "fields=items(name,etag),nextPageToken"
            answer = await self._ask(f"{self._base}/o?{wanted}{spelt}", limit=_PAGE_LIMIT)
            token = found.take(read_page(answer.body))
            if not token:
                return found.tags

    async def fetch(self, key: str, sink: Sink, *, limit: int) -> str:
        """Pass an object to a sink, and return its tag."""
        place = f"{self._base}/o/{_quoted(key)}"
        said = await self._ask(f"{place}?fields=etag,generation", limit=_METADATA_LIMIT)
        try:
            metadata = msgspec.json.decode(said.body, type=_Metadata)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StoreError(f"GET {place}: the answer is no metadata of an object") from None
        query = f"alt=media&ifGenerationMatch={_quoted(metadata.generation)}"
        await self._ask(f"{place}?{query}", limit=limit, sink=sink)
        return metadata.etag

    async def _ask(self, url: str, *, limit: int, sink: Sink | None = None) -> Answer:
        target = URL(url, encoded=True)
        headers = {"Accept-Encoding": "identity"}
        request = Request(method="GET", url=target, headers=headers, limit=limit, follow=False)
        authorization = f"Bearer {self._access.token.value}"
        try:
            answer = await self._transport.send(
                request, proxy=self._access.proxy, authorization=authorization, sink=sink
            )
        except (errors.HTTPError, InvalidTLS) as error:
            raise StoreError(str(error).replace(f"?{target.raw_query_string}", "")) from error
        if answer.status == 200:
            return answer
        kind = Missing if answer.status == 404 else StoreError
        raise kind(f"GET {url.partition('?')[0]}: {answer.status} {_said(answer)}".rstrip())


def read_page(body: bytes) -> Page:
    """Read an answer of `objects.list`. Raises ListingError."""
    try:
        listed = msgspec.json.decode(body, type=_Listed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ListingError("the answer is no listing of a bucket") from None
    return Page({item.name: item.etag for item in listed.items}, listed.next_page_token)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _said(answer: Answer) -> str:
    """Return what Google says of a refusal, for people."""
    try:
        message = msgspec.json.decode(answer.body, type=_Refusal).error.message
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = ""
    if not message and answer.status == 412:
        message = "the object has changed since it was listed"
    return errors.printable(message)
