"""Registries that differ as the guide's table says: each is a stand-in that behaves so, and each is listed whole."""

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.auth import same_site
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from tests.gotk.oci.serving import serving
from tests.gotk.oci.test_client import Time

TAGS = [f"1.0.{number}" for number in range(1, 251)]
GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "registries.md"


@dataclass(frozen=True)
class Traits:
    """How a registry differs. `realm` is the path of its token service; empty is Basic."""

    realm: str = "/token"
    anonymous: bool = True
    user: str = "user"
    page: int = 100
    refuses_more: int = 0
    link: str = "relative"
    cursor: str = "last"
    reverse: bool = False
    content_type: str = "application/json"
    more: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


REGISTRIES = {
    "Docker Hub": Traits(page=1000, headers={"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "99;w=21600"}),
    "GHCR": Traits(page=1000, user="octocat"),
    "Quay": Traits(realm="/v2/auth", cursor="next_page", user="team+robot"),
    "ECR": Traits(
        realm="",
        anonymous=False,
        user="AWS",
        page=1000,
        refuses_more=1000,
        link="absolute",
        cursor="opaque",
        content_type="text/plain; charset=utf-8",
    ),
    "GAR": Traits(
        realm="/v2/token",
        user="oauth2accesstoken",
        page=0,
        link="none",
        more={"child": [], "manifest": {"sha256:0": {"tag": ["1.0.1"], "timeUploadedMs": "1"}}},
    ),
    "ACR": Traits(realm="/oauth2/token", anonymous=False, user="00000000-0000-0000-0000-000000000000"),
    "Harbor": Traits(realm="/service/token", user="robot$ci", headers={"Set-Cookie": "sid=1; Path=/"}),
    "GitLab": Traits(
        realm="/jwt/auth",
        user="gitlab-ci-token",
        headers={"RateLimit-Limit": "2000", "RateLimit-Remaining": "1999", "RateLimit-Reset": "1767268860"},
    ),
    "Nexus": Traits(realm="", anonymous=False, page=100, link="internal", reverse=True),
    "Artifactory": Traits(realm="/v2/token", page=1000, link="internal", cursor="offset"),
    "distribution": Traits(realm="", anonymous=False, page=0, link="none", reverse=True),
    "a page without a link": Traits(realm="", anonymous=False, link="none", refuses_more=100),
}


class Registry:
    """A registry with traits: `host` is its address, `asked` the requests for tags that it answered."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.asked: list[str] = []
        self.refused = 0
        self.cookies: list[str] = []
        self.basic = "Basic " + base64.b64encode(f"{traits.user}:secret".encode()).decode()

    async def answer(self, request: web.Request) -> web.Response:
        self.cookies += request.headers.getall("Cookie", [])
        if request.path == self.traits.realm:
            return self._token(request)
        if not self._let_in(request):
            return self._challenge(request)
        wanted = int(request.query.get("n", "100"))
        if self.traits.refuses_more and wanted > self.traits.refuses_more:
            self.refused += 1
            body = {"errors": [{"code": "UNSUPPORTED", "message": "Invalid parameter at 'maxResults'"}]}
            return web.json_response(body, status=405)
        self.asked.append(request.path_qs)
        return self._page(request, wanted)

    def _token(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if given != self.basic and (given or not self.traits.anonymous):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        assert request.query["scope"] == "repository:team/app:pull"
        return web.json_response({"token": "pull", "access_token": "pull", "expires_in": 300})

    def _let_in(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        if self.traits.realm:
            return given == "Bearer pull"
        return given == self.basic or (self.traits.anonymous and not given)

    def _challenge(self, request: web.Request) -> web.Response:
        said = 'Basic realm="here",service="registry"'
        if self.traits.realm:
            said = f'Bearer realm="http://{request.host}{self.traits.realm}",service="registry"'
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}]}
        return web.json_response(body, status=401, headers={"WWW-Authenticate": said})

    def _page(self, request: web.Request, wanted: int) -> web.Response:
        traits = self.traits
        tags = TAGS[::-1] if traits.reverse else TAGS
        size = min(wanted, traits.page) if traits.page else len(tags)
        start = self._start(request, tags)
        page, end = tags[start : start + size], start + size
        headers = dict(traits.headers)
        if end < len(tags) and traits.link != "none":
            path = f"/inside{request.path}" if traits.link == "internal" else request.path
            host = f"http://{request.host}" if traits.link == "absolute" else ""
            headers["Link"] = f'<{host}{path}?n={size}&{self._cursor(end, page)}>; rel="next"'
        answer = web.json_response({"name": "team/app", "tags": page, **traits.more}, headers=headers)
        answer.headers["Content-Type"] = traits.content_type
        return answer

    def _cursor(self, end: int, page: list[str]) -> str:
        if self.traits.cursor == "last":
            return f"last={page[-1]}"
        opaque = base64.b64encode(f"page {end}".encode()).decode()
        key = {"next_page": "next_page", "opaque": "last", "offset": "last"}[self.traits.cursor]
        return f"{key}={end if self.traits.cursor == 'offset' else opaque.replace('=', '%3D')}"

    def _start(self, request: web.Request, tags: list[str]) -> int:
        found = request.query.get("next_page" if self.traits.cursor == "next_page" else "last", "")
        if not found or not self.traits.page:
            return 0
        if self.traits.cursor == "last":
            return tags.index(found) + 1
        return int(found) if self.traits.cursor == "offset" else int(base64.b64decode(found).split()[1])


@pytest.fixture(params=REGISTRIES, ids=str)
def registry(request: pytest.FixtureRequest) -> Registry:
    return Registry(REGISTRIES[request.param])


def access(user: str, password: str = "secret") -> Access:
    return Access(timeout=20, credentials=Credentials(username=user, password=password))


async def test_its_list_is_read_whole_and_a_steady_scan_asks_for_nothing_but_the_pages(registry: Registry):
    async with serving(registry.answer) as address, RegistryClient() as client:
        app = name.parse(f"{address}/team/app")
        scans = []
        for _ in range(2):
            registry.asked.clear()
            listing = await client.list_tags(app, access(registry.traits.user))
            scans.append((sorted(listing.tags), len(registry.asked)))
    assert [tags for tags, _ in scans] == [sorted(TAGS)] * 2
    size = registry.traits.page or len(TAGS)
    assert scans[1][1] == -(-len(TAGS) // size)
    assert registry.refused <= 1
    assert registry.cookies == []


async def test_without_credentials_it_is_read_where_it_lets_everybody_in(registry: Registry):
    async with serving(registry.answer) as address, RegistryClient() as client:
        app = name.parse(f"{address}/team/app")
        if registry.traits.anonymous:
            assert len((await client.list_tags(app, Access(timeout=20))).tags) == len(TAGS)
        else:
            with pytest.raises(errors.Unauthorized, match="UNAUTHORIZED"):
                await client.list_tags(app, Access(timeout=20))


async def test_wrong_credentials_are_refused_and_not_shown(registry: Registry):
    async with serving(registry.answer) as address, RegistryClient() as client:
        with pytest.raises(errors.Unauthorized) as raised:
            await client.list_tags(name.parse(f"{address}/team/app"), access(registry.traits.user, "hunter2"))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("exactly", [1000, 100], ids=["as many as were asked for", "as many as a modest page"])
async def test_a_list_as_long_as_a_page_by_chance_is_not_read_for_ever(exactly: int):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.json_response({"name": "app", "tags": [f"1.0.{n}" for n in range(exactly)]})

    time = Time()
    async with serving(handler) as address, RegistryClient(monotonic=time.monotonic, sleep=time.sleep) as client:
        listing = await client.list_tags(name.parse(f"{address}/app"), Access(timeout=20))
    assert len(listing.tags) == exactly
    assert len(asked) == (2 if exactly == 1000 else 1)


@pytest.mark.parametrize(
    ("registry_host", "realm"),
    [
        ("index.docker.io", "auth.docker.io"),
        ("ghcr.io", "ghcr.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("registry.example.co.uk", "gitlab.example.co.uk"),
    ],
)
def test_a_token_service_beside_the_registry_gets_its_credentials(registry_host: str, realm: str):
    assert same_site(registry_host, realm)


def test_the_guides_table_has_a_row_for_every_stand_in_and_no_other():
    rows = re.findall(r"^\| ([^|]+?) \|", GUIDE.read_text(), re.MULTILINE)
    table = [row for row in rows if row not in {"---", "registry"}]
    assert [row for row in table if row in REGISTRIES] == list(REGISTRIES)[:-1]


LINKS: dict[str, list[str]] = {
    "without a relation": ["<{path}?n=2&last=1.1.0>"],
    "in a second header": ['<{path}?n=2>; rel="first"', '<{path}?n=2&last=1.1.0>; rel="next"'],
    "behind one without a relation": ["<{path}?n=2&x=y>, <{path}?n=2&last=1.1.0>; rel=next"],
    "by a word in single quotes": ["<?last=1.1.0>; REL='next'"],
}


@pytest.mark.parametrize("links", LINKS.values(), ids=LINKS)
async def test_a_link_to_the_next_page_is_followed_however_it_is_spelt(links: list[str]):
    async def handler(request: web.Request) -> web.Response:
        if request.query.get("last") == "1.1.0":
            return web.json_response({"name": "app", "tags": ["1.2.0", None]})
        answer = web.json_response({"name": "app", "tags": ["1.0.0", "1.1.0"]})
        for link in links:
            answer.headers.add("Link", link.replace("{path}", request.path))
        return answer

    async with serving(handler) as address, RegistryClient() as client:
        listing = await client.list_tags(name.parse(f"{address}/team/web"), Access(timeout=20))
    assert listing.tags == ["1.0.0", "1.1.0", "1.2.0"]


@pytest.mark.parametrize("link", ["{path}?last=1.1.0", "<{path}?last=1.1.0", '<{path}/page/2>; rel="next"'])
async def test_a_link_that_leads_nowhere_is_no_whole_list(link: str):
    async def handler(request: web.Request) -> web.Response:
        tags = {"name": "app", "tags": ["1.0.0", "1.1.0"]}
        return web.json_response(tags, headers={"Link": link.replace("{path}", request.path)})

    async with serving(handler) as address, RegistryClient() as client:
        with pytest.raises(errors.BadAnswer, match=r"link to the next page cannot be read|does not end"):
            await client.list_tags(name.parse(f"{address}/team/web"), Access(timeout=20))
