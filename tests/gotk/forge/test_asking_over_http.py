"""Conversations with a forge over real HTTP: what a server does to whoever asks it, and what it learns of the token."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gotk.forge import asking, repository
from gotk.forge.asking import Asker
from gotk.forge.gitea import Gitea
from gotk.http import errors
from gotk.http.exchange import Unusable
from gotk.http.transport import Transport
from tests.gotk.forge.standins.facts import Facts, Pull
from tests.gotk.forge.standins.gitea import Gitea as StandIn
from tests.gotk.forge.standins.serving import served
from tests.gotk.oci.serving import serving

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TOKEN = "t0k3n-of-the-bot"


def gitea(address: str) -> Gitea:
    return Gitea(repository=repository.parse(f"{address}/org/web"), token=TOKEN)


@contextlib.asynccontextmanager
async def asker() -> AsyncIterator[Asker]:
    async with Transport() as transport:
        yield Asker(transport, now=lambda: NOW, secrets=(TOKEN,))


@contextlib.asynccontextmanager
async def answering(
    status: int, body: Any = None, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[Gitea, Asker, list[web.Request]]]:
    """Let a server answer everything so."""
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=data, headers=headers)

    async with serving(answer) as address, asker() as made:
        yield gitea(f"http://{address}"), made, seen


async def test_a_list_is_read_page_by_page_as_whoever_the_token_is():
    facts = Facts()
    facts.pulls = [Pull(number, "t", "b", "x", "a" * 40, "main") for number in range(1, 120)]
    async with served(StandIn(facts), path="/api/v1") as (address, seen), asker() as made:
        found = await made.ask(gitea(address).find_pull_requests("x"))
    assert [each.number for each in found] == list(range(119, 0, -1))
    assert [request.query.get("page") for request in seen] == [None, "2", "3"]
    assert {request.headers["Authorization"] for request in seen} == {f"token {TOKEN}"}


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        pytest.param(429, {"Retry-After": "30"}, 30.0, id="a time to wait"),
        pytest.param(403, {"Retry-After": "7"}, 7.0, id="a limit that looks like a missing right"),
        pytest.param(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)}, 90.0,
                     id="none left"),
        pytest.param(503, {"Retry-After": "Sun, 29 Nov 2026 12:00:40 GMT"}, 40.0, id="down until a time of day"),
    ],
)  # fmt: skip
async def test_who_is_to_ask_later_is_told_when(status: int, headers: dict[str, str], after: float):
    async with answering(status, {"message": "slow down"}, headers) as (forge, made, seen):
        with pytest.raises(errors.Unavailable, match="slow down") as caught:
            await made.ask(forge.get_pull_request(1))
    assert (caught.value.temporary, caught.value.retry_after, len(seen)) == (True, after, 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.Unauthorized), (403, errors.Unauthorized), (404, errors.NotFound), (500, errors.Unavailable)],
)
async def test_a_token_that_the_server_repeats_is_in_no_message(status: int, kind: type[errors.HTTPError]):
    async with answering(status, {"message": f"token {TOKEN} may not do that"}) as (forge, made, _):
        with pytest.raises(kind) as caught:
            await made.ask(forge.get_pull_request(1))
    assert "token ***** may not do that" in str(caught.value)
    assert TOKEN not in str(caught.value)


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "_BODY_LIMIT", 10_000)
    async with answering(200, b"[" + b" " * 20_000 + b"]") as (forge, made, _):
        with pytest.raises(errors.TooLarge, match="larger than the limit of 10000 bytes"):
            await made.ask(forge.get_pull_request(1))


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_answer_of_a_forge_is_said(body: bytes):
    async with answering(200, body) as (forge, made, _):
        with pytest.raises(Unusable, match="the service's answer is not JSON"):
            await made.ask(forge.get_pull_request(1))


async def test_a_redirect_takes_no_token_along():
    async with answering(200, {}) as (elsewhere, _, strangers):
        moved = {"Location": f"{elsewhere.repository.host}/api/v1/x"}
        async with answering(301, {}, moved) as (forge, made, _):
            with pytest.raises(errors.BadAnswer, match="it has moved; name its new address"):
                await made.ask(forge.get_pull_request(1))
    assert strangers == []


async def test_a_server_that_is_gone_is_asked_again_later():
    async with answering(200) as (forge, _, _):
        pass
    async with asker() as made:
        with pytest.raises(errors.Unreachable) as caught:
            await made.ask(forge.get_pull_request(1))
    assert caught.value.temporary
