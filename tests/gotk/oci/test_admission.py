"""What a registry said last decides: its scope, its scheme, its realm; and nothing is shown where it was not before."""

import base64
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from tests.gotk.oci.serving import serving, tag_list

USER = Credentials(username="user", password="hunter2")
IDENTITY = Credentials(username="user", password="hunter2", identity_token="opaque")


@dataclass
class Registry:
    """A registry with its token server. Tokens are `SCOPES#NUMBER`; one counts while its number is `dead` at least.

    `first` and `second` are the challenges to nobody and to a refused header (`HOST` and `PATH` are filled in), `wants`
    the scope of a token that is let in, `grants` the statuses of the token server by scopes.
    """

    wants: str = "repository:PATH:pull"
    first: str = 'Bearer realm="http://HOST/token",service="s"'
    second: str = 'Bearer realm="http://HOST/token",service="s",scope="WANTS"'
    takes_basic: bool = False
    takes_post: int = 200
    grants: dict[str, int] = field(default_factory=dict)
    dead: int = 0
    issued: int = 0
    shown: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return await self._token(request)
        path = request.path.removeprefix("/v2/").removesuffix("/tags/list")
        given = request.headers.get("Authorization", "")
        self.shown.append(given.partition(" ")[0])
        if self._lets_in(given, self.wants.replace("PATH", path)):
            return tag_list("1.0.0")
        said = self.second if given else self.first
        said = said.replace("WANTS", self.wants).replace("PATH", path).replace("HOST", request.host)
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return web.json_response(body, status=401, headers={"WWW-Authenticate": said})

    def _lets_in(self, given: str, wanted: str) -> bool:
        if given.startswith("Basic "):
            return self.takes_basic and given == USER.basic
        scopes, _, number = given.removeprefix("Bearer ").partition("#")
        return bool(number) and wanted in scopes.split("+") and int(number) > self.dead

    async def _token(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            form = await request.post()
            scopes = str(form["scope"]).split()
            self.tokens.append("POST " + " ".join(scopes))
            if self.takes_post != 200:
                return web.Response(status=self.takes_post)
        else:
            scopes = request.query.getall("scope")
            self.tokens.append(" ".join([*request.headers.get("Authorization", "").split()[:1], *scopes]))
        if (status := self.grants.get(" ".join(scopes), self.grants.get("", 200))) != 200:
            return web.json_response({"errors": [{"code": "DENIED", "message": "not this"}]}, status=status)
        self.issued += 1
        return web.json_response({"token": f"{'+'.join(scopes)}#{self.issued}"})


async def scan(registry: Registry, *paths: str, credentials: Credentials = USER) -> list[list[str]]:
    async with serving(registry.answer) as address, RegistryClient() as client:
        access = Access(credentials=credentials)
        return [(await client.list_tags(name.parse(f"{address}/{path}"), access)).tags for path in paths]


OWN = "repository:team/web:pull"
SCOPES: dict[str, tuple[str, str]] = {
    "a registry with scope maps": ("repository:PATH:metadata_read", "repository:team/web:metadata_read"),
    "a proxy that rewrites paths": ("repository:library/PATH:pull", "repository:library/team/web:pull"),
    "several actions": ("repository:PATH:metadata_read,pull", "repository:team/web:metadata_read,pull"),
    "a registry's port in the name": ("repository:reg.io:5000/PATH:pull", "repository:reg.io:5000/team/web:pull"),
    "two that read": ("repository:PATH:content_read,list", "repository:team/web:content_read,list"),
}  # fmt: skip


@pytest.mark.parametrize(("wants", "asked"), SCOPES.values(), ids=SCOPES)
async def test_the_scope_of_the_latest_challenge_is_asked_for_too(wants: str, asked: str):
    registry = Registry(wants=wants)
    assert await scan(registry, "team/web", "team/web") == [["1.0.0"]] * 2
    assert registry.tokens == [f"Basic {OWN}", f"Basic {asked} {OWN}"]
    assert registry.shown == ["", "Bearer", "Bearer", "Bearer"]  # the second scan knows


async def test_the_scope_of_the_first_challenge_is_asked_for_at_once():
    registry = Registry(wants="repository:PATH:metadata_read")
    registry.first = registry.second
    await scan(registry, "team/web")
    assert registry.tokens == [f"Basic repository:team/web:metadata_read {OWN}"]


async def test_each_repository_has_a_scope_of_its_own():
    registry = Registry(wants="repository:PATH:metadata_read")
    registry.first = registry.second
    assert await scan(registry, "team/web", "team/api", "team/web") == [["1.0.0"]] * 3
    assert not [scopes for scopes in registry.tokens if "web" in scopes and "api" in scopes]


async def test_of_several_repositories_each_is_asked_for():
    registry = Registry(wants="repository:a/b:pull")
    registry.second = registry.second.replace("WANTS", "repository:team/web:metadata_read repository:a/b:pull,push")
    await scan(registry, "team/web")
    assert registry.tokens[-1] == f"Basic repository:team/web:metadata_read repository:a/b:pull {OWN}"


SEVERAL: dict[str, tuple[str, ...]] = {
    "in two challenges": (
        'Bearer realm="http://HOST/token",service="s",scope="repository:team/web:metadata_read"',
        'Bearer realm="http://HOST/token",service="s",scope="repository:a/b:pull"',
    ),
    "in one header": (
        ", ".join(
            f'Bearer realm="http://HOST/token",scope="repository:{each}"'
            for each in ("team/web:metadata_read", "a/b:pull")
        ),
    ),
    "in a parameter twice": (
        'Bearer realm="http://HOST/token",scope="repository:team/web:metadata_read",scope="repository:a/b:pull"',
    ),
    "beside another server's": (
        'Bearer realm="http://HOST/token",scope="repository:team/web:metadata_read repository:a/b:pull"',
        'Bearer realm="http://other.invalid/token",scope="repository:c/d:pull"',
    ),
}


@pytest.mark.parametrize("headers", SEVERAL.values(), ids=SEVERAL)
async def test_several_scopes_are_all_asked_for(headers: tuple[str, ...]):
    registry = Registry()

    async def handler(request: web.Request) -> web.Response:
        answer = await registry.answer(request)
        if answer.status == 401:
            del answer.headers["WWW-Authenticate"]
            for header in headers:
                answer.headers.add("WWW-Authenticate", header.replace("HOST", request.host))
        return answer

    async with serving(handler) as address, RegistryClient() as client:
        await client.list_tags(name.parse(f"{address}/team/web"), Access(credentials=USER))
    assert registry.tokens == [f"Basic repository:team/web:metadata_read repository:a/b:pull {OWN}"]


WRITING = [
    "repository:PATH:push",
    "repository:PATH:delete",
    "repository:PATH:*",
    "repository:PATH:metadata_write",
    "repository:PATH:pull_and_push",
    "repository:PATH:Pull",
    "registry:catalog:*",
    "repository(plugin):PATH:pull",
    "repository::pull",
    "repository:PATH:",
    "repository:PATH",
    'repository:a\\"b:pull',
    "pull",
    ":::",
    "",
]


@pytest.mark.parametrize("wants", WRITING)
async def test_nothing_but_reading_a_repository_is_ever_asked_for(wants: str):
    registry = Registry(wants="never")
    registry.second = registry.first = registry.second.replace("WANTS", wants)
    with pytest.raises(errors.Unauthorized):
        await scan(registry, "team/web")
    assert set(registry.tokens) == {f"Basic {OWN}"}


async def test_of_reading_and_writing_only_reading_is_asked_for():
    registry = Registry()
    registry.first = registry.second = registry.second.replace("WANTS", "repository:PATH:push,pull,delete")
    await scan(registry, "team/web")
    assert registry.tokens == [f"Basic {OWN}"]


async def test_a_long_list_of_scopes_is_cut():
    registry = Registry(wants="never")
    many = " ".join(f"repository:team/app{number}:pull" for number in range(50))
    registry.second = registry.second.replace("WANTS", many)
    with pytest.raises(errors.Unauthorized):
        await scan(registry, "team/web")
    assert max(len(scopes.split()) for scopes in registry.tokens) <= 5


GRANTS: dict[str, dict[str, int]] = {
    "the new scope alone": {f"repository:team/web:metadata_read {OWN}": 401, OWN: 403},
    "each alone": {f"repository:team/web:metadata_read {OWN}": 400},
}


@pytest.mark.parametrize("grants", GRANTS.values(), ids=GRANTS)
async def test_a_token_server_may_grant_one_scope_and_refuse_another(grants: dict[str, int]):
    registry = Registry(wants="repository:PATH:metadata_read", grants=grants)
    registry.first = registry.second
    assert await scan(registry, "team/web") == [["1.0.0"]]


async def test_a_token_that_dies_before_its_time_is_asked_for_anew():
    registry = Registry()
    async with serving(registry.answer) as address, RegistryClient() as client:
        for _ in range(3):
            assert (await client.list_tags(name.parse(f"{address}/team/web"), Access(credentials=USER))).tags
            registry.dead = registry.issued
    assert registry.issued == 3


async def test_a_dead_token_that_is_answered_with_basic_does_not_lock_us_out():
    registry = Registry(second='Basic realm="harbor"')
    async with serving(registry.answer) as address, RegistryClient() as client:
        app = name.parse(f"{address}/team/web")
        for credentials in (USER, Credentials(identity_token="opaque"), USER):
            assert (await client.list_tags(app, Access(credentials=credentials))).tags
            registry.dead = registry.issued
        registry.shown.clear()
        assert (await client.list_tags(app, Access(credentials=USER))).tags
    assert registry.shown == ["Bearer", "Basic", "", "Bearer"]


async def test_a_registry_that_turns_to_basic_is_followed_and_back():
    registry = Registry(first='Basic realm="x"', second='Basic realm="x"', takes_basic=True, wants="never")
    bearer = Registry()
    async with serving(registry.answer) as address, RegistryClient() as client:
        app, access = name.parse(f"{address}/team/web"), Access(credentials=USER)
        for _ in range(2):
            assert (await client.list_tags(app, access)).tags
            registry.takes_basic, registry.wants = False, bearer.wants
            registry.first, registry.second = bearer.first, bearer.second
            assert (await client.list_tags(app, access)).tags
            registry.takes_basic, registry.wants = True, "never"
            registry.first = registry.second = 'Basic realm="x"'


@pytest.mark.parametrize(
    "said",
    [
        'BEARER REALM="http://HOST/token" , Service="s"',
        'Negotiate, Basic realm="x", Bearer realm="http://HOST/token",service="s"',
        'Basic realm="x, Bearer", bearer realm="http://HOST/token"',
    ],
)
async def test_a_challenge_may_be_spelt_and_accompanied(said: str):
    assert await scan(Registry(first=said, second=said), "team/web") == [["1.0.0"]]


@pytest.mark.parametrize("said", ["Bearer", 'Bearer service="s"', "Negotiate", "", 'Digest realm="x"'])
async def test_a_challenge_that_cannot_be_answered_is_a_refusal_and_no_loop(said: str):
    registry = Registry(first=said, second=said)
    with pytest.raises(errors.Unauthorized, match="UNAUTHORIZED: authentication required"):
        await scan(registry, "team/web")
    assert registry.shown == [""]


@pytest.mark.parametrize("credentials", [USER, IDENTITY, Credentials(), Credentials(registry_token="t")])
async def test_who_is_never_let_in_is_not_asked_for_ever(credentials: Credentials):
    registry = Registry(
        wants="never", second='Bearer realm="http://HOST/token",service="s",scope="repository:PATH:pull"'
    )
    with pytest.raises(errors.Unauthorized):
        await scan(registry, "team/web", credentials=credentials)
    assert len(registry.shown) <= 4


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_token_server_without_post_is_asked_with_get(status: int):
    registry = Registry(takes_post=status)
    assert await scan(registry, "team/web", credentials=IDENTITY) == [["1.0.0"]]
    assert registry.tokens == [f"POST {OWN}", f"Basic {OWN}"]


async def test_the_filler_beside_an_identity_token_is_no_user():
    registry = Registry(takes_post=404)
    await scan(registry, "team/web", credentials=Credentials(username="<token>", identity_token="opaque"))
    assert registry.tokens == [f"POST {OWN}", OWN]


@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_a_token_server_that_refuses_an_identity_token_is_believed(status: int):
    registry = Registry(takes_post=status)
    with pytest.raises(errors.RegistryError, match=f"{status}"):
        await scan(registry, "team/web", credentials=IDENTITY)
    assert not [asked for asked in registry.tokens if asked.startswith("Basic")]


ANSWERS: dict[str, bytes] = {
    "the other one is null": b'{"access_token":null,"token":"T","expires_in":null}',
    "null first": b'{"token":null,"access_token":"T","issued_at":null,"refresh_token":null}',
    "other letters": b'{"Token":"T","Expires_In":60}',
    "a lifetime as a text": b'{"token":"T","expires_in":"3600"}',
    "a lifetime with a fraction": b'{"token":"T","expires_in":59.9}',
    "a byte order mark": b'\xef\xbb\xbf{"token":"T"}',
    "broken text beside it": b'{"token":"T","description":"\xff\xfe"}',
    "a key twice": b'{"token":"S","token":"T"}',
    "line breaks around it": b'\n {"token":"T"}\r\n',
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
async def test_a_token_is_read_as_go_reads_it(body: bytes):
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.Response(body=body, content_type="application/json")
        if request.headers.get("Authorization") == "Bearer T":
            return tag_list("1.0.0")
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{request.host}/token"'})

    async with serving(handler) as address, RegistryClient() as client:
        assert (await client.list_tags(name.parse(f"{address}/app"), Access())).tags == ["1.0.0"]


NO_TOKENS: dict[str, tuple[bytes, str]] = {
    "a field of another type": (b'{"token":7}', r"is not a token: Expected `str`, got `int` - at `\$\.token`"),
    "a lifetime that is none": (b'{"token":"t","expires_in":"nan"}', r"Expected a number - at `\$\.expires_in`"),
    "both null": (b'{"token":null,"access_token":null}', "the token is empty"),
    "null": (b"null", "the token is empty"),
    "too deep": (b'{"x":' + b"[" * 10**5 + b"]" * 10**5 + b',"token":"t"}', "a token: nested deeper than 500 levels"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), NO_TOKENS.values(), ids=NO_TOKENS)
async def test_what_is_no_token_is_named(body: bytes, message: str):
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.Response(body=body)
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{request.host}/token"'})

    async with serving(handler) as address, RegistryClient() as client:
        with pytest.raises(errors.BadAnswer, match=message):
            await client.list_tags(name.parse(f"{address}/app"), Access())


async def test_a_password_of_other_bytes_than_utf8_reaches_the_registry_as_it_is():
    seen = []

    async def handler(request: web.Request) -> web.Response:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        seen.append(base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")))
        return tag_list("1.0.0")

    odd = Credentials(username="user", password=b"p\xe4ss".decode("utf-8", "surrogateescape"))
    async with serving(handler) as address, RegistryClient() as client:
        await client.list_tags(name.parse(f"{address}/app"), Access(credentials=odd))
    assert seen == [b"user:p\xe4ss"]
