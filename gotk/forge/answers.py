"""Reading what forges answer: JSON of which anything may be missing, and the words of a refusal."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gotk.http import errors
from gotk.http.exchange import Answer, Unusable


def is_done(answer: Answer) -> bool:
    """Tell an answer to what was done from a refusal."""
    return 200 <= answer.status < 300


def as_object(answer: Answer) -> dict[str, Any]:
    """Decode a body as an object. Raises Unusable."""
    value = answer.json()
    if not isinstance(value, dict):
        raise Unusable("the service's answer is not an object")
    return value


def dig(value: Any, *names: str) -> Any:
    """Follow names into objects; None where one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any, *names: str) -> str:
    """Follow names to a text; empty where there is none."""
    found = dig(value, *names)
    return found if isinstance(found, str) else ""


def texts(listed: Any, *names: str) -> tuple[str, ...]:
    """Return the texts that names lead to in each item of a list; of no names, the items that are texts."""
    items = listed if isinstance(listed, list) else ()
    return tuple(found for each in items if (found := text(each, *names)))


def number_of(value: Any, name: str) -> int:
    """Return a number of a pull request. Raises Unusable where there is none."""
    found = dig(value, name)
    if not isinstance(found, int):
        raise Unusable(f"the service's answer lacks '{name}'")
    return found


def said(answer: Answer) -> str:
    """Return what a refusal says, in a line: the texts of its message and errors, whatever the forge calls them."""
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"status {answer.status}"
    words = dict.fromkeys(_words(value, depth=4))
    return errors.printable("; ".join(words)) or f"status {answer.status}"


def refused(what: str, answer: Answer) -> list[str]:
    """Return the warning that something could not be had; nothing where it was."""
    return [] if is_done(answer) else [f"{what}: {said(answer)}"]


def _words(value: Any, *, depth: int) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for each in value:
            yield from _words(each, depth=depth - 1)
    elif isinstance(value, dict) and depth:
        for name in ("message", "error", "errors", "error_description", "detail", "base"):
            yield from _words(value.get(name), depth=depth - 1)
