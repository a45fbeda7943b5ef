"""Pages of tag lists: what registries make of them is read, and what is no list is an error."""

import pytest

from gotk.oci import errors, name, tags
from gotk.oci.listing import Listing, Page

READ: dict[str, tuple[bytes, list[str]]] = {
    "plain": (b'{"name":"app","tags":["1.0.0","1.1.0"]}', ["1.0.0", "1.1.0"]),
    "no tags": (b'{"tags":null}', []),
    "no tags, said twice": (b'{"tags":null,"errors":null}', []),
    "a null among the tags": (b'{"name":"team/web","tags":[null,"1.0.0","1.1.0"]}', ["", "1.0.0", "1.1.0"]),
    "nothing but nulls": (b'{"tags":[null,null]}', ["", ""]),
    "in other letters": (b'{"Name":"app","Tags":["1.0.0"]}', ["1.0.0"]),
    "null in other letters": (b'{"TAGS":null}', []),
    "behind a byte order mark": (b'\xef\xbb\xbf{"tags":["1.0.0",null]}', ["1.0.0", ""]),
    "with broken text": (b'{"tags":["\xff","1.0.0",null]}', ["�", "1.0.0", ""]),
    "with half a surrogate pair": (b'{"tags":["\\ud800","1.0.0"]}', ["�", "1.0.0"]),
    "with errors that are none": (b'{"tags":["1.0.0"],"errors":[]}', ["1.0.0"]),
    "with a null error": (b'{"tags":["1.0.0",null],"errors":[null]}', ["1.0.0", ""]),
    "a key twice": (b'{"tags":["0"],"tags":["1.0.0"]}', ["1.0.0"]),
}  # fmt: skip


@pytest.mark.parametrize(("body", "entries"), READ.values(), ids=READ)
def test_a_page_is_read(body: bytes, entries: list[str]):
    assert tags.read_page(body, content_type="application/json", what="GET x") == entries


NO_LIST: dict[str, tuple[bytes, str]] = {
    "no tags": (b'{"name":"app"}', "the answer has no `tags`"),
    "null": (b"null", "the answer has no `tags`"),
    "another spelling of a long list": (b'{"TAGS":["' + b'1","' * 500_000 + b'1"]}', "the answer has no `tags`"),
    "numbers": (b'{"tags":["1",2]}', "Expected `str`, got `int` - at `$.tags[1]`"),
    "numbers beside nulls": (b'{"tags":[null,2]}', "Expected `str`, got `int` - at `$.tags[1]`"),
    "objects": (b'{"tags":[{"name":"1"}]}', "Expected `str`, got `object` - at `$.tags[0]`"),
    "a text": (b'{"tags":"1.0.0"}', "Expected `array`, got `str` - at `$.tags`"),
    "a list": (b'["1.0.0"]', "Expected `object`, got `array`"),
    "errors": (b'{"tags":["1"],"errors":[{"code":null,"message":"no"}]}', "the answer holds errors: no"),
    "too deep": (b'{"x":' + b"[" * 10**6 + b"]" * 10**6 + b',"tags":["1.0.0"]}', "nested deeper than 500 levels"),
    "too deep and open": (b'{"x":' + b'{"a":' * 1_000_000, "nested deeper than 500 levels"),
    "cut off": (b'{"tags":["1.0.0",nu', "is not a tag list"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), NO_LIST.values(), ids=NO_LIST)
def test_what_is_no_list_is_named(body: bytes, message: str):
    with pytest.raises(errors.RegistryError) as raised:
        tags.read_page(body, content_type="application/json", what="GET x")
    assert str(raised.value).startswith("GET x: the answer ")
    assert str(raised.value).endswith(message) or message == "is not a tag list"


def test_nulls_count_as_entries_that_are_no_tags():
    page = Page(b'{"tags":[null,"1.0.0","not a tag"]}', "application/json")
    listing = Listing([page], what="GET x", limit=10)
    assert (listing.tags, listing.dropped) == (["1.0.0"], 2)
    assert name.is_tag("") is None


DESCRIBED: dict[str, tuple[bytes, str]] = {
    "nulls": (b'{"errors":[null,{"code":"DENIED","message":null,"detail":null}]}', "DENIED"),
    "null": (b'{"errors":null}', ""),
    "other letters": (b'{"Errors":[{"Code":"DENIED","Message":"no"}]}', "DENIED: no"),
    "another type": (b'{"errors":"no"}', ""),
    "too deep": (b'{"errors":' + b"[" * 100_000, ""),
    "too long": (b'{"errors":[{"code":"DENIED"}],"x":"' + b"x" * (1 << 20) + b'"}', ""),
}


@pytest.mark.parametrize(("body", "said"), DESCRIBED.values(), ids=DESCRIBED)
def test_a_refusal_is_described_as_far_as_it_can_be_read(body: bytes, said: str):
    assert errors.described(body) == said
