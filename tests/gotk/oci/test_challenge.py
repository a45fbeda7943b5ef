import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.oci import challenge
from gotk.oci.challenge import Challenge

BEARER = Challenge("bearer", {"realm": "https://auth/token", "service": "reg", "scope": "repository:a/b:pull"})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ('Bearer realm="https://auth/token",service="reg",scope="repository:a/b:pull"', [BEARER]),
        ('bearer  realm="https://auth/token" , service=reg,\tscope="repository:a/b:pull"', [BEARER]),
        ('Basic realm="x \\"y\\", z"', [Challenge("basic", {"realm": 'x "y", z'})]),
        ("Basic", [Challenge("basic", {})]),
        ('Negotiate YIIB==, Basic realm="x"', [Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})]),
        (
            'Basic realm="x", Bearer realm="https://a", service="s"',
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"realm": "https://a", "service": "s"})],
        ),
        ('Bearer realm="first",realm="second"', [Challenge("bearer", {"realm": "first"})]),
        ('Bearer realm="never closed', [Challenge("bearer", {"realm": ""})]),
    ],
)
def test_a_header_is_read_as_rfc_9110_says(header: str, expected: list[Challenge]):
    assert challenge.parse(header) == expected


def test_a_token_is_preferred_to_a_password():
    assert challenge.strongest(['Basic realm="x"', 'Bearer realm="https://a"']) == Challenge(
        "bearer", {"realm": "https://a"}
    )


@pytest.mark.parametrize("headers", [[], ["Negotiate"], ['Bearer service="no realm"']])
def test_there_may_be_nothing_to_answer(headers: list[str]):
    assert challenge.strongest(headers) is None


@given(st.text(alphabet=st.sampled_from('Bearerbasic realm="=,\\ x\t'), max_size=200))
def test_any_header_can_be_read(header: str):
    challenge.parse(header)


def test_a_long_hostile_header_is_read_in_no_time():
    challenge.parse("a" * 100_000)
    challenge.parse('Bearer x="' + "\\" * 100_000)
    challenge.parse("Bearer " + "a=b," * 50_000)
    challenge.parse("," * 100_000)
