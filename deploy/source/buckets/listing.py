"""What a bucket holds: pages of keys and their tags, put together, filtered and digested. Pure.

Answers to `index.Digester` and `fetchEtagIndex` of source-controller: the digest of a bucket is that of its keys and
tags, a line each, in the order of bytes. Unlike there, what a store may list is bounded, and a store that goes on
listing the same is found out.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from deploy.source.ignore import IGNORE_FILE, parse
from gotk import plain_xml
from gotk.plain_xml import local_name

MOST_KEYS = 50_000
_LONGEST_KEY = 1024


class ListingError(ValueError):
    """A listing that cannot be believed, or is too large. The message names the key."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing: its keys with their tags, and what to ask for the next part with, if there is one."""

    tags: Mapping[str, str]
    following: str


def read_page(body: bytes) -> Page:
    """Read an answer of `ListObjectsV2`. Raises ListingError."""
    try:
        root = plain_xml.parse(body)
    except ValueError as error:
        raise ListingError(f"the answer is {error}") from None
    if local_name(root) != "ListBucketResult":
        raise ListingError("the answer is no listing of a bucket")
    said = {local_name(node): node.text or "" for node in root if not len(node)}
    decode = unquote if said.get("EncodingType", "") == "url" else str
    tags = {}
    for node in root:
        if local_name(node) == "Contents":
            found = {local_name(each): each.text or "" for each in node}
            tags[decode(found.get("Key", ""))] = found.get("ETag", "").strip('"')
    truncated = said.get("IsTruncated", "").lower() == "true"
    return Page(tags, said.get("NextContinuationToken", "") if truncated else "")


class Listing:
    """Takes page after page; `empty_pages` of them may bring nothing new and go on."""

    def __init__(self, *, empty_pages: int = 0) -> None:
        self.tags: dict[str, str] = {}
        self._empty_pages = empty_pages
        self._asked: set[str] = set()

    def take(self, page: Page) -> str:
        """Add a page; returns what to ask for the next one with, or nothing. Raises ListingError."""
        before = len(self.tags)
        self.tags |= page.tags
        if len(self.tags) > MOST_KEYS:
            raise ListingError(f"the bucket lists more than {MOST_KEYS} objects")
        if page.following and len(self.tags) == before:
            self._empty_pages -= 1
        if page.following in self._asked or self._empty_pages < 0:
            raise ListingError("the store goes on listing what it has listed already")
        self._asked.add(page.following)
        return page.following


def select(tags: Mapping[str, str], ignore_file: str, spec_ignore: str | None) -> dict[str, str]:
    """Leave out what ignore rules name, folders, and the file of the rules. Raises ListingError for a bad key."""
    patterns = [*parse(ignore_file), *parse(spec_ignore or "")]
    kept = {}
    for key, tag in tags.items():
        if key.endswith("/") or key == IGNORE_FILE:
            continue
        parts = tuple(key.split("/"))
        decisive = next((each for each in reversed(patterns) if each.matches(parts, directory=False)), None)
        if decisive is not None and not decisive.includes:
            continue
        check(key)
        kept[key] = tag
    return kept


def check(key: str) -> None:
    """Refuse a key that is no path of a file. Raises ListingError."""
    parts = key.split("/")
    if not key or len(key) > _LONGEST_KEY or "\0" in key or any(part in {"", ".", ".."} for part in parts):
        raise ListingError(f"the key {key[:200]!r} is no path of a file")


def digest(tags: Mapping[str, str]) -> str:
    """Return the revision of what a bucket holds."""
    lines = "".join(f"{key} {tags[key]}\n" for key in _sorted(tags))
    return f"sha256:{hashlib.sha256(lines.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _sorted(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=lambda key: key.encode("utf-8", "surrogateescape"))
