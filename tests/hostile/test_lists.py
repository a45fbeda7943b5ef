"""Rows 1-3, 9, 10 and 12: tag lists without end, too large, unfolding, none at all, cut, or of what is no tag."""

from collections.abc import AsyncIterator
from itertools import count

from aiohttp import web

from tests.gotk.oci.serving import Handler, tag_list
from tests.hostile.registry import MIB, bomb, honest, linking, raw, saying, streaming
from tests.hostile.scene import memory_within, scene

LIST_LIMIT = 64 * MIB
PAGE_LIMIT = 1_000


async def test_row_01_pagination_that_loops_or_never_ends():
    async with scene() as it:
        pages = count()

        async def endless(request: web.Request) -> web.Response:
            page = next(pages)
            return tag_list(f"9.0.{page}", link=f'</v2/app/tags/list?n=1000&last=9.0.{page}>; rel="next"')

        for what, trick, most in (
            ("the same page again", linking("/v2/app/tags/list?n=1000", "9.9.9"), 1),
            ("two pages in turn", linking("?last=a", "9.9.9"), 2),
            ("always another page", endless, PAGE_LIMIT),
        ):
            before = len(it.registry.asked)
            with memory_within(32 * MIB):
                await it.survives(trick, "the tag list does not end, at page ")
            # The first look at a registry that moved may cost a further request; a page is never asked for twice.
            assert len(it.registry.asked) - before <= most, what


async def test_row_02_a_million_tags_and_half_a_gigabyte():
    many = ('{"tags":[' + ",".join(f'"9.{n // 1000}.{n % 1000}"' for n in range(1_000_001)) + "]}").encode()
    sent: list[int] = []

    async def half_a_gigabyte() -> AsyncIterator[bytes]:
        yield b'{"tags":["9.9.9"'
        for _ in range(512):
            yield b',"9.9.9"' * (MIB // 8)

    async with scene() as it:
        with memory_within(16 * len(many)):
            await it.survives(saying(many), "more tags than the limit of 1000000")
        with memory_within(2 * LIST_LIMIT):
            await it.survives(
                streaming(half_a_gigabyte, sent), f"the answer is larger than the limit of {LIST_LIMIT} bytes"
            )
    # What is beyond the limit was never taken from the wire, but for what the sockets hold.
    assert sum(sent) < LIST_LIMIT + 32 * MIB


async def test_row_03_decompression_bomb():
    ten_gigabytes = 10 << 30
    gzip, deflate = bomb(ten_gigabytes), bomb(ten_gigabytes, wrapper="zlib")
    assert len(gzip) < ten_gigabytes // 900
    refused = f"the answer is larger than the limit of {LIST_LIMIT} bytes"
    async with scene() as it:
        for encoding, content, message in (
            ("gzip", gzip, refused),
            ("deflate", deflate, refused),
            ("gzip, gzip", gzip, "the answer's encoding 'gzip, gzip' is not supported"),
            ("br", b"\x1b", "the answer's encoding 'br' is not supported"),
            ("gzip", gzip[:500], "the answer ends in the middle of its gzip data"),
        ):
            with memory_within(2 * LIST_LIMIT + len(content)):
                await it.survives(saying(content, Content_Encoding=encoding), message)


async def test_row_09_a_success_that_is_a_login_page_or_holds_errors():
    html = "<!doctype html><title>Sign in</title>"
    async with scene() as it:
        for trick, message in (
            (saying(html, type_="text/html"), "the answer is a web page, not a tag list"),
            (saying('{"tags":[]}', type_="text/html; charset=utf-8"), "the answer is a web page, not a tag list"),
            (saying(html), "the answer is not a tag list"),
            (saying('{"errors":[{"code":"DENIED","message":"\\u001b[2Jno"}]}'), "the answer holds errors: DENIED: "),
            (saying('{"errors":[{"code":"DENIED"}],"tags":[]}'), "the answer holds errors: DENIED"),
            (saying('{"name":"app"}'), "the answer has no `tags`"),
            (saying("[]"), "the answer is not a tag list"),
            (saying(""), "the answer is not a tag list"),
            (saying('{"tags": ' + "[" * 100_000), "the answer is not a tag list"),
        ):
            await it.survives(trick, message)


async def test_row_12_entries_that_are_no_tags():
    body = (
        b'{"tags":["1.0.0","1.1.0","1.2.0","latest","1.3.0","9.\xff\xfe","9.0.0\\u0000","\\u001b]8;;http://evil\\u0007x",'
        b'"\\u202e9.9.9","../../9","9.0.0\\nprivileged: true","9.0.0+a","","%s"]}' % (b"9" * 10_000)
    )
    async with scene() as it:
        it.registry.trick = saying(body)
        ended = await it.scan()
        assert ended.ready[:2] == ("True", "Succeeded")
        assert it.tags == ["latest", "1.3.0", "1.2.0", "1.1.0", "1.0.0"]
        assert ended.obj.status.last_scan_result is not None
        assert list(ended.obj.status.last_scan_result.latest_tags) == it.tags
        assert [entry["dropped"] for entry in it.logs if "dropped" in entry] == [9]
        await it.choose()
        assert it.chosen.tag == "1.3.0"


def cut(body: bytes) -> Handler:
    """Promise more than is sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    return raw(head + body)


async def test_row_10_a_list_that_is_suddenly_empty_or_cut():
    tags = tuple(f"1.{number}.0" for number in range(400))
    async with scene(tags=tags) as it:
        for trick, message in (
            (cut(b'{"tags":["1.0.0"'), "GET http"),
            (cut(b'{"tags":["1.0.0"]}'), "GET http"),
            (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n" + b'{"tags":["1.0.0"]}'), "GET http"),
            (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "GET http"),
            (raw(b"\0\1\2 no HTTP at all\r\n\r\n"), "GET http"),
            (raw(b""), "GET http"),
            (saying('{"tags":["1.0.0","1.1.0"'), "the answer is not a tag list"),
        ):
            await it.survives(trick, message)
        for suddenly, reason in (
            (saying('{"tags":null}'), "TagListEmpty"),
            (honest(), "TagListEmpty"),
            (honest("1.0.0", "1.1.0"), "TagListShrunk"),
        ):
            it.registry.trick = suddenly
            ended = await it.scan()
            assert ended.conditions["image-automation.dev/TagsHeld"][:2] == ("True", reason)
            assert len(it.tags) == 400
            await it.choose()
            assert it.chosen.tag == "1.399.0"
            await it.good_times(*tags)
