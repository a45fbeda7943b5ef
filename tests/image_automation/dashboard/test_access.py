"""Who is let in, what they see, and what becomes of cookies, links and forms of others."""

from typing import Any

import pytest

from gotk.api.image import ImagePolicy, ImageRepository
from gotk.kube.cache import Caches
from image_automation.dashboard import links
from image_automation.dashboard.access import Access, Deed, Person, Subject
from tests.image_automation.dashboard.showing import (
    HTML,
    JSON,
    SERVICE,
    Held,
    Noon,
    TokenCluster,
    ready,
    shown,
    with_status,
)
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

EVERYTHING = frozenset({("*", "*", "*")})
TEAM = frozenset({("list", "imagepolicies", "team"), ("list", "imagerepositories", "team")})
HOLDERS = {
    "admin": Held("admin", rules=EVERYTHING),
    "team": Held("ada", rules=TEAM),
    "nothing": Held("bob"),
    "nameless": Held("", rules=EVERYTHING),
    "groupless": Held("eve", groups=(), rules=EVERYTHING),
    "anonymous": Held("system:anonymous", groups=("system:unauthenticated",), rules=EVERYTHING),
}
SAME = {"Sec-Fetch-Site": "same-origin"}


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    for namespace in ("team", "other"):
        made.put(image_repository("app", namespace))
        made.put(with_status(image_policy("app", namespace), **ready()))
    return made


def bearer(token: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("token", "namespaces"),
    [("admin", ["other", "team"]), ("team", ["team"]), ("nothing", [])],
)
async def test_a_page_shows_what_the_cluster_lets_one_list(token: str, namespaces: list[str]) -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        found = await (await client.get("/images", headers=bearer(token))).json()
    assert [image["namespace"] for image in found["images"]] == namespaces


@pytest.mark.parametrize("token", ["nameless", "groupless", "anonymous", "unknown", "", "two words", "x" * 8000, "ä"])
@pytest.mark.parametrize("free", [True, False])
async def test_who_the_cluster_gives_no_name_or_group_is_let_in_nowhere(token: str, free: bool) -> None:
    async with shown(cluster(), holders=HOLDERS, free=free) as client:
        answer = await client.get("/images", headers=bearer(token))
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_nobody_is_shown_anything_where_looking_around_is_not_free() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        for path in ("/", "/images", "/images?q=a"):
            assert (await client.get(path, headers=JSON)).status == 401
            page = await client.get(path, headers=HTML, allow_redirects=False)
            assert (page.status, page.headers["Location"]) == (303, links.to("login", next=path))
        assert (await client.get("/login", headers=HTML)).status == 200


async def sign_in(client: Any, token: str, **headers: str) -> Any:
    form = {"token": token, "next": "/images"}
    return await client.post("/login", data=form, headers={**HTML, **SAME, **headers}, allow_redirects=False)


def cookie(answer: Any) -> dict[str, str]:
    (morsel,) = answer.cookies.values()
    return {"Cookie": f"{morsel.key}={morsel.value}"}


async def test_a_token_in_the_form_opens_a_session_as_its_holder() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        answer = await sign_in(client, "team")
        assert (answer.status, answer.headers["Location"]) == (303, "/images")
        (morsel,) = answer.cookies.values()
        assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
        assert "team" not in morsel.value
        page = await (await client.get("/images", headers={**HTML, **cookie(answer)})).text()
        assert "team/<b>app</b>" in page
        assert "other/<b>app</b>" not in page
        assert ">ada</span>" in page


async def test_a_session_from_elsewhere_needs_tls() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        answer = await sign_in(client, "team", Host="image-automation.flux-system.svc")
        (morsel,) = answer.cookies.values()
        assert (morsel.key, morsel["secure"]) == ("__Host-image-automation", True)


async def test_a_token_that_is_not_accepted_opens_nothing() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        answer = await sign_in(client, "wrong-secret")
        assert (answer.status, len(answer.cookies)) == (401, 0)
        text = await answer.text()
        assert "does not accept this token" in text
        assert "wrong-secret" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {},
    ],
)
async def test_a_form_of_another_site_counts_for_nothing(headers: dict[str, str]) -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        form = {"token": "admin"}
        answer = await client.post("/login", data=form, headers={**HTML, **headers}, allow_redirects=False)
        assert (answer.status, len(answer.cookies)) == (403, 0)


async def test_signing_out_needs_the_sessions_own_form_and_ends_it() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        known = {**HTML, **SAME, **cookie(await sign_in(client, "team"))}
        foreign = await client.post("/logout", data={"csrf": "guess"}, headers=known, allow_redirects=False)
        assert foreign.status == 403
        page = await (await client.get("/", headers=known)).text()
        secret = page.partition('name="csrf" value="')[2].partition('"')[0]
        assert (await client.post("/logout", data={"csrf": secret}, headers=known, allow_redirects=False)).status == 303
        assert (await client.get("/", headers=known, allow_redirects=False)).status == 303


async def test_a_link_signs_its_holder_in_once() -> None:
    async with shown(cluster(), holders=HOLDERS, free=False) as client:
        made = await (await client.post("/login/link", headers=bearer("team"))).json()
        assert made["user"] == "ada"
        first = await client.get(made["path"], headers=HTML, allow_redirects=False)
        again = await client.get(made["path"], headers=HTML, allow_redirects=False)
        assert (first.status, again.status, len(again.cookies)) == (303, 401, 0)
        page = await (await client.get("/images", headers={**HTML, **cookie(first)})).text()
        assert ">ada</span>" in page


async def test_a_session_makes_no_link_for_others() -> None:
    async with shown(cluster(), holders=HOLDERS, free=True) as client:
        known = cookie(await sign_in(client, "team"))
        assert (await client.post("/login/link", headers={**JSON, **SAME, **known})).status == 401
        assert (await client.post("/login/link", headers={**JSON, **SAME})).status == 401


class Ticking(Noon):
    """A clock that a test moves."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.mark.parametrize(("idle", "still"), [(3599.0, True), (3600.0, False)])
async def test_an_idle_session_ends_after_an_hour(idle: float, still: bool) -> None:
    clock = Ticking()
    async with shown(cluster(), holders=HOLDERS, free=False, clock=clock) as client:
        known = cookie(await sign_in(client, "team"))
        clock.at += idle
        assert (await client.get("/", headers={**JSON, **known})).status == (200 if still else 401)


async def test_a_link_waits_for_a_minute() -> None:
    clock = Ticking()
    async with shown(cluster(), holders=HOLDERS, free=False, clock=clock) as client:
        made = await (await client.post("/login/link", headers=bearer("team"))).json()
        clock.at += 60.0
        assert (await client.get(made["path"], headers=HTML, allow_redirects=False)).status == 401


async def test_an_answer_of_the_cluster_holds_for_half_a_minute() -> None:
    clock, reach = Ticking(), TokenCluster(MemoryCluster(), Held("ada", rules=TEAM))
    access, person = Access(clock, own=reach), Person("ada", ("g",), reach)
    deed = Deed("list", ImagePolicy, "team")
    assert await access.may(person, deed)
    reach.holder = Held("ada")
    assert await access.may(person, deed)
    clock.at = 30.0
    assert not await access.may(person, deed)
    assert len(reach.asked) == 2


async def test_nobody_may_write_and_may_read() -> None:
    access = Access(Noon(), own=TokenCluster(MemoryCluster(), SERVICE))
    assert await access.may(None, Deed("list", ImagePolicy))
    assert not await access.may(None, Deed("patch", ImagePolicy, "team", "app"))


async def test_who_may_get_one_object_sees_that_one() -> None:
    held = Held("ada", rules=frozenset({("get", "imagepolicies", "team")}))
    caches = Caches(cluster(), clock=Noon())
    for kind in (ImagePolicy, ImageRepository):
        items, version = await cluster().list_raw(kind)
        caches.of(kind).replace(items, version, rewound=False)
    person = Person("ada", ("g",), TokenCluster(MemoryCluster(), held))
    access = Access(Noon(), own=TokenCluster(MemoryCluster(), SERVICE))
    sight = await access.sight(person, caches, (ImagePolicy,), Subject(ImagePolicy, "team", "app"))
    assert sight.get(ImagePolicy, "team", "app") is not None
    assert sight.get(ImagePolicy, "other", "app") is None
    assert sight.get(ImageRepository, "team", "app") is None
    assert list(sight.list(ImagePolicy)) == []


@pytest.mark.parametrize(
    ("asked", "gone_to"),
    [
        ("/images?q=a", "/images?q=a"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
        ("", "/"),
    ],
)
def test_one_goes_on_within_this_server_only(asked: str, gone_to: str) -> None:
    assert links.local(asked) == gone_to


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://example.com/a?b=c", True),
        ("http://example.com", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://user:secret@example.com", False),
        ("https://", False),
        ("https://example.com/\n", False),
        ("https://[::1", False),
    ],
)
def test_only_addresses_over_https_become_links(text: str, linked: bool) -> None:
    assert bool(links.outward(text)) == linked
