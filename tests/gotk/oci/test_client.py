"""The client against registries that behave, misbehave and mean harm."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from gotk.http.proxy import Proxy
from gotk.http.tls import TLS, InvalidTLS
from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from tests.gotk.oci.serving import Authority, Handler, serving, tag_list

DIRECT = Access(timeout=20)


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def client(time: Time) -> AsyncIterator[RegistryClient]:
    async with RegistryClient(monotonic=time.monotonic, sleep=time.sleep, chance=random.Random(1)) as client:
        yield client


async def tags_of(client: RegistryClient, handler: Handler, access: Access = DIRECT) -> list[str]:
    async with serving(handler) as address:
        return (await client.list_tags(name.parse(f"{address}/app"), access)).tags


async def test_pages_are_followed_to_the_end(client: RegistryClient):
    pages = {"": ["a", "b"], "b": ["c", "d"], "d": ["e"]}

    async def handler(request: web.Request) -> web.Response:
        tags = pages[request.query.get("last", "")]
        link = "" if tags == ["e"] else f'</v2/app/tags/list?n=2&last={tags[-1]}>; rel="next"'
        return tag_list(*tags, link=link)

    assert await tags_of(client, handler) == ["a", "b", "c", "d", "e"]


async def test_a_thousand_are_asked_for_at_once(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        return tag_list(request.query["n"])

    assert await tags_of(client, handler) == ["1000"]


async def test_a_list_of_null_is_no_tags(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"name": "app", "tags": None})

    assert await tags_of(client, handler) == []


@pytest.mark.parametrize(
    ("body", "type_", "message"),
    [
        ("<html>log in</html>", "text/html", "is a web page"),
        ('{"tags": ["1"]}', "text/html; charset=utf-8", "is a web page"),
        ('{"errors": [{"code": "DENIED", "message": "no\\u001b[31m way"}]}', "application/json", "DENIED: no .31m way"),
        ('{"errors": [{"code": "DENIED"}], "tags": ["1"]}', "application/json", "DENIED"),
        ('{"name": "app"}', "application/json", "has no `tags`"),
        ("[]", "application/json", "is not a tag list"),
        ('{"tags": {}}', "application/json", "is not a tag list"),
        ('{"tags": [1]}', "application/json", "is not a tag list"),
        ('{"tags": ["1", "2', "application/json", "is not a tag list"),
        ("", "application/json", "is not a tag list"),
        ('{"tags": ' + "[" * 100_000, "application/json", "is not a tag list"),
    ],
    ids=[
        "a login page",
        "a list that says it is a page",
        "errors in a success",
        "errors beside tags",
        "no tags at all",
        "not an object",
        "tags of another shape",
        "numbers",
        "truncated",
        "empty",
        "nested without end",
    ],
)
async def test_a_broken_answer_is_an_error_and_never_no_tags(
    client: RegistryClient, body: str, type_: str, message: str
):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body.encode(), headers={"Content-Type": type_})

    with pytest.raises(errors.BadAnswer, match=message) as raised:
        await tags_of(client, handler)
    assert "\x1b" not in str(raised.value)


async def test_entries_that_are_no_tags_are_dropped_and_counted(client: RegistryClient):
    body = b'{"tags":["1.0","\xff\xfe","..\\u002f","a\\u0000b","\\u202e1","%s","ok"]}' % (b"x" * 10_000)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with serving(handler) as address:
        listing = await client.list_tags(name.parse(f"{address}/app"), DIRECT)
    assert (listing.tags, listing.dropped) == (["1.0", "ok"], 5)


async def test_a_failing_page_fails_the_list(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        if "last" in request.query:
            return web.json_response({"errors": [{"code": "DENIED"}]}, status=403)
        return tag_list("1", link='</v2/app/tags/list?last=1>; rel="next"')

    with pytest.raises(errors.Unauthorized, match="DENIED"):
        await tags_of(client, handler)


async def test_a_compressed_list_is_read(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        response = tag_list("1", "2")
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert await tags_of(client, handler) == ["1", "2"]


async def test_silence_ends_with_the_deadline(client: RegistryClient):
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"tags": [')
        await asyncio.Event().wait()
        return response

    with pytest.raises(errors.Unreachable, match=r"app: tags/list: no complete answer within 0\.2s"):
        await tags_of(client, handler, Access(timeout=0.2))


async def test_a_hanging_registry_delays_nobody_elses_scan(client: RegistryClient):
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def answer(request: web.Request) -> web.Response:
        return tag_list("1")

    async with serving(hang) as hanging, serving(answer) as healthy, asyncio.TaskGroup() as group:
        stuck = [
            group.create_task(client.list_tags(name.parse(f"{hanging}/app"), Access(timeout=30))) for _ in range(30)
        ]
        async with asyncio.timeout(25):
            assert (await client.list_tags(name.parse(f"{healthy}/app"), DIRECT)).tags == ["1"]
        for task in stuck:
            task.cancel()


async def test_failures_that_pass_are_tried_three_times(client: RegistryClient, time: Time):
    statuses = [503, 502]

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=statuses.pop(0)) if statuses else tag_list("1")

    assert await tags_of(client, handler) == ["1"]
    assert len(time.slept) == 2


async def test_a_failure_that_stays_is_the_error(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503)

    with pytest.raises(errors.Unavailable, match="unexpected status code 503"):
        await tags_of(client, handler)


async def test_a_refusal_is_not_tried_again(client: RegistryClient, time: Time):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=403)

    with pytest.raises(errors.Unauthorized):
        await tags_of(client, handler)
    assert time.slept == []


async def test_a_short_retry_after_is_waited_for(client: RegistryClient, time: Time):
    answers = [web.Response(status=429, headers={"Retry-After": "7"})]

    async def handler(request: web.Request) -> web.Response:
        return answers.pop() if answers else tag_list("1")

    assert await tags_of(client, handler) == ["1"]
    assert sum(time.slept) == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("31536000", 3600), ("60", 60), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600), ("nonsense", None)],
)
async def test_a_long_retry_after_is_clamped_and_closes_the_host(
    client: RegistryClient, time: Time, header: str, expected: float | None
):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=429, headers={"Retry-After": header})

    async with serving(handler) as address:
        for repository in ("app", "other"):
            with pytest.raises(errors.Unavailable) as raised:
                await client.list_tags(name.parse(f"{address}/{repository}"), DIRECT)
            assert raised.value.retry_after == expected
        assert len(asked) == (1 if expected else 6)
        someone_else = Access(credentials=Credentials(username="other", password="p"))
        with pytest.raises(errors.Unavailable, match="GET"):
            await client.list_tags(name.parse(f"{address}/app"), someone_else)
        assert len(asked) == (2 if expected else 9)


async def test_a_redirect_is_followed_and_drops_credentials_on_another_host(client: RegistryClient):
    seen = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return tag_list("1")

    async with serving(elsewhere) as other:

        async def handler(request: web.Request) -> web.Response:
            if "Authorization" not in request.headers:
                return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
            raise web.HTTPTemporaryRedirect(f"http://{other}/list")

        access = Access(credentials=Credentials(username="user", password="hunter2"))
        assert await tags_of(client, handler, access) == ["1"]
    assert seen == [None]


async def test_nobody_there_is_said_for_both_schemes(client: RegistryClient, unused_tcp_port: int):
    with pytest.raises(errors.Unreachable) as raised:
        await client.list_tags(name.parse(f"127.0.0.1:{unused_tcp_port}/app"), DIRECT)
    assert f"GET https://127.0.0.1:{unused_tcp_port}/v2/" in str(raised.value)
    assert f"GET http://127.0.0.1:{unused_tcp_port}/v2/" in str(raised.value)


async def test_a_digest_is_taken_from_the_bytes_where_the_registry_names_none(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=405) if request.method == "HEAD" else web.Response(body=b"{}")

    async with serving(handler) as address:
        digest = await client.digest(name.parse(f"{address}/app"), "1", DIRECT)
    assert digest == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


async def test_a_digest_that_is_not_the_bytes_is_refused(client: RegistryClient):
    async def handler(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(status=405)
        return web.Response(body=b"{}", headers={"Docker-Content-Digest": "sha256:" + "0" * 64})

    with pytest.raises(errors.BadAnswer, match="is not what its digest says"):
        async with serving(handler) as address:
            await client.digest(name.parse(f"{address}/app"), "1", DIRECT)


async def test_a_certificate_needs_to_be_trusted(client: RegistryClient, tmp_path: Path):
    authority, insecure = Authority.make(), Access(insecure=True)

    async def handler(request: web.Request) -> web.Response:
        return tag_list("1")

    async with serving(handler, tls=authority.server_context(tmp_path)) as address:
        repository = name.parse(f"{address}/app")
        with pytest.raises(errors.RegistryError, match="certificate not trusted"):
            await client.list_tags(repository, insecure)
        trusting = Access(tls=TLS(ca=authority.pair.certificate))
        assert (await client.list_tags(repository, trusting)).tags == ["1"]


async def test_a_client_certificate_is_shown(client: RegistryClient, tmp_path: Path):
    authority = Authority.make()
    pair, ca = authority.issue(), authority.pair.certificate

    async def handler(request: web.Request) -> web.Response:
        return tag_list("1")

    async with serving(handler, tls=authority.server_context(tmp_path, ask_client=True)) as address:
        repository = name.parse(f"{address}/app")
        with pytest.raises(errors.Unreachable):
            await client.list_tags(repository, Access(tls=TLS(ca=ca)))
        known = Access(tls=TLS(ca=ca, certificate=pair.certificate, key=pair.key))
        assert (await client.list_tags(repository, known)).tags == ["1"]


@pytest.mark.parametrize(
    "tls",
    [TLS(ca=b"hunter2"), TLS(certificate=b"hunter2", key=b"hunter2"), TLS(ca=b"\xff")],
    ids=["authority", "pair", "no text"],
)
def test_what_is_no_certificate_is_said_without_showing_it(tls: TLS):
    with pytest.raises(InvalidTLS) as raised:
        tls.context()
    assert "hunter2" not in f"{raised.value} {tls!r}"


async def test_a_proxy_is_used_and_told_who_we_are(client: RegistryClient):
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((str(request.url), request.headers.get("Proxy-Authorization", "")))
        return tag_list("1") if "tags" in request.path else web.json_response({})

    async with serving(handler) as proxy:
        access = Access(insecure=True, proxy=Proxy(url=URL(f"http://{proxy}"), username="user", password="pass"))
        listing = await client.list_tags(name.parse("registry.invalid/app"), access)
    assert listing.tags == ["1"]
    assert seen[-1] == ("http://registry.invalid/v2/app/tags/list?n=1000", "Basic dXNlcjpwYXNz")
