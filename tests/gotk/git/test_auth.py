import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gotk.git import auth, errors
from gotk.git.auth import Credentials
from tests.real import authority

HTTPS = "https://example.com/r"
SSH = "ssh://example.com/r"


def key(password: bytes | None = None, form: str = "PKCS8") -> bytes:
    secret = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    made = ec.generate_private_key(ec.SECP256R1()) if form == "PKCS8" else ed25519.Ed25519PrivateKey.generate()
    return made.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), secret)


CLIENT = authority.client()
PLAIN, SEALED = key(form="OpenSSH"), key(b"opened")


def test_a_user_name_and_password_are_read() -> None:
    assert auth.from_secret(HTTPS, {"username": b"u", "password": b"p"}) == Credentials(username="u", password="p")


def test_a_bearer_token_is_read_without_its_line_end() -> None:
    assert auth.from_secret(HTTPS, {"bearerToken": b"t\n"}) == Credentials(bearer_token="t")


@pytest.mark.parametrize(
    ("userinfo", "data", "username", "password", "token"),
    [
        pytest.param("u:p@", {}, "u", "p", "", id="the address alone"),
        pytest.param("u@", {"password": b"q"}, "u", "q", "", id="the address's user, the secret's password"),
        pytest.param("u:p@", {"username": b"v"}, "v", "p", "", id="the secret's user, the address's password"),
        pytest.param(":p@", {"username": b"v"}, "v", "p", "", id="an address without a user"),
        pytest.param("u:p@", {"username": b"v", "password": b"q"}, "v", "q", "", id="the secret before the address"),
        pytest.param("u:p@", {"password": b"q"}, "u", "q", "", id="the secret's password before the address's"),
        pytest.param("u:p@", {"username": b"", "password": b""}, "u", "p", "", id="empty entries"),
        pytest.param("u@", {}, "u", "", "", id="a user without a password"),
        pytest.param("", {"username": b"v"}, "v", "", "", id="a token for a user's name"),
        pytest.param("j%40x:s%3A1@", {}, "j@x", "s:1", "", id="signs of an address are decoded"),
        pytest.param("", {"bearerToken": b"t", "username": b"v", "password": b"q"}, "", "", "t", id="the token wins"),
        pytest.param("", {"bearerToken": b"t", "password": b"q"}, "", "", "t", id="over a password of nobody"),
        pytest.param("u:p@", {"bearerToken": b"t"}, "", "", "t", id="over the address"),
        pytest.param("", {"bearerToken": b"\n", "username": b"v"}, "v", "", "", id="an empty token"),
    ],
)
def test_user_and_password_come_from_secret_or_address_and_a_token_wins(
    userinfo: str, data: dict[str, bytes], username: str, password: str, token: str
) -> None:
    read = auth.from_secret(f"https://{userinfo}example.com/r", data)
    assert read == Credentials(username=username, password=password, bearer_token=token)


def test_an_address_without_a_secret_says_who_we_are() -> None:
    assert auth.from_url("https://u:p@example.com/r") == Credentials(username="u", password="p")
    with pytest.raises(errors.InvalidCredentials, match="'password' requires 'username' to be set"):
        auth.from_url("https://:p@example.com/r")


def test_an_ssh_key_is_read_with_its_hosts_and_the_user_of_the_address() -> None:
    read = auth.from_secret("ssh://me@example.com/r", {"identity": PLAIN, "known_hosts": b"example.com x y"})
    assert (read.username, read.identity, read.known_hosts) == ("me", PLAIN.decode(), "example.com x y")


def test_a_sealed_key_is_opened_once() -> None:
    read = auth.from_secret(SSH, {"identity": SEALED, "known_hosts": b"h", "password": b"opened"})
    assert read.passphrase == ""
    assert "BEGIN OPENSSH PRIVATE KEY" in read.identity


@pytest.mark.parametrize(
    ("url", "data", "message"),
    [
        pytest.param(
            "https://:p@example.com/r",
            {},
            "invalid 'https' auth option: 'password' requires 'username' to be set",
            id="a password of nobody in the address",
        ),
        pytest.param(
            "http://example.com/r",
            {"username": b"", "password": b"p"},
            "invalid 'http' auth option: 'password' requires 'username' to be set",
            id="a password of an empty user",
        ),
        pytest.param(
            "https://u%0a@example.com/r", {"password": b"p"}, "holds a line break", id="a user with a line end"
        ),
        pytest.param(
            HTTPS,
            {"password": b"p"},
            "invalid 'https' auth option: 'password' requires 'username' to be set",
            id="a password of nobody",
        ),
        pytest.param(HTTPS, {"username": b"u", "password": b"p\n"}, "holds a line break", id="a line end"),
        pytest.param(HTTPS, {"username": b"\xff", "password": b"p"}, "is not UTF-8", id="bytes that are no text"),
        pytest.param(HTTPS, {"ca.crt": b"no"}, "'ca.crt' of the secret 'ns/s' holds no PEM", id="no certificate"),
        pytest.param(
            HTTPS, {"tls.crt": b"x"}, "secret 'ns/s' contains 'tls.crt' but missing 'tls.key'", id="half a client"
        ),
        pytest.param(
            HTTPS, {"tls.key": b"x"}, "secret 'ns/s' contains 'tls.key' but missing 'tls.crt'", id="the other half"
        ),
        pytest.param(
            HTTPS, {"tls.crt": b"x", "tls.key": b"y"}, "must be a PEM certificate and its PEM key", id="no PEM"
        ),
        pytest.param(
            HTTPS,
            {"tls.crt": CLIENT["tls.crt"], "tls.key": PLAIN},
            "must be a PEM certificate and its PEM key",
            id="a client's key that is none",
        ),
        pytest.param(
            HTTPS,
            {"tls.crt": CLIENT["tls.crt"], "tls.key": key()},
            "'tls.key' of the secret 'ns/s' is not the key of 'tls.crt'",
            id="a client's certificate and another's key",
        ),
        pytest.param(SSH, {"known_hosts": b"h"}, "invalid 'ssh' auth option: 'identity' is required", id="no key"),
        pytest.param(SSH, {"identity": PLAIN}, "invalid 'ssh' auth option: 'known_hosts' is required", id="no hosts"),
        pytest.param(
            SSH,
            {"identity": PLAIN, "known_hosts": b" \n"},
            "invalid 'ssh' auth option: 'known_hosts' is required",
            id="blank hosts",
        ),
        pytest.param(
            SSH,
            {"identity": SEALED, "known_hosts": b"h"},
            "SSH identity key is encrypted but no 'password' field was provided in the secret 'ns/s'",
            id="a sealed key without its passphrase",
        ),
        pytest.param(SSH, {"identity": b"hi", "known_hosts": b"h"}, "is not a private key", id="a key that is none"),
        pytest.param(
            SSH,
            {"identity": b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "known_hosts": b"h"},
            "is not a private key",
            id="a broken key",
        ),
    ],
)
def test_a_secret_that_cannot_work_is_refused_by_its_key(url: str, data: dict[str, bytes], message: str) -> None:
    with pytest.raises(errors.InvalidCredentials) as caught:
        auth.from_secret(url, data, name="ns/s")
    assert message in str(caught.value)


def test_ssh_without_a_secret_is_refused() -> None:
    with pytest.raises(errors.InvalidCredentials, match="'identity' is required"):
        auth.from_url(SSH)


def test_a_repr_holds_no_secret() -> None:
    values = {"password", "bearer_token", "identity", "passphrase", "known_hosts", "ca", "certificate", "key", "proxy"}
    credentials = Credentials(username="jane", **dict.fromkeys(values, "s3cret"))
    assert repr(credentials) == "Credentials(username='jane')"


@pytest.mark.parametrize("field", ["bearer_token", "password", "passphrase"])
def test_our_secrets_are_taken_out_of_what_others_say(field: str) -> None:
    credentials = Credentials(username="jane", proxy="http://jane:pr%20xy@proxy:1", **{field: "s3cret"})
    assert credentials.redact("no s3cret for jane by pr xy") == "no xxxxx for jane by xxxxx"
    assert Credentials(password="a").redact("a banana") == "a banana"
