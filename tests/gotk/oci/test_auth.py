"""Challenges answered, tokens kept, credentials that stay where they belong."""

import socket

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gotk.http.egress import BoundedResolver, Reach, Refused
from gotk.oci import errors, image, name
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from gotk.oci.registry.guard import Guard, Password, Token
from gotk.oci.registry.server import RegistryServer
from tests.gotk.oci.serving import serving, tag_list

KNOWN = Credentials(username="user", password="hunter2")


async def tags_behind(guard: Guard, credentials: Credentials, *repositories: str) -> list[list[str]]:
    """Push to an open registry, then list through a guarded one over the same content."""
    async with RegistryServer() as open_, RegistryServer(open_.storage, guard=guard) as guarded:
        for repository in repositories:
            await image.push_image(open_.url, repository, "1.0", image.build_image())
        access = Access(credentials=credentials)
        async with RegistryClient() as client:
            return [
                (await client.list_tags(name.parse(f"{guarded.address}/{repository}"), access)).tags
                for repository in repositories
            ]


@pytest.mark.parametrize(
    ("guard", "credentials"),
    [
        (Password("user", "hunter2"), KNOWN),
        (Token(), Credentials()),
        (Token(user=Password("user", "hunter2")), KNOWN),
        (Token(identity_token="opaque"), Credentials(username="<token>", identity_token="opaque")),
    ],
    ids=["basic", "anonymous token", "token for a password", "token for an identity token"],
)
async def test_a_challenge_is_answered(guard: Guard, credentials: Credentials):
    assert await tags_behind(guard, credentials, "app") == [["1.0"]]


@pytest.mark.parametrize(
    ("guard", "credentials"),
    [
        (Password("user", "hunter2"), Credentials()),
        (Password("user", "hunter2"), Credentials(username="user", password="wrong")),
        (Token(user=Password("user", "hunter2")), Credentials(username="user", password="wrong")),
        (Token(identity_token="opaque"), Credentials(identity_token="wrong")),
    ],
    ids=["none", "wrong password", "wrong password for a token", "wrong identity token"],
)
async def test_wrong_credentials_are_an_error_that_does_not_show_them(guard: Guard, credentials: Credentials):
    with pytest.raises(errors.Unauthorized, match="UNAUTHORIZED") as raised:
        await tags_behind(guard, credentials, "app")
    assert "wrong" not in str(raised.value)


async def test_a_token_is_asked_for_once_per_repository():
    guard = Token()
    await tags_behind(guard, Credentials(), "one", "one", "two", "one", "two")
    assert guard.issued == 2


async def test_only_pull_is_asked_for_whatever_the_registry_suggests():
    scopes = []

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/token":
            scopes.append(request.query["scope"])
            return web.json_response({"token": "t"})
        if "Authorization" in request.headers:
            return tag_list("1")
        challenge = f'Bearer realm="http://{request.host}/token",service="s",scope="repository:app:push,delete"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async with serving(handler) as address, RegistryClient() as client:
        await client.list_tags(name.parse(f"{address}/app"), Access(credentials=KNOWN))
    assert scopes == ["repository:app:pull"]


async def test_credentials_are_not_sent_to_a_realm_on_another_site_unless_it_is_trusted():
    seen: list[str | None] = []

    async def realm(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"token": "t"}) if seen[-1] else web.Response(status=401)

    async with serving(realm) as realm_address:
        port = realm_address.rpartition(":")[2]

        async def handler(request: web.Request) -> web.Response:
            if "Authorization" in request.headers:
                return tag_list("1")
            challenge = f'Bearer realm="http://localhost:{port}/token",service="s"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})

        async with serving(handler) as address:
            repository, access = name.parse(f"{address}/app"), Access(credentials=KNOWN)
            async with RegistryClient() as client:
                with pytest.raises(errors.Unauthorized, match="were not sent to localhost, which is another site"):
                    await client.list_tags(repository, access)
            async with RegistryClient(trusted_realms=["localhost"]) as client:
                assert (await client.list_tags(repository, access)).tags == ["1"]
    assert seen == [None, KNOWN.basic]


async def test_a_registry_that_moved_its_realm_is_heard_again():
    moved = False

    async def handler(request: web.Request) -> web.Response:
        if request.path.startswith("/token"):
            usable = request.path == ("/token/new" if moved else "/token/old")
            return web.json_response({"token": f"t{moved}"}) if usable else web.Response(status=404)
        if request.headers.get("Authorization") == f"Bearer t{moved}":
            return tag_list("1")
        realm = f"http://{request.host}/token/{'new' if moved else 'old'}"
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})

    async with serving(handler) as address, RegistryClient() as client:
        await client.list_tags(name.parse(f"{address}/app"), Access())
        moved = True
        with pytest.raises(errors.NotFound):
            await client.list_tags(name.parse(f"{address}/other"), Access())
        assert (await client.list_tags(name.parse(f"{address}/other"), Access())).tags == ["1"]


class FixedResolver(AbstractResolver):
    """Knows one set of addresses for every name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("most", "addresses", "left"),
    [
        (Reach.PUBLIC, ["8.8.8.8", "10.0.0.1"], ["8.8.8.8"]),
        (Reach.PRIVATE, ["10.0.0.1", "127.0.0.1"], ["10.0.0.1"]),
        (Reach.METADATA, ["169.254.169.254"], ["169.254.169.254"]),
    ],
    ids=["public", "private", "anything"],
)
async def test_a_name_leads_only_as_far_in_as_allowed(most: Reach, addresses: list[str], left: list[str]):
    resolver = BoundedResolver(FixedResolver(*addresses), most=most, seen={})
    assert [result["host"] for result in await resolver.resolve("name", 443)] == left


async def test_a_name_with_private_addresses_only_is_refused():
    resolver = BoundedResolver(FixedResolver("10.0.0.1"), most=Reach.PUBLIC, seen={})
    with pytest.raises(Refused):
        await resolver.resolve("name", 443)
