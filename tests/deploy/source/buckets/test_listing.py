"""What a bucket lists: read, bounded, filtered, digested."""

import hashlib

import pytest

from deploy.source.buckets import listing
from deploy.source.buckets.listing import Listing, ListingError, Page

BODY = b"""<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>fleet</Name><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>
<Contents><Key>a%20b/%C3%A9.yaml</Key><ETag>"1"</ETag><Size>1</Size></Contents>
<Contents><Key>c.yaml</Key><ETag>&quot;2-3&quot;</ETag></Contents></ListBucketResult>"""


def test_a_page_is_read() -> None:
    assert listing.read_page(BODY) == Page({"a b/é.yaml": "1", "c.yaml": "2-3"}, "more")
    whole = BODY.replace(b"true", b"false")
    assert listing.read_page(whole).following == ""


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param(b"<html>", "the answer is not XML", id="a login page"),
        pytest.param(b"<Error/>", "no listing of a bucket", id="an error"),
        pytest.param(b'<!DOCTYPE x [<!ENTITY a "aaa">]><x/>', "not what the protocol documents", id="entities"),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY a "aaa">]><x/>'.encode("utf-16"),
            "not what the protocol documents",
            id="entities in UTF-16",
        ),
        pytest.param(b'<?xml version="1.0" encoding="none"?><x/>', "the answer is not XML", id="an encoding of nobody"),
    ],
)
def test_what_is_no_listing_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(ListingError, match=complaint):
        listing.read_page(body)


def test_a_store_that_loops_is_found_out() -> None:
    found = Listing()
    assert found.take(Page({"a": "1"}, "x")) == "x"
    assert found.take(Page({"b": "1"}, "y")) == "y"
    with pytest.raises(ListingError, match="goes on listing"):
        found.take(Page({"c": "1"}, "x"))
    endless = Listing()
    endless.take(Page({"a": "1"}, "x"))
    with pytest.raises(ListingError, match="goes on listing"):
        endless.take(Page({"a": "1"}, "y"))


def test_keys_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_KEYS", 2)
    with pytest.raises(ListingError, match="more than 2 objects"):
        Listing().take(Page({"a": "", "b": "", "c": ""}, ""))


def test_only_the_bucket_s_own_rules_and_the_spec_s_leave_keys_out() -> None:
    tags = dict.fromkeys(("a.yaml", "a.jpg", ".gitignore", "docs/a.md", "docs/", ".sourceignore", "keep.md"), "1")
    kept = listing.select(tags, "*.md\n!keep.md\n", "/a.yaml\n")
    assert set(kept) == {"a.jpg", ".gitignore", "keep.md"}
    assert set(listing.select(tags, "", None)) == {"a.yaml", "a.jpg", ".gitignore", "docs/a.md", "keep.md"}


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/\0", "x" * 1025])
def test_a_key_that_is_no_path_is_refused_unless_it_is_left_out(key: str) -> None:
    with pytest.raises(ListingError, match="is no path of a file"):
        listing.select({key: "1"}, "", None)


def test_the_revision_is_that_of_keys_and_tags_in_the_order_of_bytes() -> None:
    lines = "B 2\na 1\né 3\n"
    expected = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert listing.digest({"é": "3", "a": "1", "B": "2"}) == expected
