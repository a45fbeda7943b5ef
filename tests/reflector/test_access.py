from typing import Any

import pytest
from yarl import URL

from gotk.api.meta import Object
from gotk.duration import Duration
from gotk.oci import name
from gotk.oci.access import Access
from reflector import access
from tests.gotk.oci.serving import Authority
from tests.reflector.cluster import Cluster, account, pull_secret, ref, repository, secret


async def read(*objects: Object, image: str = "reg.io/app", **spec: Any) -> Access:
    repo = repository(image, **spec)
    return await access.access(Cluster(*objects), repo, name.parse(image))


async def test_nothing_named_is_anonymous_with_the_interval_for_a_timeout():
    assert await read() == Access(timeout=300.0)


@pytest.mark.parametrize(("timeout", "seconds"), [("30s", 30.0), ("10ms", 1.0)])
async def test_a_timeout_is_a_second_at_least(timeout: str, seconds: float):
    assert (await read(timeout=Duration.parse(timeout))).timeout == seconds


async def test_the_pull_secret_comes_before_the_accounts():
    found = await read(
        pull_secret("own", "reg.io", "own", "p"),
        pull_secret("its", "reg.io", "its", "p"),
        account("robot", "its"),
        secret_ref=ref("own"),
        service_account_name="robot",
    )
    assert found.credentials.username == "own"


async def test_the_accounts_pull_secrets_are_used():
    found = await read(pull_secret("its", "reg.io", "its", "p"), account("robot", "its"), service_account_name="robot")
    assert found.credentials.username == "its"


async def test_the_old_docker_config_is_read():
    config = secret("old", "kubernetes.io/dockercfg", _dockercfg=b'{"reg.io":{"username":"old","password":"p"}}')
    assert (await read(config, secret_ref=ref("old"))).credentials.username == "old"


async def test_a_secret_of_another_type_is_passed_over():
    found = await read(secret("opaque", username=b"u", password=b"p"), secret_ref=ref("opaque"))
    assert not found.credentials


async def test_one_secret_may_hold_both_credentials_and_trust():
    ca = Authority.make().pair.certificate
    both = secret(
        "both",
        "kubernetes.io/dockerconfigjson",
        _dockerconfigjson=b'{"auths":{"reg.io":{"username":"u","password":"p"}}}',
        ca_crt=ca,
    )
    found = await read(both, secret_ref=ref("both"), cert_secret_ref=ref("both"))
    assert (found.credentials.username, found.tls.ca) == ("u", ca)


async def test_a_proxy_is_read_with_its_credentials_apart():
    proxy = secret("proxy", address=b"http://proxy:3128", username=b"u", password=b"hunter2")
    found = (await read(proxy, proxy_secret_ref=ref("proxy"))).proxy
    assert found is not None
    assert (found.url, found.username, found.password) == (URL("http://proxy:3128"), "u", "hunter2")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("objects", "spec", "message"),
    [
        ([], {"secret_ref": ref("none")}, 'secrets "none" not found'),
        ([], {"service_account_name": "none"}, "serviceaccount 'team/none' not found"),
        (
            [account("robot", "none")],
            {"service_account_name": "robot"},
            "failed to get image pull secret for serviceaccount 'team/robot': secret 'team/none' not found",
        ),
        ([], {"cert_secret_ref": ref("none")}, 'secrets "none" not found'),
        ([], {"proxy_secret_ref": ref("none")}, "secret 'team/none' not found"),
        (
            [secret("s", "kubernetes.io/dockerconfigjson", _dockerconfigjson=b"hunter2")],
            {"secret_ref": ref("s")},
            "secret 'team/s': the docker configuration is not valid JSON of the expected shape",
        ),
        (
            [secret("s")],
            {"cert_secret_ref": ref("s")},
            "secret 'team/s' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'",
        ),
        (
            [secret("s", tls_crt=b"hunter2")],
            {"cert_secret_ref": ref("s")},
            "secret 'team/s' contains 'tls.crt' but missing 'tls.key'",
        ),
        (
            [secret("s", ca_crt=b"hunter2")],
            {"cert_secret_ref": ref("s")},
            "secret 'team/s': the CA certificate is not valid PEM",
        ),
        ([], {"provider": "aws"}, "provider 'aws' is not set up in this process"),
    ],
    ids=[
        "no pull secret",
        "no account",
        "no secret of the account",
        "no certificate secret",
        "no proxy secret",
        "broken pull secret",
        "empty certificate secret",
        "half a pair",
        "broken authority",
        "a provider without logins",
    ],
)
async def test_what_is_wrong_is_said_by_name(objects: list[Object], spec: dict[str, Any], message: str):
    with pytest.raises(access.AccessError) as raised:
        await read(*objects, **spec)
    assert str(raised.value) == message
