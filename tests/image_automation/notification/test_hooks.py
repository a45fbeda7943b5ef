"""What the door answers, and what a call does behind it."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gotk.api import extensions
from gotk.runtime import health
from image_automation.notification.receivers import signature
from tests.image_automation.notification.door import TOKEN, a_receiver, door


def signed(body: bytes) -> str:
    return f"sha256={signature.sign(body, TOKEN)}"


async def test_a_missing_object_is_an_error_of_ours_and_the_sender_may_try_again() -> None:
    body = b'{"ref":"x"}'
    async with door(a_receiver("github")) as it:
        removed = it.cluster.objects.pop(("ImageRepository", "apps", "web"))
        assert await it.call(body=body, X_Hub_Signature_256=signed(body), X_GitHub_Delivery="1") == 500
        it.cluster.objects["ImageRepository", "apps", "web"] = removed
        assert await it.call(body=body, X_Hub_Signature_256=signed(body), X_GitHub_Delivery="1") == 200
        assert await it.call(body=body, X_Hub_Signature_256=signed(body), X_GitHub_Delivery="1") == 400
        assert len(it.cluster.patched) == 1


@pytest.mark.parametrize(
    ("spec", "status", "woken"),
    [
        ({"resourceFilter": "req.tag.startsWith('v') && res.metadata.name == 'web'"}, 200, 1),
        ({"resourceFilter": "req.tag == 'x'"}, 200, 0),
        ({"resourceFilter": "req.missing == 'x'"}, 500, 0),
        ({"resourceFilter": "'text'"}, 500, 0),
        ({"resources": [{"kind": "ImageRepository", "name": "web", "filter": "false"}]}, 200, 0),
        ({"resources": [{"kind": "ImageRepository", "name": "*", "matchLabels": {"app": "web"}}]}, 200, 1),
        ({"resources": [{"kind": "ImageRepository", "name": "*", "matchLabels": {"app": "api"}}]}, 200, 0),
        ({"resources": [{"kind": "ImageRepository", "name": "*"}]}, 500, 0),
        ({"resources": [{"kind": "Kustomization", "name": "web"}]}, 500, 0),
        ({"resources": [{"kind": "ImageRepository", "name": "web", "namespace": "other"}]}, 500, 0),
    ],
)
async def test_filters_and_resource_lists_decide_who_is_woken(spec: dict[str, Any], status: int, woken: int) -> None:
    async with door(a_receiver("generic", **spec), cross_namespace=False) as it:
        assert await it.call(body=b'{"tag": "v1"}') == status
        assert len(it.cluster.patched) == woken


async def test_a_burst_becomes_a_few_annotations() -> None:
    async with door(a_receiver("generic")) as it:
        assert set(await asyncio.gather(*(it.call() for _ in range(100)))) == {200}
        assert len(it.cluster.patched) <= 5


async def test_a_narrowed_receiver_wakes_the_named_repository_alone_and_names_its_tags() -> None:
    resources = [{"kind": "ImageRepository", "name": each} for each in ("web", "api")]
    obj = a_receiver("dockerhub", annotations={extensions.NARROW: "true"}, resources=resources)
    async with door(obj) as it:
        it.cluster.add("ImageRepository", "api", image="registry.example/team/api")
        for tag in ("1.0.1", "1.0.2"):
            said = {"repository": {"repo_name": "team/web"}, "push_data": {"tag": tag}}
            assert await it.call(body=json.dumps(said).encode()) == 200
        assert [(name, said.get(extensions.PUSHED)) for name, said in it.cluster.patched] == [
            ("web", "1.0.1"),
            ("web", "1.0.1,1.0.2"),
        ]


async def test_tokens_of_a_declared_issuer_open_the_door() -> None:
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))

    def b64(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def number(value: int) -> str:
        return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    def token(by: rsa.RSAPrivateKey = key, alg: str = "RS256", **claims: Any) -> str:
        made = {"iss": issuer, "aud": "notification-controller", "exp": time.time() + 300, "sub": "ci"} | claims
        head = b64(json.dumps({"alg": alg, "kid": "1"}).encode()) + "." + b64(json.dumps(made).encode())
        return f"Bearer {head}.{b64(by.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    async def configuration(_: web.Request) -> web.Response:
        return web.json_response({"issuer": issuer, "jwks_uri": f"{issuer}/keys"})

    async def keys(_: web.Request) -> web.Response:
        numbers = key.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "1", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)}
        return web.json_response({"keys": [jwk]})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", configuration)
    app.router.add_get("/keys", keys)
    async with health.serve("127.0.0.1:0", app) as port:
        issuer = f"http://127.0.0.1:{port}"
        provider = {
            "issuerURL": issuer,
            "variables": [{"name": "who", "expression": "claims.sub"}],
            "validations": [{"expression": "vars.who == 'ci'", "message": "who are you"}],
        }
        async with door(
            a_receiver("generic-oidc", oidcProviders=[provider], resourceFilter="claims.sub == 'ci'")
        ) as it:
            assert await it.call(Authorization=token()) == 200
            for forged in (
                "", "Basic x", "Bearer a.b.c", token(other), token(aud="x"), token(exp=1), token(sub="eve"),
                token(iss="http://127.0.0.1:1"), token(nbf=time.time() + 900), token(alg="none"), token(alg="HS256"),
            ):  # fmt: skip
                assert await it.call(Authorization=forged) == 400
            assert len(it.cluster.patched) == 1
