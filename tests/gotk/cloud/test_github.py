"""GitHub Apps against a stand-in of the API: what is proven, what is asked, what is said."""

import base64
import json
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from gotk.cloud import github
from gotk.cloud.errors import CloudError
from gotk.cloud.github import GitHub
from gotk.http.tls import TLS
from tests.gotk.cloud.standin import Asked, now, services

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
TOKEN = {"token": "ghs_1", "expires_at": "2026-01-01T13:00:00Z", "permissions": {"contents": "write"}}
TOKENS = "POST /api/v3/app/installations/42/access_tokens"


def app(url: str = "", **data: str) -> github.App:
    texts = {"githubAppID": "123", "githubAppBaseURL": f"{url}/api/v3" if url else "", **data}
    return github.read({"githubAppPrivateKey": PEM, **{key: text.encode() for key, text in texts.items()}}, "apps/git")


def claims(asked: Asked) -> dict[str, Any]:
    """Check the proof's signature and return what it claims."""
    text, _, signature = asked.headers["Authorization"].removeprefix("Bearer ").rpartition(".")
    KEY.public_key().verify(decoded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    head, _, body = text.partition(".")
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}
    found: dict[str, Any] = json.loads(decoded(body))
    return found


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_a_token_of_an_installation_is_asked_for_with_a_signed_proof():
    async with services({TOKENS: web.json_response(TOKEN, status=201)}) as api:
        found = await GitHub(api.caller, now=now).token(
            app(api.url, githubAppInstallationID="42\n"), tls=TLS(), proxy=None
        )
    (asked,) = api.asked
    moment = int(now().timestamp())
    assert claims(asked) == {"iat": moment - 30, "exp": moment + 120, "iss": "123"}
    assert asked.headers["Accept"] == "application/vnd.github+json"
    assert (found.value, (found.expires - now()).total_seconds()) == ("ghs_1", 3600)
    assert "ghs_1" not in repr(found)


@pytest.mark.parametrize("kind", ["orgs", "users"])
async def test_an_owner_is_an_organization_or_else_a_user(kind: str):
    replies = {f"GET /api/v3/{kind}/acme/installation": {"id": 42, "app_id": 123}, TOKENS: TOKEN}
    async with services(replies) as api:
        await GitHub(api.caller, now=now).token(app(api.url, githubAppInstallationOwner="acme"), tls=TLS(), proxy=None)
    looked_up = ["GET /api/v3/orgs/acme/installation", "GET /api/v3/users/acme/installation"]
    assert api.paths == [*looked_up[: 1 if kind == "orgs" else 2], TOKENS]


async def test_an_owner_without_the_app_is_named():
    async with services({}) as api:
        with pytest.raises(CloudError, match="the app is not installed for the organization or user 'acme'"):
            await GitHub(api.caller, now=now).token(
                app(api.url, githubAppInstallationOwner="acme"), tls=TLS(), proxy=None
            )


async def test_a_refusal_is_told_in_github_s_words():
    refusal = web.json_response({"message": "Bad credentials", "documentation_url": "x"}, status=401)
    async with services({TOKENS: refusal}) as api:
        with pytest.raises(CloudError, match="status 401: Bad credentials"):
            await GitHub(api.caller, now=now).token(app(api.url, githubAppInstallationID="42"), tls=TLS(), proxy=None)


async def test_a_key_of_another_kind_is_refused_before_anybody_is_asked():
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for wrong in (key.decode(), "no key"):
        async with services({}) as api:
            made = app(api.url, githubAppInstallationID="42", githubAppPrivateKey=wrong)
            with pytest.raises(CloudError, match="'githubAppPrivateKey' cannot be used: it is no RSA key"):
                await GitHub(api.caller, now=now).token(made, tls=TLS(), proxy=None)
        assert api.asked == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"githubAppID": ""}, "secret 'apps/git': key 'githubAppID' not found"),
        ({"githubAppPrivateKey": " "}, "secret 'apps/git': key 'githubAppPrivateKey' not found"),
        ({}, "exactly one of 'githubAppInstallationID' and 'githubAppInstallationOwner' must be set"),
        (
            {"githubAppInstallationID": "1", "githubAppInstallationOwner": "acme"},
            "exactly one of 'githubAppInstallationID' and 'githubAppInstallationOwner' must be set",
        ),
        ({"githubAppInstallationID": "../x"}, "'githubAppInstallationID' is not what GitHub calls one"),
        ({"githubAppInstallationOwner": "a/b"}, "'githubAppInstallationOwner' is not what GitHub calls one"),
        (
            {"githubAppInstallationID": "1", "githubAppBaseURL": "ftp://x"},
            "'githubAppBaseURL' must begin with https://",
        ),
    ],
    ids=["no id", "no key", "nowhere", "two places", "a number that climbs", "an owner that climbs", "another scheme"],
)
def test_a_secret_that_cannot_work_is_refused_by_its_key(data: dict[str, str], message: str):
    with pytest.raises(CloudError) as caught:
        app(**data)
    assert message in str(caught.value)


def test_a_repr_holds_no_key():
    assert "PRIVATE" not in repr(app(githubAppInstallationID="1"))
