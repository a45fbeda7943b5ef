"""DELETE: one object, or all that the selectors choose."""

import orjson
from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.call import Call
from gotk.apiserver.wire import body, encode, filters, options

#: Kinds whose delete answers with the object even when it is gone at once.
_RETURNED = frozenset(
    {"pods", "services", "serviceaccounts", "persistentvolumes", "persistentvolumeclaims", "resourcequotas"}
)


async def delete(call: Call) -> web.StreamResponse:
    """Delete the named object: answers with it while finalizers hold it, with a Status once it is gone."""
    how = await _options(call)
    outcome = await call.plane.writer.delete(call.resource, call.found(), how)
    item = outcome.item
    returned = not call.resource.group and call.resource.plural in _RETURNED
    if outcome.gone and not returned and not how.dry_run:
        return call.answer(200, orjson.dumps(status.success(call.resource, item.key.name, item.uid)))
    return call.answer(200, encode.one(item, call.resource, call.encoding, call.include))


async def delete_all(call: Call) -> web.StreamResponse:
    """Delete what the selectors choose and answer with it."""
    how = await _options(call)
    store = call.plane.store
    chosen = filters.parse(call.resource, call.query)
    items = store.objects(call.resource.storage, call.namespace)
    doomed = [item for item in items if chosen is None or chosen.matches(item)]
    done = [outcome.item for outcome in await call.plane.writer.delete_all(call.resource, doomed, how)]
    return call.answer(200, encode.many(done, call.resource, call.encoding, revision=store.revision))


async def _options(call: Call) -> options.Delete:
    data = await call.request.read()
    content: object = {}
    if data.strip():
        try:
            content = body.plain(data, call.content_type)
        except ValueError as error:
            raise status.bad_request(f"the delete options cannot be read: {error}") from error
    return options.delete(call.query, content if isinstance(content, dict) else {})
