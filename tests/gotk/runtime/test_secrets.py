"""Secrets: what is read, what is refused in Flux's words, and that nothing shows what must stay hidden."""

import pytest

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.runtime import secrets
from gotk.runtime.secrets import TLS, Proxy, SecretError


def secret(**data: str) -> Secret:
    named = {name.replace("__", "."): value.encode() for name, value in data.items()}
    return Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="creds", namespace="default"), data=named)


@pytest.mark.parametrize(
    ("read", "data", "value"),
    [
        pytest.param(secrets.tls, {}, None, id="no TLS"),
        pytest.param(secrets.tls, {"ca__crt": "CA"}, TLS(ca=b"CA"), id="an authority alone"),
        pytest.param(
            secrets.tls, {"tls__crt": "C", "tls__key": "K"}, TLS(certificate=b"C", key=b"K"), id="a client certificate"
        ),
        pytest.param(
            secrets.tls,
            {"caFile": "CA", "certFile": "C", "keyFile": "K"},
            TLS(ca=b"CA", certificate=b"C", key=b"K", legacy=("caFile", "certFile", "keyFile")),
            id="the old names",
        ),
        pytest.param(secrets.tls, {"ca__crt": "new", "caFile": "old"}, TLS(ca=b"new"), id="the new name wins"),
        pytest.param(secrets.proxy, {"address": "http://proxy:3128"}, Proxy(address="http://proxy:3128"), id="a proxy"),
        pytest.param(
            secrets.proxy,
            {"address": "socks5://proxy", "password": "p"},
            Proxy(address="socks5://proxy"),
            id="a proxy's password without a user is left out",
        ),
    ],
)
def test_what_is_read(read, data: dict[str, str], value: object) -> None:
    assert read(secret(**data)) == value


@pytest.mark.parametrize(
    ("read", "data", "message"),
    [
        pytest.param(
            secrets.tls,
            {"tls__crt": "C"},
            "secret 'default/creds' contains 'tls.crt' but missing 'tls.key'",
            id="a certificate without its key",
        ),
        pytest.param(
            secrets.tls,
            {"keyFile": "K", "ca__crt": "CA"},
            "secret 'default/creds' contains 'tls.key' but missing 'tls.crt'",
            id="a key without its certificate",
        ),
        pytest.param(
            secrets.required_tls,
            {},
            "secret 'default/creds' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'",
            id="no TLS where it is wanted",
        ),
        pytest.param(secrets.proxy, {}, "secret 'default/creds': key 'address' not found", id="no address"),
        pytest.param(
            secrets.proxy, {"address": ""}, "secret 'default/creds': proxy address is empty", id="an empty address"
        ),
        pytest.param(
            secrets.proxy,
            {"address": "ftp://proxy"},
            "secret 'default/creds': proxy URL must use one of the supported schemes (http, https, socks5), got 'ftp'",
            id="another scheme",
        ),
        pytest.param(
            secrets.proxy,
            {"address": "http://" + "x" * 2048},
            "secret 'default/creds': proxy URL exceeds maximum length of 2048 characters",
            id="a long address",
        ),
        pytest.param(
            secrets.proxy,
            {"address": "http://[x"},
            "secret 'default/creds': failed to parse proxy address",
            id="no URL",
        ),
    ],
)
def test_what_is_refused(read, data: dict[str, str], message: str) -> None:
    with pytest.raises(SecretError) as refused:
        read(secret(**data))
    assert str(refused.value) == message


def test_bytes_that_are_no_text_are_refused_without_being_shown() -> None:
    broken = Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name="creds", namespace="default"),
        data={"address": b"\xff\xfe"},
    )
    with pytest.raises(SecretError, match="key 'address' is not text") as refused:
        secrets.proxy(broken)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    [
        TLS(certificate=b"C", key=b"hunter2"),
        Proxy(address="http://u:hunter2@proxy", username="u", password="hunter2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_what_is_secret(value: object) -> None:
    assert "hunter2" not in repr(value)
    assert "hunter2" not in str(value)


def test_a_proxys_url_holds_its_credentials_quoted() -> None:
    found = secrets.proxy(secret(address="http://proxy:3128/", username="u@corp", password="p:/w"))
    assert found.url == "http://u%40corp:p%3A%2Fw@proxy:3128/"
    assert str(found) == "http://proxy:3128"
