"""Signatures against the vectors of AWS's own test suite."""

import re
from datetime import UTC, datetime

import pytest
from yarl import URL

from gotk.cloud.sigv4 import Keys, sign

KEYS = Keys(
    access_key="AKIDEXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    expires=datetime(2015, 8, 31, tzinfo=UTC),
)
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "url", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case"],
)
def test_a_request_is_signed_as_in_the_vendors_vectors(method: str, url: str, signature: str):
    signed = sign(
        KEYS,
        method=method,
        url=URL(f"https://example.amazonaws.com{url}"),
        headers={},
        body=b"",
        region="us-east-1",
        service="service",
        now=THEN,
    )
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    assert re.search(r"Signature=(\w+)", signed["Authorization"])[1] == signature  # type: ignore[index] # asserted


def test_keys_do_not_show_their_secrets():
    assert "wJalr" not in repr(KEYS)
