"""Markers: the comment that says which policy a value follows.

`image: nginx:1.25 # {"$imagepolicy": "flux-system:nginx"}`. Answers to the setter comments of Flux's image automation
controller: a marker is a comment that is exactly one JSON object of strings with a `$imagepolicy`, whose text names a
policy and, where only a part of the image is wanted, `tag`, `name` or `digest`.
"""

import re
from typing import Final

import msgspec

#: Every file with a marker holds these bytes; the search for them is the first screen.
NEEDLE: Final = b'"$imagepolicy"'
KEY: Final = "$imagepolicy"
PARTS: Final = ("tag", "name", "digest")

_COMMENT_LIMIT = 4096
_SETTER = re.compile(rf"[^:\s]+:[^:\s]+(?::(?:{'|'.join(PARTS)}))?")


def parse(comment: str) -> str | None:
    """Return the setter of a comment (`#` included), such as `flux-system:nginx:tag`; None where it is no marker."""
    text = comment.lstrip("#").strip()
    if len(text) > _COMMENT_LIMIT:
        return None
    try:
        fields = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        return None
    return fields.get(KEY) or None


def well_formed(setter: str) -> bool:
    """Tell whether a setter is `NAMESPACE:POLICY`, alone or with `:tag`, `:name` or `:digest`."""
    return _SETTER.fullmatch(setter) is not None
