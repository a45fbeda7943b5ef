"""GET: one object, or a list of them."""

import base64
import binascii
import bisect
from functools import partial

import orjson
from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.call import Call
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.wire import encode, filters


async def get(call: Call) -> web.StreamResponse:
    """Answer with one object."""
    item = call.plane.store.get(call.key)
    if item is None:
        raise status.not_found(call.resource, call.target.name)
    size = len(item.data) if call.encoding.converted else 0
    data = await call.plane.offload.run(size, lambda: encode.one(item, call.resource, call.encoding, call.include))
    return call.answer(200, data)


async def list_(call: Call) -> web.StreamResponse:
    """Answer with the objects that the selectors choose, a page at a time when asked to."""
    store, query = call.plane.store, call.query
    check_revision(call)
    chosen = filters.parse(call.resource, query)
    limit = max(0, _number(query.get("limit", "")))
    after = _cursor(query.get("continue", ""))
    items = store.objects(call.resource.storage, call.namespace)
    if after is not None:
        items = items[bisect.bisect_right(items, after, key=_place) :]
    if chosen is not None:
        items = [item for item in items if chosen.matches(item)]
    page = items[:limit] if limit else items
    left = len(items) - len(page)
    encoded = partial(
        encode.many,
        page,
        call.resource,
        call.encoding,
        revision=store.revision,
        proceed=_token(page[-1], store.revision) if left else "",
        remaining=left if left and chosen is None else None,
        include=call.include,
    )
    size = sum(len(item.data) for item in page) if call.encoding.converted else 0
    return call.answer(200, await call.plane.offload.run(size, encoded))


def check_revision(call: Call) -> None:
    """Refuse revisions that lie in the future, or exact ones that lie in the past."""
    wanted, match = call.query.get("resourceVersion", ""), call.query.get("resourceVersionMatch", "")
    if not wanted or wanted == "0":
        return
    newest, asked = call.plane.store.revision, revision(wanted)
    if asked > newest:
        why = f"Too large resource version: {asked}, current: {newest}"
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        raise status.Refusal(504, "Timeout", why, {"causes": [cause], "retryAfterSeconds": 1})
    if match == "Exact" and asked != newest:
        raise status.expired(f"The resourceVersion for the provided list is too old: {asked}")


def revision(text: str) -> int:
    """Read a resourceVersion. Raises Refusal (400)."""
    if not text.isascii() or not text.isdigit():
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise status.bad_request(f'invalid resource version "{text}": {why}')
    return int(text)


def _number(text: str) -> int:
    if not text:
        return 0
    try:
        return int(text)
    except ValueError as error:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _place(item: Stored) -> tuple[str, str]:
    return item.key.namespace, item.key.name


def _token(last: Stored, at: int) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": at, "start": [last.key.namespace, last.key.name]}
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def _cursor(token: str) -> tuple[str, str] | None:
    """Read where a page begins: after which namespace and name. Raises Refusal (400)."""
    if not token:
        return None
    try:
        content = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = content["start"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise status.bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    return str(namespace), str(name)
