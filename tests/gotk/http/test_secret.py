"""TLS files and proxies of Secrets: what is read, what is refused in Flux's words, and what never shows."""

import pytest
from yarl import URL

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.http.proxy import InvalidProxy, Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import TLS


def secret(**data: str) -> Secret:
    named = {name.replace("__", "."): value.encode() for name, value in data.items()}
    return Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="creds", namespace="default"), data=named)


@pytest.mark.parametrize(
    ("read", "data", "value"),
    [
        pytest.param(TLS.find, {}, None, id="no TLS"),
        pytest.param(TLS.find, {"ca__crt": "CA"}, TLS(ca=b"CA"), id="an authority alone"),
        pytest.param(
            TLS.find, {"tls__crt": "C", "tls__key": "K"}, TLS(certificate=b"C", key=b"K"), id="a client certificate"
        ),
        pytest.param(
            TLS.find,
            {"caFile": "CA", "certFile": "C", "keyFile": "K"},
            TLS(ca=b"CA", certificate=b"C", key=b"K"),
            id="the old names",
        ),
        pytest.param(TLS.find, {"ca__crt": "new", "caFile": "old"}, TLS(ca=b"new"), id="the new name wins"),
        pytest.param(
            Proxy.from_secret, {"address": "http://proxy:3128"}, Proxy(url=URL("http://proxy:3128")), id="a proxy"
        ),
        pytest.param(
            Proxy.from_secret,
            {"address": "socks5://proxy", "password": "p"},
            Proxy(url=URL("socks5://proxy")),
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
            TLS.find,
            {"tls__crt": "C"},
            "secret 'default/creds' contains 'tls.crt' but missing 'tls.key'",
            id="a certificate without its key",
        ),
        pytest.param(
            TLS.find,
            {"keyFile": "K", "ca__crt": "CA"},
            "secret 'default/creds' contains 'tls.key' but missing 'tls.crt'",
            id="a key without its certificate",
        ),
        pytest.param(
            TLS.from_secret,
            {},
            "secret 'default/creds' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'",
            id="no TLS where it is wanted",
        ),
        pytest.param(Proxy.from_secret, {}, "secret 'default/creds': key 'address' not found", id="no address"),
        pytest.param(
            Proxy.from_secret, {"address": ""}, "secret 'default/creds': proxy address is empty", id="an empty address"
        ),
        pytest.param(
            Proxy.from_secret,
            {"address": "ftp://proxy"},
            "secret 'default/creds': proxy URL must use one of the supported schemes (http, https, socks5), got 'ftp'",
            id="another scheme",
        ),
        pytest.param(
            Proxy.from_secret,
            {"address": "http://" + "x" * 2048},
            "secret 'default/creds': proxy URL exceeds maximum length of 2048 characters",
            id="a long address",
        ),
        pytest.param(
            Proxy.from_secret,
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
        Proxy.from_secret(broken)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    [
        TLS(certificate=b"C", key=b"hunter2"),
        Proxy(url=URL("http://proxy"), username="u", password="hunter2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_what_is_secret(value: object) -> None:
    assert "hunter2" not in repr(value)
    assert "hunter2" not in str(value)


def test_a_proxys_address_holds_its_credentials_quoted() -> None:
    found = Proxy.from_secret(secret(address="http://proxy:3128/", username="u@corp", password="p:/w"))
    assert found.address == "http://u%40corp:p%3A%2Fw@proxy:3128/"
    assert str(found) == "http://proxy:3128"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://u:p%40ss@proxy:80", "http://u:p%40ss@proxy:80"),
        ("https://proxy:443/", "https://proxy:443/"),
        ("socks5://[::1]:1080", "socks5://[::1]:1080"),
        ("socks5h://u@proxy", "socks5h://u@proxy"),
    ],
    ids=["a port that is the scheme's own", "the same for https", "an address in IPv6", "a user alone"],
)
def test_an_address_is_given_on_as_it_was_read(written: str, address: str) -> None:
    assert Proxy.parse(written).address == address


@pytest.mark.parametrize("written", ["", "proxy:3128", "ftp://proxy", "http://", "http://proxy:99999", "http://[x"])
def test_what_is_no_proxy_is_refused(written: str) -> None:
    with pytest.raises(InvalidProxy, match=r"^not an http, https or socks5 URL$"):
        Proxy.parse(written)


def test_a_port_that_is_none_is_a_secrets_fault() -> None:
    with pytest.raises(SecretError, match="secret 'default/creds': failed to parse proxy address"):
        Proxy.from_secret(secret(address="http://proxy:99999"))
