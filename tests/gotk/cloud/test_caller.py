"""Answers of token endpoints: read as Go reads them, refused by the field's name, and never deep enough to hurt."""

from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from yarl import URL

from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError
from tests.gotk.oci.serving import serving


class Answer(msgspec.Struct):
    access_token: str
    expires_in: float = 3600
    expires_on: datetime | None = None


READ: dict[str, bytes] = {
    "plain": b'{"access_token":"T","expires_in":60}',
    "numbers as texts": b'{"access_token":"T","expires_in":"60"}',
    "nulls": b'{"access_token":"T","expires_in":60,"refresh_token":null,"expires_on":null}',
    "other letters": b'{"Access_Token":"T","EXPIRES_IN":60.0}',
    "a byte order mark": b'\xef\xbb\xbf{"access_token":"T","expires_in":60}',
}


@pytest.mark.parametrize("body", READ.values(), ids=READ)
def test_a_token_answer_is_read(body: bytes):
    assert decode(body, Answer, "POST x") == Answer(access_token="T", expires_in=60)


def test_a_moment_is_read():
    body = b'{"access_token":"T","expires_on":"2026-01-01T00:00:00Z"}'
    assert decode(body, Answer, "POST x").expires_on == datetime(2026, 1, 1, tzinfo=UTC)


NOT_READ: dict[str, tuple[bytes, str]] = {
    "missing": (b"{}", ": there is no `$.access_token`"),
    "null": (b'{"access_token":null}', ": there is no `$.access_token`"),
    "another type": (b'{"access_token":["hunter2"]}', ": Expected `str`, got `array` - at `$.access_token`"),
    "no JSON": (b"<html>hunter2", ""),
    "too deep": (b'{"access_token":"T","x":' + b"[" * 100_000, ": nested deeper than 500 levels"),
}


@pytest.mark.parametrize(("body", "detail"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_no_answer_is_named_and_not_shown(body: bytes, detail: str):
    with pytest.raises(CloudError) as raised:
        decode(body, Answer, "POST x")
    assert str(raised.value) == "POST x: the answer is not what the service documents" + detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"code":400,"message":"no such role","status":"INVALID"}}', "status 400: no such role: INVALID"),
        (b'{"error":"invalid_grant","error_description":null}', "status 400: invalid_grant"),
        (b'{"error":' + b"[" * 100_000, "status 400"),
        (b'{"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "status 400"),
        (b"\xff\xfe", "status 400"),
    ],
    ids=["Google's", "Azure's", "deep and open", "deep", "no text"],
)
async def test_a_refusal_is_said_as_far_as_it_can_be_read(body: bytes, said: str):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=400, body=body)

    async with serving(handler) as address, Caller() as caller:
        with pytest.raises(CloudError) as raised:
            await caller.ask("POST", URL(f"http://{address}/token"))
    assert str(raised.value) == f"POST http://{address}/token: {said}"
