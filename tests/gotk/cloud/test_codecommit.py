"""CodeCommit's passwords, beside what AWS's own library computes for the same keys and the same moment."""

import pytest

from gotk.cloud import codecommit
from gotk.cloud.errors import CloudError
from gotk.cloud.sigv4 import Keys
from gotk.git import url
from tests.gotk.cloud.standin import now

FLEET = url.parse("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet")
SIGNATURE = "20fc8a23426a131ee97b59a9aa5ac6b520f3c1b8afcaeb107d5183f9ebdcd03b"  # made by botocore


@pytest.mark.parametrize(
    ("token", "user"), [("", "AKIDEXAMPLE"), ("to/ken==", "AKIDEXAMPLE%to/ken==")], ids=["lasting keys", "a role's"]
)
def test_the_password_is_the_moment_and_a_signature(token: str, user: str):
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    keys = Keys(access_key="AKIDEXAMPLE", secret_key=secret, session_token=token, expires=now())
    assert codecommit.login(FLEET, keys, now()) == (user, f"20260101T120000Z{SIGNATURE}")


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("https://git-codecommit.us-east-1.amazonaws.com/v1/repos/x", "us-east-1"),
        ("https://git-codecommit-fips.us-gov-west-1.amazonaws.com/v1/repos/x", "us-gov-west-1"),
        ("https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/x", "cn-north-1"),
    ],
)
def test_the_address_names_the_region(address: str, region: str):
    assert codecommit.region(url.parse(address)) == region


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/fleet",
        "http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x",
        "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/x",
        "https://git-codecommit.eu-west-1.evil.example/v1/repos/x",
    ],
)
def test_no_other_server_gets_a_signature(address: str):
    with pytest.raises(CloudError, match="is no repository of AWS CodeCommit"):
        codecommit.region(url.parse(address))
