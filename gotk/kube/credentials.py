"""How we prove to an API server who we are: tokens, also of files that are renewed, and client certificates."""

import base64
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

_TOKEN_LIFETIME = 60.0

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


def token_file(path: Path) -> Authorization:
    """Authorize with the token of a file, read again every minute. The requests raise ConfigError where it is gone."""
    read_at, token = -_TOKEN_LIFETIME, ""

    async def authorization() -> str | None:
        nonlocal read_at, token
        if time.monotonic() - read_at >= _TOKEN_LIFETIME:
            token, read_at = _read_token(path), time.monotonic()
        return f"Bearer {token}"

    return authorization


def _read_token(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the token file {path}: {error.strerror}") from error
