"""Writing to a tag store what a scan would have found."""

from collections.abc import Collection, Sequence

from gotk.api.image import ScanResult
from reflector.first_seen import FirstSeen
from reflector.store import ScannedList, TagStore


def write(
    store: TagStore,
    image: str,
    tags: Sequence[str],
    revision: str,
    *,
    first_seen: FirstSeen | None = None,
    doubtful: bool = False,
    change: tuple[Sequence[str], Collection[str]] = ((), ()),
    scope: Sequence[str] = (),
) -> bool:
    """Write a list; `change` is what came and what went among the tags under the exclusions of `scope`."""
    result = ScanResult(tag_count=len(tags), revision=revision, scan_time="2026-01-01T12:00:00Z", latest_tags=())
    added, gone = change
    return store.write(
        image,
        ScannedList(
            tags=tags,
            result=result,
            exclusions=scope,
            first_seen=first_seen,
            added=added,
            gone=gone,
            doubtful=doubtful,
        ),
    )
