"""Digests as Flux writes them, `<algorithm>:<hex>`, by the algorithms that its flags name."""

import hashlib
import io
from collections.abc import Callable, Mapping
from typing import Any

from blake3 import blake3

CANONICAL = "sha256"

_ALGORITHMS: Mapping[str, str | Callable[[], Any]] = {
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "blake3": blake3,
    "sha1": "sha1",
}

#: The names of those that may be chosen.
ALGORITHMS = tuple(_ALGORITHMS)


def of_bytes(content: bytes, algorithm: str) -> str:
    """Return the digest of content. Raises ValueError for another algorithm."""
    return of(io.BytesIO(content), algorithm)


def of(file: io.BufferedReader | io.BytesIO, algorithm: str) -> str:
    """Return the digest of what is left to read of a file. Raises ValueError for another algorithm."""
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"unsupported digest algorithm '{algorithm}'")
    return f"{algorithm}:{hashlib.file_digest(file, _ALGORITHMS[algorithm]).hexdigest()}"
