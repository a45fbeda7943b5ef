"""Markers: the comment that says which policy a value follows.

`image: nginx:1.25 # {"$imagepolicy": "flux-system:nginx"}`. Answers to the setter comments of Flux's image automation
controller: a marker is a comment that is exactly one JSON object of strings with a `$imagepolicy`, whose text names a
policy and, where only a part of the image is wanted, `tag`, `name` or `digest`. The long form of kyaml, a JSON object
with a `$ref` to the same name, marks too, but only in files that hold `"$imagepolicy"`: Flux looks into no other.
What a person may have meant for a marker is known as well, to tell of it.
"""

import re
from typing import Any, Final

import msgspec

#: Every file with a marker holds these bytes; the search for them is the first screen.
NEEDLE: Final = b'"$imagepolicy"'
KEY: Final = "$imagepolicy"
PARTS: Final = ("tag", "name", "digest")

_NEEDLE: Final = NEEDLE.decode()
_LONG: Final = "#/definitions/io.k8s.cli.setters."
_COMMENT_LIMIT = 4096
_SETTER_TEXT = rf"[^:\s]+:[^:\s]+(?::(?:{'|'.join(PARTS)}))?"
_SETTER = re.compile(_SETTER_TEXT)


def _any_case(word: str) -> str:
    """Spell a word in letters of either case: a flag would cost the pattern its search by first characters."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in word)


_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_KEY = rf"{_any_case('$im')}\w{{0,8}}[-_ ]?{_any_case('pol')}\w{{0,8}}|{_any_case('imagepolicy')}"
_KEY_MEANT = rf"(?:{_KEY})[{_QUOTES}]?[ \t]{{0,8}}[:=]"
_COMMENT = re.compile(r"#[^\n]*")
_CANDIDATE = re.compile(rf"{_any_case(_NEEDLE)}|{_any_case(_LONG.lower())}|{_KEY_MEANT}")
_INNER = re.compile(r"#+[ \t]*(?=[{($])")
_MEANT = re.compile(
    rf"[{{(]?[ \t]{{0,8}}[{_QUOTES}]?{_KEY_MEANT}[ \t]{{0,8}}[{_QUOTES}]?"
    rf"(?P<setter>[^\s:{_QUOTES}{{}}()]{{1,253}}:[^\s:{_QUOTES}{{}}()]{{1,253}}(?::(?:{'|'.join(PARTS)}))?)"
    rf"[{_QUOTES}]?[ \t]{{0,8}}[,;]?[ \t]{{0,8}}[}})]?",
    re.IGNORECASE,
)


def parse(comment: str) -> str | None:
    """Return the setter of a comment (`#` included), such as `flux-system:nginx:tag`; None where it is no marker."""
    text = comment.lstrip("#").strip()
    if len(text) > _COMMENT_LIMIT:
        return None
    try:
        setter = msgspec.json.decode(text, type=dict[str, str]).get(KEY)
    except msgspec.DecodeError:
        setter = None
    return setter or _referred(text)


def well_formed(setter: str) -> bool:
    """Tell whether a setter is `NAMESPACE:POLICY`, alone or with `:tag`, `:name` or `:digest`."""
    return _SETTER.fullmatch(setter) is not None


def is_hinted(data: bytes) -> bool:
    """Tell whether bytes may hold a marker, or what may be meant for one.

    Most files end at plain searches, which cost next to nothing; a pattern is tried on comments alone.
    """
    if NEEDLE in data:
        return True
    if b"#" not in data:
        return False
    dollar = b"$" in data and (b"$im" in data or b"$Im" in data or b"$IM" in data)
    if not (dollar or b"imagepolicy" in data or b"io.k8s.cli.setters." in data):
        return False
    return candidate(data.decode(errors="replace")) >= 0


def candidate(text: str, start: int = 0) -> int:
    """Return where the next marker, or what may be meant for one in a comment, stands; -1 where there is none."""
    exact = text.find(_NEEDLE, start)
    for comment in _COMMENT.finditer(text, start, exact if exact >= 0 else len(text)):
        if found := _CANDIDATE.search(text, *comment.span()):
            return found.start()
    return exact


def is_exact(text: str, position: int) -> bool:
    """Tell whether a candidate is spelt as Flux looks for it."""
    return text.startswith(_NEEDLE, position)


def meant(comment: str, *, alone: bool = False) -> str | None:
    """Return the setter that a comment which is no marker probably means; `alone` only where it holds nothing else."""
    text = comment.lstrip("#").strip()
    if len(text) > _COMMENT_LIMIT:
        return None
    found = _MEANT.fullmatch(text) if alone else _MEANT.search(text)
    return found["setter"] if found else None


def is_commented_out(comment: str) -> bool:
    """Tell whether a comment is a line that had a marker before it was commented out: `# image: x # {...}`."""
    text = comment.lstrip("#")
    if len(text) > _COMMENT_LIMIT:
        return False
    inner = [found.start() for found in _INNER.finditer(text) if text[: found.start()].strip()]
    return any(parse(text[start:]) or meant(text[start:], alone=True) for start in inner)


def _referred(text: str) -> str | None:
    """Return the setter that a `$ref` refers to. Those of other tools name no policy."""
    if _LONG not in text:
        return None
    try:
        reference = msgspec.json.decode(text, type=dict[str, Any]).get("$ref")
    except msgspec.DecodeError:
        return None
    if not isinstance(reference, str) or not reference.startswith(_LONG):
        return None
    setter = reference.removeprefix(_LONG)
    return setter if well_formed(setter) else None
