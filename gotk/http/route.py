"""Which proxy leads to a URL: the environment's `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, read as Go reads them.

Answers to `golang.org/x/net/http/httpproxy`: lower-case names too, this machine is never reached through a proxy, and
`NO_PROXY` holds hosts (which cover their subdomains), addresses, networks and `*`, each with an optional port.
The environment comes in as a mapping.
"""

import ipaddress
from collections.abc import Mapping

from yarl import URL

from gotk.http.proxy import InvalidProxy, Proxy
from gotk.http.transport import Route, direct


def from_environment(environment: Mapping[str, str]) -> Route:
    """Make a route of environment variables. Raises ValueError for a proxy that is no http(s) or socks5 URL."""
    proxies = {scheme: _proxy(_value(environment, f"{scheme}_proxy")) for scheme in ("http", "https")}
    excluded = [part for entry in _value(environment, "no_proxy").split(",") if (part := entry.strip().lower())]
    if not any(proxies.values()):
        return direct

    def route(url: URL) -> Proxy | None:
        return None if _is_excluded(url, excluded) else proxies.get(url.scheme)

    return route


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name, "")


def _proxy(text: str) -> Proxy | None:
    if not text:
        return None
    try:
        return Proxy.parse(text if "://" in text else f"http://{text}")
    except InvalidProxy as error:
        raise ValueError(f"a proxy of the environment is {error}") from None


def _is_excluded(url: URL, excluded: list[str]) -> bool:
    host = (url.host or "").lower()
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(entry, host, url.port, address) for entry in excluded)


def _covers(
    entry: str, host: str, port: int | None, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if not colon or _address(entry) is not None:
        name, wanted = entry, ""
    if wanted and wanted != str(port):
        return False
    name = name.strip("[]").removeprefix("*")
    if address is not None:
        return _address(name) == address
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
