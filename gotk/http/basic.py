"""Basic authentication (RFC 7617): the one header value that servers and proxies share."""

import base64


def basic(username: str, password: str) -> str:
    """Return the value of a Basic `Authorization` or `Proxy-Authorization` header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode()
