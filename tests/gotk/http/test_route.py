import pytest
from yarl import URL

from gotk.http import route

PROXY = {"HTTPS_PROXY": "http://user:hunter2@proxy:3128"}


@pytest.mark.parametrize(
    ("no_proxy", "url", "proxied"),
    [
        ("", "https://ghcr.io/v2/", True),
        ("", "http://ghcr.io/v2/", False),
        ("", "https://localhost:5000/v2/", False),
        ("", "https://127.0.0.7/v2/", False),
        ("", "https://[::1]/v2/", False),
        ("ghcr.io", "https://ghcr.io/v2/", False),
        ("ghcr.io", "https://pkg.ghcr.io/v2/", False),
        ("ghcr.io", "https://notghcr.io/v2/", True),
        (".ghcr.io", "https://ghcr.io/v2/", True),
        (".ghcr.io", "https://pkg.ghcr.io/v2/", False),
        ("*.ghcr.io", "https://pkg.ghcr.io/v2/", False),
        ("a, GHCR.io ,b", "https://ghcr.io/v2/", False),
        ("ghcr.io:5000", "https://ghcr.io/v2/", True),
        ("ghcr.io:5000", "https://ghcr.io:5000/v2/", False),
        ("10.0.0.0/8", "https://10.1.2.3/v2/", False),
        ("10.1.2.3", "https://10.1.2.3:5000/v2/", False),
        ("10.1.2.3:5000", "https://10.1.2.3:5001/v2/", True),
        ("fd00::1", "https://[fd00::1]/v2/", False),
        ("*", "https://ghcr.io/v2/", False),
        ("10.0.0.0/99", "https://10.1.2.3/v2/", True),
    ],
)
def test_the_environment_chooses_as_in_go(no_proxy: str, url: str, proxied: bool):
    chosen = route.from_environment(PROXY | {"NO_PROXY": no_proxy})(URL(url))
    assert (chosen is not None) is proxied


def test_a_proxys_credentials_are_taken_apart_and_hidden():
    chosen = route.from_environment({"https_proxy": PROXY["HTTPS_PROXY"]})(URL("https://ghcr.io"))
    assert chosen is not None
    assert (chosen.url, chosen.username, chosen.password) == (URL("http://proxy:3128"), "user", "hunter2")
    assert "hunter2" not in repr(chosen)


def test_no_environment_is_no_proxy():
    assert route.from_environment({})(URL("https://ghcr.io")) is None


def test_a_proxy_that_cannot_be_used_is_said_without_showing_it():
    with pytest.raises(ValueError, match="not an http, https or socks5 URL") as raised:
        route.from_environment({"HTTPS_PROXY": "ftp://user:hunter2@proxy"})
    assert "hunter2" not in str(raised.value)
