"""How we prove to an API server who we are: the Authorization header, and client certificates."""

import base64
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

#: Returns the Authorization header's value, or None for none.
Authorization: TypeAlias = Callable[[], Awaitable[str | None]]

#: A client certificate and its key: paths of files, or their content.
Certificate: TypeAlias = tuple[Path | bytes, Path | bytes]


class ConfigError(Exception):
    """A kubeconfig that cannot be used: the message names the file, the entry and the cause."""


def data_or_file(section: Mapping[str, Any], key: str, base: Path) -> Path | bytes | None:
    """Return what an entry holds inline (`KEY-data`), or the path of the file that it names."""
    if section.get(f"{key}-data"):
        return base64.b64decode(str(section[f"{key}-data"]))
    return base / str(section[key]) if section.get(key) else None


def load_certificate(context: ssl.SSLContext, certificate: Path | bytes, key: Path | bytes) -> None:
    """Load a client certificate; bytes pass through a private temporary file, because OpenSSL's binding wants paths."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, value in (("crt", certificate), ("key", key)):
            path = value if isinstance(value, Path) else Path(folder, name)
            if isinstance(value, bytes):
                path.touch(mode=0o600)
                path.write_bytes(value)
            paths.append(str(path))
        context.load_cert_chain(*paths)


def constant(value: str | None) -> Authorization:
    """Authorize every request alike."""

    async def authorization() -> str | None:
        return value

    return authorization
