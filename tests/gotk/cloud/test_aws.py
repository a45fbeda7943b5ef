import re
from pathlib import Path

import pytest
from aiohttp import web

from gotk.cloud import aws
from gotk.cloud.aws import Aws
from gotk.cloud.errors import CloudError
from tests.gotk.cloud.standin import account, now, services

STS = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey>
    <SessionToken>session</SessionToken><Expiration>2026-01-01T13:00:00Z</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
NODE = {
    "Code": "Success",
    "AccessKeyId": "ASIA2",
    "SecretAccessKey": "hunter2",
    "Token": "node",
    "Expiration": "2026-01-01T18:00:00Z",
}
ROLE = "arn:aws:iam::123456789012:role/reader"


async def test_the_environments_keys_come_first():
    async with services({}) as cloud:
        environment = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
        keys = await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    assert (keys.access_key, keys.secret_key, keys.session_token) == ("AKIA", "s", "t")


async def test_a_pods_web_identity_assumes_its_role(tmp_path: Path):
    (tmp_path / "token").write_text("jwt\n")
    async with services({"POST /": STS}) as cloud:
        environment = {
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": cloud.url,
        }
        keys = await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    (asked,) = cloud.asked
    assert asked.form == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "image-automation",
        "WebIdentityToken": "jwt",
    }
    assert (keys.access_key, keys.session_token, keys.expires.hour) == ("ASIA1", "session", 13)


async def test_the_credentials_file_is_read(tmp_path: Path):
    (tmp_path / "credentials").write_text("[ci]\naws_access_key_id = AKIA\naws_secret_access_key = s%s\n")
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "ci"}
    async with services({}) as cloud:
        keys = await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    assert (keys.access_key, keys.secret_key) == ("AKIA", "s%s")


async def test_a_containers_endpoint_is_told_its_token(tmp_path: Path):
    (tmp_path / "token").write_text("pod-token")
    async with services({"GET /v1/credentials": NODE}) as cloud:
        environment = {
            "HOME": str(tmp_path),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{cloud.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        keys = await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    assert cloud.asked[0].headers["Authorization"] == "pod-token"
    assert (keys.access_key, keys.expires.hour) == ("ASIA2", 18)


async def test_a_container_endpoint_elsewhere_gets_no_token(tmp_path: Path):
    environment = {
        "HOME": str(tmp_path),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hunter2",
    }
    async with services({}) as cloud:
        with pytest.raises(CloudError, match=r"example\.com is no host of container credentials"):
            await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)


async def test_a_nodes_role_is_asked_of_the_second_metadata_service(tmp_path: Path):
    roles = "/latest/meta-data/iam/security-credentials/"
    replies = {"PUT /latest/api/token": b"imds", f"GET {roles}": b"node-role\n", f"GET {roles}node-role": NODE}
    async with services(replies) as cloud:
        environment = {"HOME": str(tmp_path), "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.url}
        keys = await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    assert [one.headers.get("X-aws-ec2-metadata-token") for one in cloud.asked] == [None, "imds", "imds"]
    assert keys.session_token == "node"


async def test_nothing_found_says_where_it_was_looked_for(tmp_path: Path):
    environment = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    async with services({}) as cloud:
        with pytest.raises(CloudError) as raised:
            await Aws(cloud.caller, environment=environment, now=now).controller("eu-west-1", None)
    for place in ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", ".aws/credentials", "FULL_URI", "AWS_EC2_METADATA_DISABLED"):
        assert place in str(raised.value)


async def test_a_refusal_of_sts_is_said_without_the_token():
    body = {"Error": {"Code": "AccessDenied"}, "message": "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
    async with services({"POST /": web.json_response(body, status=403)}) as cloud:
        provider = Aws(cloud.caller, environment={"AWS_ENDPOINT_URL": cloud.url}, now=now)
        with pytest.raises(CloudError, match="status 403: Not authorized") as raised:
            await provider.assume(ROLE, "s", "hunter2", "eu-west-1", None)
    assert "hunter2" not in str(raised.value)


UNFOLDING = (
    '<!DOCTYPE a [<!ENTITY b "ASIA">]><a><AccessKeyId>&b;</AccessKeyId><SecretAccessKey>s</SecretAccessKey>'
    "<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></a>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<!DOCTYPE a><a/>",
        b"<Credentials/>",
        UNFOLDING.encode("utf-16"),
        b'<?xml version="1.0" encoding="none"?><a/>',
    ],
    ids=["nothing", "a page", "a declaration", "no credentials", "a declaration in UTF-16", "an encoding of nobody"],
)
async def test_an_answer_of_another_shape_is_an_error(body: bytes):
    async with services({"POST /": lambda _: _response(body)}) as cloud:
        provider = Aws(cloud.caller, environment={"AWS_ENDPOINT_URL": cloud.url}, now=now)
        with pytest.raises(CloudError, match="is not what the service documents"):
            await provider.assume(ROLE, "s", "t", "eu-west-1", None)


def _response(body: bytes) -> object:
    return web.Response(body=body)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"),
        ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_a_partition_has_its_own_domain(region: str, host: str):
    async with services({}) as cloud:
        assert Aws(cloud.caller, environment={}, now=now).endpoint("sts", region, "sts.{region}.{domain}").host == host


@pytest.mark.parametrize("found", ["", "reader", "arn:aws:iam::1:user/x", f"{ROLE}\n"])
def test_a_role_that_is_none_is_said_in_flux_words(found: str):
    pattern = r"^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$"
    with pytest.raises(CloudError, match=re.escape(f"invalid AWS role ARN: '{found}'. must match {pattern}")):
        aws.role(account(**{aws.ROLE_ANNOTATION: found}))


def test_a_session_is_named_for_the_account_and_the_region():
    assert aws.session_name(account(), "eu-west-1") == "robot.team.eu-west-1.fluxcd.io"
