"""Tags that a webhook said were pushed: the annotation that a narrowed Receiver leaves. Pure.

Beyond Flux, where a call leads to a scan of the whole list. What the annotation says is a hint: a tag counts once the
registry has answered for it, and the next list is read when it would have been. A list that has not caught up yet does
not take such a tag away, however often it is read, as long as the registry goes on answering for the tag.
"""

from collections.abc import Collection, Mapping

from gotk.api import extensions
from gotk.oci import name

_MOST = 20


def fresh(annotations: Mapping[str, str], known: Collection[str]) -> tuple[str, ...]:
    """Return the tags named that are not known yet; none where one is no tag."""
    named = [tag for tag in annotations.get(extensions.PUSHED, "").split(",") if tag]
    if len(named) > _MOST or not all(name.is_tag(tag) for tag in named):
        return ()
    already = set(known) if named else set()
    return tuple(tag for tag in dict.fromkeys(named) if tag not in already)
