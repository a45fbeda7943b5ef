"""Buckets whose keys a token service hands out: a store in this process that believes those keys alone."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from gotk.cloud.aws import Aws
from gotk.cloud.cache import TokenCache
from gotk.cloud.caller import Caller
from gotk.cloud.git_login import Iam
from gotk.cloud.identity import Identities
from gotk.runtime import errors
from gotk.sources.bucket_sts import Directory
from tests.deploy.source.buckets.world import World, bucket, opened
from tests.gotk.cloud.accounts import TokenCluster
from tests.gotk.cloud.standin import NOW, now
from tests.gotk.oci.serving import serving
from tests.gotk.sources.test_bucket_sts import LDAP
from tests.real import authority, proxies
from tests.real.authority import Authority


@dataclass
class Minio:
    """A store and its token service, which knows one user of a directory."""

    address: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "POST":
            form = await request.post()
            known = (form.get("LDAPUsername"), form.get("LDAPPassword")) == ("jane", "s3cret")
            return web.Response(text=LDAP) if known else web.Response(status=403)
        signed = request.headers.get("Authorization", "")
        if request.headers.get("X-Amz-Security-Token") != "session" or "Credential=short/" not in signed:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code><Message>No</Message></Error>")
        if request.method == "HEAD":
            return web.Response()
        if "list-type" in request.query:
            rows = "<Contents><Key>a.yaml</Key><ETag>1</ETag></Contents>"
            return web.Response(text=f"<ListBucketResult>{rows}</ListBucketResult>", content_type="application/xml")
        return web.Response(body=b"a: 1\n") if request.path.endswith("/a.yaml") else web.Response(status=404)


@pytest.fixture
async def minio() -> AsyncIterator[Minio]:
    minio = Minio()
    async with serving(minio.answer) as minio.address:
        yield minio


@contextlib.asynccontextmanager
async def world_of(place: Path) -> AsyncIterator[World]:
    async with Caller() as caller:
        cache = TokenCache(now=NOW.timestamp)
        async with opened(
            place,
            directory=Directory(caller=caller, cache=cache),
            iam=Iam(Aws(caller, environment={"HOME": str(place), "AWS_EC2_METADATA_DISABLED": "true"}, now=now)),
            identities=Identities(cluster=TokenCluster(), cache=cache, workload_identity=True, default_account=""),
        ) as world:
            world.vault.put("ldap", username=b"jane", password=b"s3cret")
            yield world


async def test_a_directory_s_user_fetches_a_bucket(minio: Minio, tmp_path: Path) -> None:
    sts = {"provider": "ldap", "endpoint": f"http://{minio.address}", "secretRef": {"name": "ldap"}}
    async with world_of(tmp_path) as world:
        ended = await world.run(bucket(minio.address, sts=sts))
        assert world.files(ended) == {"a.yaml": b"a: 1\n"}
        await world.run(ended.obj)
    assert minio.asked.count("POST /") == 1


async def test_the_token_service_has_its_own_trust_and_the_bucket_s_proxy(minio: Minio, tmp_path: Path) -> None:
    private = authority.make(tmp_path / "ca")
    async with over_tls(minio, private) as secured, world_of(tmp_path) as world:
        world.vault.put("trust", ca__crt=private.pem.encode())
        with proxies.serve("http") as proxy:
            world.vault.put("way", **proxy.secret)
            sts = {"provider": "ldap", "endpoint": f"https://localhost:{secured}", "secretRef": {"name": "ldap"}}
            distrusted = await world.run(bucket(minio.address, sts=sts, proxySecretRef={"name": "way"}))
            trusting = {**sts, "certSecretRef": {"name": "trust"}}
            ended = await world.run(bucket(minio.address, sts=trusting, proxySecretRef={"name": "way"}))
        assert world.files(ended) == {"a.yaml": b"a: 1\n"}
        assert ("localhost", secured) in proxy.reached
    assert distrusted.ready[1] == "AuthenticationFailed"
    assert "certificate" in distrusted.ready[2]


@contextlib.asynccontextmanager
async def over_tls(minio: Minio, private: Authority) -> AsyncIterator[int]:
    """Serve the token service by TLS as well; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private.certificate, private.key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", minio.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize(
    ("secret", "reason", "complaint"),
    [
        pytest.param(
            {"username": b"jane"},
            "AuthenticationFailed",
            "invalid 'ldap' secret data for 'ldap' STS provider: required fields username, password",
            id="no password",
        ),
        pytest.param(
            {"username": b"jane", "password": b"wr0ng"}, "AuthenticationFailed", "status 403", id="a wrong password"
        ),
        pytest.param(
            None, "AuthenticationFailed", "spec.sts: failed to get secret 'apps/ldap': secrets", id="no secret"
        ),
    ],
)
async def test_a_user_that_will_not_do_is_named(
    minio: Minio, tmp_path: Path, secret: dict[str, bytes] | None, reason: str, complaint: str
) -> None:
    async with world_of(tmp_path) as world:
        world.vault.held.clear()
        if secret is not None:
            world.vault.put("ldap", **secret)
        sts = {"provider": "ldap", "endpoint": f"http://{minio.address}", "secretRef": {"name": "ldap"}}
        ended = await world.run(bucket(minio.address, sts=sts))
    assert ended.ready[1] == reason
    assert complaint in ended.ready[2]
    assert "wr0ng" not in ended.ready[2]


async def test_what_cannot_be_is_not_tried_again(minio: Minio, tmp_path: Path) -> None:
    async with world_of(tmp_path) as world:
        sts = {"provider": "aws", "endpoint": f"http://{minio.address}"}
        ended = await world.run(bucket(minio.address, provider="aws", sts=sts))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[1] == "InvalidSTSConfiguration"
    assert not minio.asked


async def test_who_has_no_identity_of_aws_is_told_so(minio: Minio, tmp_path: Path) -> None:
    sts = {"provider": "aws", "endpoint": "https://sts.eu-west-1.amazonaws.com"}
    async with world_of(tmp_path) as world:
        ended = await world.run(bucket(minio.address, provider="aws", sts=sts))
    assert ended.ready[1] == "AuthenticationFailed"
    assert "no AWS credentials found" in ended.ready[2]
