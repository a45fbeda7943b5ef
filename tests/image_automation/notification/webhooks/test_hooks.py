"""What the door answers, and what a call does behind it."""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gotk.api import extensions
from gotk.api.notification import Receiver
from gotk.kube.cache import KindCache
from gotk.runtime import health
from gotk.runtime.clock import SystemClock
from image_automation.notification import receiver
from image_automation.notification.receivers import gcr, signature
from image_automation.notification.webhooks import hooks, limits, tokens
from tests.image_automation.notification.door import TOKEN, a_receiver, door
from tests.image_automation.notification.issuer import Key, an_ec_key, an_rsa_key, bearer, issuing


async def noticed(port: int, text: bytes) -> bytes:
    """Send bytes and return the first line of what comes back before the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        async with asyncio.timeout(60):
            return (await reader.read(65536)).partition(b"\r\n")[0]
    finally:
        writer.close()


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


async def test_a_push_to_a_registry_wakes_the_source_that_pulls_from_it() -> None:
    async with door(a_receiver("generic", resources=[{"kind": "OCIRepository", "name": "app"}])) as it:
        it.cluster.add("OCIRepository", "app", url="oci://registry.example/team/app")
        assert await it.call() == 200
        assert [name for name, _ in it.cluster.patched] == ["app"]


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


async def test_a_narrowed_receiver_wakes_nobody_for_the_push_of_another_image() -> None:
    async with door(a_receiver("dockerhub", annotations={extensions.NARROW: "true"})) as it:
        for image in ("team/other", "team/web2", "web", "other.example/team/web"):
            said = {"repository": {"repo_name": image}, "push_data": {"tag": "1.0.1"}}
            assert await it.call(body=json.dumps(said).encode()) == 200
        assert it.cluster.patched == []


@pytest.mark.parametrize(("make", "alg"), [(an_rsa_key, "RS256"), (an_ec_key, "ES256")], ids=["RS256", "ES256"])
async def test_tokens_of_a_declared_issuer_open_the_door(make: Callable[[], Key], alg: str) -> None:
    key, other = make(), make()
    async with issuing(key) as issuer:

        def token(by: Key = key, alg: str = alg, **claims: Any) -> str:
            made = {"iss": issuer, "aud": "notification-controller", "exp": time.time() + 300, "sub": "ci"} | claims
            return bearer(by, alg, **made)

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
                token(alg="ES384"), token()[:-8], token(an_rsa_key(), "RS256"), token(an_ec_key(), "ES256"),
            ):  # fmt: skip
                assert await it.call(Authorization=forged) == 400
            assert len(it.cluster.patched) == 1


async def test_a_push_of_googles_registry_is_checked_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = an_rsa_key(), an_rsa_key()
    inner = {"action": "INSERT", "tag": "registry.example/team/web:1.0.1"}
    audience, email = "https://hooks.example.com", "push@project.iam.gserviceaccount.com"

    async with issuing(key) as issuer:
        # The one address that is fixed: Google's own.
        monkeypatch.setattr(tokens, "GOOGLE", issuer)
        monkeypatch.setattr(gcr, "ISSUERS", (issuer,))

        def token(by: Key = key, **claims: Any) -> str:
            made = {"iss": issuer, "aud": audience, "exp": time.time() + 300, "email": email, "email_verified": True}
            return bearer(by, "RS256", **made | claims)

        async with door(a_receiver("gcr", resourceFilter="req.action == 'INSERT'")) as it:
            it.cluster.more = {"email": email.encode(), "audience": audience.encode()}
            sent = itertools.count()

            async def push(authorization: str) -> int:
                data = base64.b64encode(json.dumps(inner).encode()).decode()
                body = {"message": {"data": data, "messageId": str(next(sent))}, "subscription": "s"}
                return await it.call(body=json.dumps(body).encode(), Authorization=authorization)

            assert await push(token()) == 200
            for forged in (
                "", token(other), token(aud="https://other.example.com"), token(exp=1), token(email="eve@example.com"),
                token(email_verified=False), token(iss="https://issuer.evil.test"),
                token(iss="accounts.google.com.evil"),
            ):  # fmt: skip
                assert await push(forged) == 400
            assert len(it.cluster.patched) == 1


HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\n"
SMUGGLED: dict[str, bytes] = {
    "two kinds of length": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length with its sign": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "an unknown encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks that are not the last encoding": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "a folded header": HEAD + b"X-A: 1\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "a null in a header": HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a broken chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a broken end of a chunk's length": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a\nx\r\n{}\r\n0\r\n\r\n",
    "a long header": HEAD + b"X-A: " + b"a" * 30_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "many headers": HEAD + b"X-A: a\r\n" * 5000 + b"Content-Length: 2\r\n\r\n{}",
    "no HTTP": b"\x16\x03\x01\r\n\r\n",
}


@pytest.mark.parametrize("text", SMUGGLED.values(), ids=SMUGGLED)
async def test_what_two_servers_could_read_in_two_ways_is_refused_unread(
    text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(a_receiver("generic")) as it:
        port = int(it.url.rpartition(":")[2])
        answer = await noticed(port, text.replace(b"%s", it.path.encode()))
        assert answer.split(b" ")[1] == b"400"
        assert it.cluster.patched == []
        assert await it.call() == 200
    assert caplog.records == []


async def test_a_token_that_changed_closes_the_old_path_at_once() -> None:
    async with door(a_receiver("generic")) as it:
        it.cluster.token = b"another"
        assert await it.call() == 400
        it.cluster.token = TOKEN
        assert await it.call() == 200


async def test_slow_bodies_at_one_receiver_leave_room_for_the_next_call() -> None:
    async with door(a_receiver("generic")) as it:
        port = int(it.url.rpartition(":")[2])
        writers = []
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((HEAD.replace(b"%s", it.path.encode())) + b"Content-Length: 5\r\n\r\n{")
            writers.append(writer)
        assert await it.call() == 200
        for writer in writers:
            writer.close()


def test_a_path_belongs_to_the_older_of_two_receivers() -> None:
    cache: KindCache[Receiver] = KindCache(Receiver, client=None, clock=SystemClock())  # type: ignore[arg-type]
    index = hooks.Index(cache)
    older, newer = (at(name, namespace, created) for name, namespace, created in (
        ("ab", "c", "2026-01-01T00:00:00Z"), ("a", "bc", "2026-01-02T00:00:00Z")))  # fmt: skip
    assert older.status.webhook_path == newer.status.webhook_path
    cache.learn(newer)
    cache.learn(older)
    assert index.find(older.status.webhook_path) == older
    cache.learn(
        msgspec.structs.replace(
            newer,
            metadata=msgspec.structs.replace(newer.metadata, resource_version="2"),
            status=msgspec.structs.replace(newer.status, webhook_path=""),
        )
    )
    assert index.find(older.status.webhook_path) == older


def at(name: str, namespace: str, created: str) -> Receiver:
    obj = a_receiver("generic-oidc")
    metadata = msgspec.structs.replace(
        obj.metadata, name=name, namespace=namespace, uid=name, creation_timestamp=created
    )
    status = msgspec.structs.replace(obj.status, webhook_path=receiver.path_of(b"", name, namespace))
    return msgspec.structs.replace(obj, metadata=metadata, status=status)


def test_a_flood_of_ids_at_one_receiver_makes_no_other_one_forget() -> None:
    replays = limits.Replays(clock=SystemClock(), size=8, receivers=4)
    replays.remember("mine", ("a",))
    for number in range(100):
        replays.remember("other", (str(number),))
    assert replays.is_replay("mine", ("a",))
    assert replays.is_replay("other", ("99",))
    assert not replays.is_replay("other", ("1",))
    assert not replays.is_replay("third", ("a",))


async def test_headers_are_held_to_their_limit_as_a_whole() -> None:
    async with door(a_receiver("generic")) as it:
        port = int(it.url.rpartition(":")[2])
        many = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 10_000) for number in range(30))
        text = HEAD.replace(b"%s", it.path.encode()) + many + b"Content-Length: 2\r\n\r\n{}"
        assert b"431" in await noticed(port, text)
        assert it.cluster.patched == []


async def test_an_issuer_that_is_down_is_not_asked_by_every_call() -> None:
    asked = []

    async def down(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=500)

    app = web.Application()
    app.router.add_get("/{path:.*}", down)
    async with health.serve("127.0.0.1:0", app) as port:
        issuer = f"http://127.0.0.1:{port}"
        valid = [{"expression": "true", "message": "never"}]
        obj = a_receiver("generic-oidc", oidcProviders=[{"issuerURL": issuer, "validations": valid}])
        token = bearer(an_ec_key(), "ES256", iss=issuer, aud="notification-controller", exp=time.time() + 60)
        async with door(obj) as it:
            assert {await it.call(Authorization=token) for _ in range(10)} == {400}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        ("http://issuer.example/keys", True),
        ("https://keys.example/keys", True),
        ("http://issuer.example:81/keys", False),
        ("http://169.254.169.254/keys", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
async def test_keys_come_from_the_issuers_host_or_by_https(keys: str, taken: bool) -> None:
    assert tokens.belongs(keys, "http://issuer.example") is taken


async def test_of_two_signatures_the_first_counts() -> None:
    async with door(a_receiver("generic-hmac")) as it:
        port = int(it.url.rpartition(":")[2])
        good, bad = f"X-Signature: {signed(b'{}')}\r\n".encode(), b"X-Signature: sha256=00\r\n"
        for both, status in ((good + bad, b"200"), (bad + good, b"400")):
            text = HEAD.replace(b"%s", it.path.encode()) + both + b"Content-Length: 2\r\n\r\n{}"
            assert status in await noticed(port, text)


async def test_an_expression_without_end_costs_its_own_receiver_a_while_and_nobody_else() -> None:
    endless = "req.list.all(x, req.text.split('').size() > 0) && res.metadata.name == 'web'"
    huge = "req.text.replace('a', req.text).size() > 0"
    body = json.dumps({"list": [1] * 9_000, "text": "a" * 500_000}).encode()
    for expression in (endless, huge):
        async with door(a_receiver("generic", resourceFilter=expression)) as it:
            async with asyncio.TaskGroup() as group:
                slow = group.create_task(it.call(body=body))
                beats = 0
                while not slow.done():
                    await asyncio.wait([slow], timeout=0.05)
                    beats += 1
            assert slow.result() == 500
            assert beats > 3, "everything else goes on meanwhile"
            assert await it.call(body=b"{}") == 500, "this receiver waits"
            assert it.cluster.patched == []


@pytest.mark.parametrize(
    "rules",
    [
        {
            "variables": [{"name": "who", "expression": "claims.missing"}],
            "validations": [{"expression": "vars.who != 'eve'", "message": "not you"}],
        },
        {"validations": [{"expression": "claims.missing != 'eve'", "message": "not you"}]},
    ],
    ids=["a variable", "a validation"],
)
async def test_a_claim_that_is_not_there_refuses_and_is_not_taken_for_a_text(rules: dict[str, Any]) -> None:
    key = an_ec_key()
    async with (
        issuing(key) as issuer,
        door(a_receiver("generic-oidc", oidcProviders=[{"issuerURL": issuer} | rules])) as it,
    ):
        made = {"iss": issuer, "aud": "notification-controller", "exp": time.time() + 300}
        assert await it.call(Authorization=bearer(key, "ES256", **made)) == 400
        assert await it.call(Authorization=bearer(key, "ES256", missing="here", **made)) == 200


async def test_the_journal_keeps_who_was_let_in_and_why_others_were_not() -> None:
    body = b'{"ref":"x"}'
    async with door(a_receiver("github")) as it:
        assert await it.call(body=body, X_Hub_Signature_256=signed(body), X_GitHub_Delivery="1") == 200
        assert await it.call(body=body, X_Hub_Signature_256="sha256=00", X_GitHub_Delivery="2") == 400
        assert await it.call("/hook/" + "0" * 64, body=body) == 404
        refused, taken = it.journal.calls("apps", "hook")
    assert (taken.status, taken.woken, taken.cause) == (200, 1, "")
    assert (refused.status, refused.woken) == (400, 0)
    assert refused.cause
    assert "s3cret" not in refused.cause
