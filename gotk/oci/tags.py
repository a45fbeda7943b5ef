"""A page of a tag list: what is no list is an error, never an empty one. No input or output.

Read as Go reads it, as in `gotk.lenient`; an entry that is `null` (Nexus writes such lists) is a tag without a name and
drops out with all that are no tags.
"""

import msgspec

from gotk import lenient
from gotk.oci import errors


class TagList(msgspec.Struct):
    """Tags as tools for registries print them."""

    tags: list[str]


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
        page = msgspec.json.decode(body, type=_Page)  # nearly every page; long lists are read at every change
        if not isinstance(page.tags, msgspec.UnsetType):
            return page
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return lenient.decode(body, _Page)
    except lenient.Unreadable as error:
        raise errors.BadAnswer(f"{what}: the answer is not a tag list: {errors.printable(str(error))}") from error
