"""Tokens of service accounts: what they say, how long they are good, and what ends them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gotk.apiserver import ControlPlane
from tests.gotk.apiserver.caller import Answer, Caller
from tests.gotk.apiserver.widgets import config_map

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


class MovableClock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def make(api: Caller, name: str = "robot") -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    assert (await api.post(ACCOUNTS, account)).status == 201


async def request(api: Caller, name: str = "robot", **spec: Any) -> Answer:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return await api.post(f"{ACCOUNTS}/{name}/token", body)


async def token(api: Caller, name: str = "robot", **spec: Any) -> str:
    answer = await request(api, name, **spec)
    assert answer.status == 201, answer.body
    return str(answer.body["status"]["token"])


async def review(api: Caller, presented: str, *audiences: str) -> dict[str, Any]:
    spec = {"token": presented, **({"audiences": list(audiences)} if audiences else {})}
    question = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    found: dict[str, Any] = (await api.post(REVIEWS, question)).body["status"]
    return found


def claims(presented: str) -> dict[str, Any]:
    part = presented.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def test_a_token_opens_the_door_under_the_accounts_name(api: Caller, plane: ControlPlane) -> None:
    await make(api)
    presented = await token(api)
    async with Caller(plane.kubeconfig, token=presented) as robot:
        question = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await robot.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", question)
    who = answer.body["status"]["userInfo"]
    assert who["username"] == "system:serviceaccount:default:robot"
    assert who["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert (await review(api, presented))["user"]["uid"] == who["uid"]


async def test_a_token_says_whose_it_is_and_until_when(api: Caller) -> None:
    await make(api)
    said = claims(await token(api, expirationSeconds=1200))
    assert said["exp"] - said["iat"] == 1200
    assert said["sub"] == "system:serviceaccount:default:robot"
    assert said["kubernetes.io"]["serviceaccount"]["name"] == "robot"


@pytest.mark.parametrize("seconds", [1, 599, 2**33])
async def test_a_token_is_for_a_sensible_time(api: Caller, seconds: int) -> None:
    await make(api)
    refused = await request(api, expirationSeconds=seconds)
    assert (refused.status, refused.body["details"]["causes"][0]["field"]) == (422, "spec.expirationSeconds")


async def test_a_token_ends_with_its_time(tmp_path: Path) -> None:
    clock = MovableClock()
    async with ControlPlane(tmp_path, clock=clock) as plane, Caller(plane.kubeconfig) as api:
        await make(api)
        presented = await token(api)
        async with Caller(plane.kubeconfig, token=presented) as robot:
            assert (await robot.get("/api")).status == 200
            clock.ahead = timedelta(hours=1, seconds=1)
            assert (await robot.get("/api")).status == 401


async def test_a_token_ends_with_its_account_even_if_another_of_that_name_comes(api: Caller) -> None:
    await make(api)
    presented = await token(api)
    await api.delete(f"{ACCOUNTS}/robot")
    assert "user" in (await review(api, presented))
    await make(api)
    assert not (await review(api, presented)).get("authenticated")


async def test_a_token_ends_with_the_secret_it_is_bound_to(api: Caller) -> None:
    await make(api)
    secrets = "/api/v1/namespaces/default/secrets"
    await api.post(secrets, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}})
    presented = await token(api, boundObjectRef={"kind": "Secret", "apiVersion": "v1", "name": "key"})
    assert (await review(api, presented))["authenticated"] is True
    await api.delete(f"{secrets}/key")
    assert not (await review(api, presented)).get("authenticated")


async def test_a_token_for_others_is_not_for_us(api: Caller, plane: ControlPlane) -> None:
    await make(api)
    presented = await token(api, audiences=["vault"])
    async with Caller(plane.kubeconfig, token=presented) as robot:
        assert (await robot.get("/api")).status == 401
    assert not (await review(api, presented)).get("authenticated")
    assert (await review(api, presented, "vault", "other"))["audiences"] == ["vault"]


async def test_a_token_that_was_touched_is_worth_nothing(api: Caller) -> None:
    await make(api)
    head, body, signature = (await token(api)).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    more = base64.urlsafe_b64encode(json.dumps({**claims(f".{body}."), "exp": 2**40}).encode()).rstrip(b"=").decode()
    for forged in (
        f"{none}.{body}.",
        f"{head}.{more}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.é",
        "a.b.c",
        "..",
    ):
        assert not (await review(api, forged)).get("authenticated"), forged


async def test_tokens_live_through_a_restart(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        await make(api)
        presented = await token(api)
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig, token=presented) as robot:
        assert (await robot.get("/api")).status == 200


async def test_others_can_check_our_tokens(api: Caller) -> None:
    found = await api.get("/.well-known/openid-configuration")
    assert found.body["issuer"] == "https://kubernetes.default.svc.cluster.local"
    (key,) = (await api.get("/openid/v1/jwks")).body["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")


async def test_there_is_no_token_for_nobody(api: Caller) -> None:
    assert (await request(api, "nobody")).status == 404
    await api.post("/api/v1/namespaces/default/configmaps", config_map("a"))
    await make(api)
    refused = await request(api, boundObjectRef={"kind": "ConfigMap", "name": "a"})
    assert refused.status == 400
