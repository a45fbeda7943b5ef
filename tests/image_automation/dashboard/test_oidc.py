"""Signing in at an issuer: whom its tokens make somebody, and every token, answer and browser that makes nobody."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from yarl import URL

from gotk.http.transport import Transport
from image_automation.dashboard.entering.claims import Claims
from image_automation.dashboard.entering.claims_worker import Rules
from image_automation.dashboard.oidc import Oidc, Provider, identity
from image_automation.dashboard.people import NobodyError
from image_automation.notification.webhooks.tokens import Issuers
from tests.gotk.oci.serving import serving
from tests.image_automation.dashboard.showing import HTML, Held, Noon, TokenCluster, ready, shown, with_status
from tests.memory_cluster import MemoryCluster, image_policy

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
PROVIDER = Provider(issuer="https://issuer.example", client_id="dash")
GOOD = {"sub": "ada", "groups": ["team", "ops"], "exp": 9_999_999_999}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY) -> str:
    body = f"{b64(json.dumps({'alg': 'ES256', 'kid': 'one'}).encode())}.{b64(json.dumps(claims).encode())}"
    r, s = utils.decode_dss_signature(key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@dataclass
class Issuer:
    """An issuer that gives whoever comes a code, and for the code a token with the claims of a test."""

    address: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: dict(GOOD))
    key: ec.EllipticCurvePrivateKey = KEY
    asked: dict[str, str] = field(default_factory=dict)
    exchanged: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return web.json_response({"issuer": self.url, **{name: self.url + at for name, at in places.items()}})
        if request.path == "/keys":
            numbers = KEY.public_key().public_numbers()
            point = {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
            return web.json_response({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", **point}]})
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.exchanged.append(form)
        made = b64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if form.get("code") != "the-code" or made != self.asked.get("code_challenge"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {"iss": self.url, "aud": "dash", "nonce": self.asked["nonce"], **self.claims}
        return web.json_response({"id_token": signed(claims, self.key)})


class Impersonated:
    """The cluster that is told who somebody is."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self.cluster = cluster
        self.told: list[tuple[str, tuple[str, ...]]] = []

    def acting_as(self, user: str, groups: Any) -> TokenCluster:
        self.told.append((user, tuple(groups)))
        return TokenCluster(self.cluster, Held(user, tuple(groups), frozenset({("*", "*", "*")})))


@dataclass
class Visitor:
    client: Any
    issuer: Issuer
    told: list[tuple[str, tuple[str, ...]]]

    async def leave(self, next_: str = "/images") -> tuple[str, dict[str, str]]:
        """Go to the issuer, and return the state and the cookie to come back with."""
        answer = await self.client.get(f"/login/oidc?next={next_}", headers=HTML, allow_redirects=False)
        assert answer.status == 303
        to = URL(answer.headers["Location"])
        self.issuer.asked = dict(to.query)
        (morsel,) = answer.cookies.values()
        assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "Lax")
        return to.query["state"], {"Cookie": f"{morsel.key}={morsel.value}"}

    async def back(self, cookie: dict[str, str], **query: str) -> Any:
        return await self.client.get("/login/callback", params=query, headers={**HTML, **cookie})


@contextlib.asynccontextmanager
async def visiting(rules: Rules | None = None) -> AsyncIterator[Visitor]:
    cluster, issuer = MemoryCluster(), Issuer()
    cluster.put(with_status(image_policy(), **ready()))
    impersonated = Impersonated(cluster)
    async with serving(issuer.answer) as address, Transport() as transport, Claims(clock=Noon()) as claims:
        issuer.address = address
        provider = Provider(issuer=issuer.url, client_id="dash", secret="s", rules=rules)
        oidc = Oidc(
            provider,
            redirect="https://images.example.com/login/callback",
            issuers=Issuers(transport=transport, clock=Noon()),
            transport=transport,
            cluster=impersonated,
            claims=claims,
            clock=Noon(),
        )
        async with shown(cluster, free=False, oidc=oidc) as client:
            yield Visitor(client, issuer, impersonated.told)


async def test_who_comes_back_with_a_good_code_is_the_one_that_the_claims_name() -> None:
    async with visiting() as visitor:
        state, cookie = await visitor.leave()
        asked = visitor.issuer.asked
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        answer = await visitor.back(cookie, state=state, code="the-code", iss=visitor.issuer.url)
        assert answer.status == 200
        assert 'content="0;url=/images"' in await answer.text()
        morsel = next(each for each in answer.cookies.values() if each.value and "away" not in each.key)
        known = {**HTML, "Cookie": f"{morsel.key}={morsel.value}"}
        assert ">oidc:ada</span>" in await (await visitor.client.get("/images", headers=known)).text()
        assert visitor.told == [("oidc:ada", ("oidc:team", "oidc:ops"))]
        assert visitor.issuer.exchanged[0]["redirect_uri"] == "https://images.example.com/login/callback"


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "guessed"},
        {"code": "other"},
        {"code": ""},
        {"error": "access_denied", "code": ""},
        {"iss": "https://evil.example"},
    ],
)
async def test_an_answer_that_is_not_the_issuers_lets_nobody_in(changed: dict[str, str]) -> None:
    async with visiting() as visitor:
        state, cookie = await visitor.leave()
        answer = await visitor.back(cookie, **{"state": state, "code": "the-code", **changed})
        assert (answer.status, visitor.told) == (401, [])


async def test_another_browser_cannot_finish_a_visit_and_none_can_twice() -> None:
    async with visiting() as visitor:
        state, cookie = await visitor.leave()
        assert (await visitor.back({}, state=state, code="the-code")).status == 401
        assert (await visitor.back(cookie, state=state, code="the-code")).status == 401
        assert visitor.told == []


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"nonce": "another"},
        {"exp": 1},
        {"exp": None},
        {"sub": ""},
        {"groups": []},
    ],
)
async def test_a_token_of_another_visit_audience_or_time_lets_nobody_in(claims: dict[str, Any]) -> None:
    async with visiting() as visitor:
        visitor.issuer.claims |= claims
        state, cookie = await visitor.leave()
        assert (await visitor.back(cookie, state=state, code="the-code")).status == 401
        assert visitor.told == []


async def test_a_token_signed_by_another_key_lets_nobody_in() -> None:
    async with visiting() as visitor:
        visitor.issuer.key = OTHER
        state, cookie = await visitor.leave()
        assert (await visitor.back(cookie, state=state, code="the-code")).status == 401
        assert visitor.told == []


async def test_one_goes_on_within_this_server_only() -> None:
    async with visiting() as visitor:
        state, cookie = await visitor.leave("https://evil.example/")
        assert 'content="0;url=/"' in await (await visitor.back(cookie, state=state, code="the-code")).text()


IDENTITIES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, tuple[str, ...]] | None]] = {
    "a name and groups get the prefix": ({}, {}, ("oidc:ada", ("oidc:team", "oidc:ops"))),
    "one group may be a text": ({}, {"groups": "team"}, ("oidc:ada", ("oidc:team",))),
    "another claim may name": (
        {"username_claim": "email"},
        {"email": "a@b.c"},
        ("oidc:a@b.c", ("oidc:team", "oidc:ops")),
    ),
    "an address that is not verified": ({"username_claim": "email"}, {"email": "a@b.c", "email_verified": False}, None),
    "no name": ({}, {"sub": None}, None),
    "a blank name": ({}, {"sub": " "}, None),
    "a name that is a number": ({}, {"sub": 7}, None),
    "no groups": ({}, {"groups": None}, None),
    "an empty group": ({}, {"groups": ["team", ""]}, None),
    "a group that is no text": ({}, {"groups": [["system:masters"]]}, None),
    "the system's group without a prefix": ({"prefix": ""}, {"groups": ["system:masters"]}, None),
    "the system's group behind a blank": ({"prefix": ""}, {"groups": [" system:masters"]}, None),
    "the system's user": ({"prefix": ""}, {"sub": "system:admin"}, None),
    "a line break": ({}, {"sub": "ada\r\nImpersonate-Group: system:masters"}, None),
    "a blank at the end": ({}, {"sub": "ada "}, None),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_claims_make_a_person_or_nobody(case: str) -> None:
    options, claims, person = IDENTITIES[case]
    provider = Provider(issuer="https://issuer.example", client_id="dash", **options)
    if person is not None:
        assert identity(provider, {**GOOD, **claims}) == person
        return
    with pytest.raises(NobodyError):
        identity(provider, {**GOOD, **claims})


async def test_an_issuer_that_is_away_is_named() -> None:
    async with Transport() as transport:
        issuers = Issuers(transport=transport, clock=Noon())
        provider = Provider(issuer="http://127.0.0.1:1", client_id="dash")
        oidc = Oidc(
            provider,
            redirect="",
            issuers=issuers,
            transport=transport,
            cluster=Impersonated(MemoryCluster()),
            claims=Claims(clock=Noon()),
            clock=Noon(),
        )
        with pytest.raises(NobodyError, match="cannot be reached or answers nonsense"):
            async with asyncio.timeout(30):
                await oidc.leave("/")


BY_RULES = msgspec.convert(
    {
        "claimMappings": {
            "username": {"expression": "'sso:' + claims.sub"},
            "groups": {"expression": "claims.groups.map(each, 'sso:' + each)"},
        },
        "userValidationRules": [{"expression": "'sso:ops' in user.groups", "message": "only for ops"}],
    },
    Rules,
)


@pytest.mark.parametrize(
    ("groups", "status", "told"),
    [(["team", "ops"], 200, [("sso:ada", ("sso:team", "sso:ops"))]), (["team"], 401, [])],
)
async def test_rules_of_the_operator_make_the_person_or_nobody(groups: list[str], status: int, told: list[Any]) -> None:
    async with visiting(BY_RULES) as visitor:
        visitor.issuer.claims |= {"groups": groups}
        state, cookie = await visitor.leave()
        answer = await visitor.back(cookie, state=state, code="the-code")
        assert (answer.status, visitor.told) == (status, told)
        assert ("only for ops" in await answer.text()) == (status == 401)
