"""A page of a tag list: read strictly, so that a broken answer is an error, never an empty list. No input or output."""

import msgspec

from gotk.oci import errors


class _Page(msgspec.Struct):
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    errors: list[msgspec.Raw] | None = None


def read_page(body: bytes, *, content_type: str, what: object) -> list[str]:
    """Return the entries of a page, tags or not. `null` is no tags, as the reference registry means it.

    Raises BadAnswer for a web page, an error body with a success's status, and anything else that is no tag list.
    """
    if "html" in content_type.lower():
        raise errors.BadAnswer(f"{what}: the answer is a web page, not a tag list")
    page = _decode(body, what)
    if page.errors:
        raise errors.BadAnswer(f"{what}: the answer holds errors: {errors.described(body)}")
    if isinstance(page.tags, msgspec.UnsetType):
        raise errors.BadAnswer(f"{what}: the answer has no `tags`")
    return page.tags or []


def _decode(body: bytes, what: object) -> _Page:
    try:
        return msgspec.json.decode(body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        # One entry that is not UTF-8 spoils the decoding of all: it becomes one that is no tag, to be dropped as such.
        return msgspec.json.decode(body.decode("utf-8", "replace"), type=_Page)
    except msgspec.DecodeError as error:
        raise errors.BadAnswer(f"{what}: the answer is not a tag list: {errors.printable(str(error))}") from error
