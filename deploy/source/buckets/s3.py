"""A bucket of an S3 store, asked through the guarded HTTP client: whether it is there, what it lists, what it holds.

Answers to the S3 API as `minio-go` speaks it for source-controller: path-style addresses, Signature Version 4, and
nobody's where there are no keys. A store that knows another region of the bucket is asked again with that one.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from yarl import URL

from deploy.source.buckets import listing
from deploy.source.buckets.listing import Listing
from deploy.source.buckets.store import Missing, StoreError
from gotk.cloud.sigv4 import Keys, sign
from gotk.http import errors
from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.http.transport import Answer, Request, Sink, Transport

_REGION = "us-east-1"
_PAGE_LIMIT = 8 << 20
_REFUSAL_LIMIT = 64 << 10
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """Which bucket of which store, and who we are to it; without `keys` nobody."""

    endpoint: str
    bucket: str
    region: str = ""
    insecure: bool = False
    keys: Keys | None = None
    tls: TLS = SYSTEM
    proxy: Proxy | None = field(default=None, repr=False)


class S3Bucket:
    """One bucket. Every method raises StoreError, and Missing where something is not there."""

    def __init__(self, transport: Transport, access: S3Access, *, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._access = access
        self._now = now
        self._region = access.region or _REGION
        scheme = "http" if access.insecure else "https"
        self._base = f"{scheme}://{access.endpoint}/{quote(access.bucket, safe='-_.~')}"

    async def exists(self) -> bool:
        """Tell whether the bucket is there."""
        try:
            await self._ask("HEAD", f"{self._base}/", limit=0)
        except Missing:
            return False
        return True

    async def tags(self, prefix: str) -> dict[str, str]:
        """Return the keys below a prefix, and the tag of each. Raises ListingError as well."""
        found, token = Listing(), ""
        while True:
            query = {"encoding-type": "url", "list-type": "2", "prefix": prefix, "continuation-token": token}
            spelt = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()) if value)
            answer = await self._ask("GET", f"{self._base}/?{spelt}", limit=_PAGE_LIMIT)
            token = found.take(listing.read_page(answer.body))
            if not token:
                return found.tags

    async def fetch(self, key: str, sink: Sink, *, limit: int) -> str:
        """Pass an object to a sink, and return its tag."""
        answer = await self._ask("GET", f"{self._base}/{quote(key, safe='/-_.~')}", limit=limit, sink=sink)
        return answer.headers.get("ETag", "").strip('"')

    async def _ask(self, method: str, url: str, *, limit: int, sink: Sink | None = None) -> Answer:
        answer = await self._send(method, url, limit, sink)
        told = answer.headers.get("x-amz-bucket-region", "")
        if answer.status in {301, 307, 400, 403} and told.isascii() and told not in {"", self._region}:
            self._region = told[:64]
            answer = await self._send(method, url, limit, sink)
        if answer.status == 200:
            return answer
        what = f"{method} {url.partition('?')[0]}"
        kind = Missing if answer.status == 404 else StoreError
        raise kind(f"{what}: {answer.status} {_said(answer.body)}".rstrip())

    async def _send(self, method: str, url: str, limit: int, sink: Sink | None) -> Answer:
        target = URL(url, encoded=True)
        headers: Mapping[str, str] = {"X-Amz-Content-Sha256": _EMPTY, "Accept-Encoding": "identity"}
        if (keys := self._access.keys) is not None:
            headers = sign(
                keys, method=method, url=target, headers=headers, body=b"", region=self._region, service="s3",
                now=self._now(),
            )  # fmt: skip
        request = Request(method=method, url=target, headers=headers, limit=limit, follow=False)
        try:
            return await self._transport.send(request, tls=self._access.tls, proxy=self._access.proxy, sink=sink)
        except (errors.HTTPError, InvalidTLS) as error:
            raise StoreError(str(error).replace(f"?{target.raw_query_string}", "")) from error


def _said(body: bytes) -> str:
    """Return what a store says of a refusal, for people."""
    text = body[:_REFUSAL_LIMIT].decode("utf-8", "replace")
    code, message = (text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("Code", "Message"))
    return errors.printable(f"{code}: {message}" if code else "")
