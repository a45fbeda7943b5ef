import pytest

from gotk.git import errors
from gotk.git import url as urls


@pytest.mark.parametrize(
    ("text", "connect"),
    [
        pytest.param("https://example.com/org/repo.git", "https://example.com/org/repo.git", id="https"),
        pytest.param("https://u:p@example.com:8443/r", "https://example.com:8443/r", id="http loses its user"),
        pytest.param("ssh://example.com/org/repo", "ssh://git@example.com/org/repo", id="ssh gets the user git"),
        pytest.param("ssh://me@example.com:22022/~/r", "ssh://me@example.com:22022/~/r", id="ssh keeps its user"),
        pytest.param("ssh://git@[::1]:2222/r", "ssh://git@[::1]:2222/r", id="an address of version six"),
        pytest.param("file:///srv/repo.git", "file:///srv/repo.git", id="file"),
        pytest.param("HTTPS://Example.com/R", "https://example.com/R", id="case of scheme and host"),
    ],
)
def test_an_address_is_connected_to_without_its_secrets(text: str, connect: str) -> None:
    assert urls.parse(text).connect == connect


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("git@example.com:org/repo", id="the short form of ssh"),
        pytest.param("ftp://example.com/r", id="another scheme"),
        pytest.param("ext::sh -c whoami", id="a remote helper"),
        pytest.param("ssh://-oProxyCommand=whoami/x", id="an option for a host"),
        pytest.param("ssh://-x@example.com/x", id="an option for a user"),
        pytest.param("https:///repo", id="no host"),
        pytest.param("https://example.com:port/r", id="a port that is no number"),
        pytest.param("https://example.com/a\nb", id="a line break"),
        pytest.param("https://example.com/\udc80", id="bytes that are no UTF-8"),
        pytest.param("file://elsewhere/srv/repo", id="a file on another host"),
        pytest.param("/srv/repo", id="a bare path"),
        pytest.param("https://[::1/r", id="an open bracket"),
    ],
)
def test_what_is_no_address_of_ours_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidUrl, match="failed to parse url"):
        urls.parse(text)


@pytest.mark.parametrize(
    "text", ["https://u:s3cret@example.com:x/r", "u:s3cret@example.com:r", "s3cret://u:s3cret@h/r"]
)
def test_a_refusal_holds_no_password(text: str) -> None:
    with pytest.raises(errors.InvalidUrl) as caught:
        urls.parse(text)
    assert "u:s3cret" not in str(caught.value)


def test_neither_text_nor_repr_holds_the_password() -> None:
    address = urls.parse("https://jane:s3cret@example.com/r")
    assert "s3cret" not in f"{address} {address!r} {address.bare} {address.connect}"
    assert (address.user, address.password) == ("jane", "s3cret")


@pytest.mark.parametrize(
    ("ours", "theirs", "trusted"),
    [
        pytest.param("https://a.com/r", "https://a.com/s", True, id="the same origin"),
        pytest.param("https://a.com/r", "https://a.com:443/r", True, id="the port that it has anyway"),
        pytest.param("http://a.com/r", "https://a.com/r", True, id="the same host by TLS"),
        pytest.param("https://a.com/r", "http://a.com/r", False, id="the same host without TLS"),
        pytest.param("https://a.com/r", "https://b.com/r", False, id="another host"),
        pytest.param("https://a.com/r", "https://a.com:8443/r", False, id="another port"),
    ],
)
def test_secrets_go_to_their_own_origin_only(ours: str, theirs: str, trusted: bool) -> None:
    assert urls.parse(ours).trusts(urls.parse(theirs)) is trusted
