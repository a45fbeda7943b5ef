"""Image names: where an image lives and how it is spelt canonically. No input or output.

Answers to `go-containerregistry/pkg/name` as Flux's image-reflector-controller uses it: weak parsing, Docker Hub where
the first segment is no host, `index.docker.io` as the Hub's own name, and plain HTTP as a second try for names that
can only be local. Stricter in one thing: path segments that a URL would normalise away (``..``, empty ones) are
refused, so that a name can never address another repository's endpoints.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

DOCKER_HUB = "index.docker.io"

_HUB_ALIAS = "docker.io"
_PATH = re.compile(r"[a-z0-9_\-./]{2,255}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_\-.]{1,128}", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9_\-.~]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_OCI_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_LOCAL = re.compile(r"(?:(?:.*\.)?localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.ASCII)
_RFC1918 = tuple(ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

#: Whether a text is a tag by the OCI grammar: a regular expression's bound match, for it runs on every tag of a scan.
is_tag = _OCI_TAG.fullmatch


class InvalidName(ValueError):
    """The text is no image name; the message is Flux's."""


@dataclass(frozen=True, slots=True)
class Repository:
    """An image repository: the registry's host (and port), and the path on it."""

    registry: str
    path: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether the host can only be this machine or a private network, so that plain HTTP may be tried."""
        return _is_local(self.registry)


@lru_cache(maxsize=16_384)
def parse(text: str) -> Repository:
    """Read an image name without tag or digest, as `ImageRepository.spec.image` holds it. Raises InvalidName.

    `alpine` becomes `index.docker.io/library/alpine`.
    """
    scheme, separator, _ = text.partition("://")
    if separator:
        raise InvalidName(f"image '{text}' should not include URL scheme; remove '{scheme}://'")
    repository = _parse_tagged(text) or _parse_digested(text)
    if repository is None:
        raise InvalidName(f"could not parse reference: {text}")
    rest = text.removeprefix(repository.registry).split(":")
    if len(rest) > 1:
        raise InvalidName(f"image '{text}' should not include a tag; remove ':{rest[1]}'")
    return repository


@lru_cache(maxsize=4096)
def _is_local(registry: str) -> bool:
    if registry == "::1" or _LOCAL.fullmatch(registry):
        return True
    try:
        address = ipaddress.ip_address(registry.split(":", maxsplit=1)[0])
    except ValueError:
        return False
    return any(address in block for block in _RFC1918)


def _parse_tagged(text: str) -> Repository | None:
    base, separator, tag = text.rpartition(":")
    if not separator or "/" in tag:
        return _parse_repository(text)
    if tag and not _TAG.fullmatch(tag):
        return None
    return _parse_repository(base)


def _parse_digested(text: str) -> Repository | None:
    base, _, digest = text.partition("@")
    return _parse_tagged(base) if _DIGEST.fullmatch(digest) else None


def _parse_repository(text: str) -> Repository | None:
    registry, path = "", text
    first, separator, rest = text.partition("/")
    if separator and ("." in first or ":" in first):
        registry, path = first, rest
    if not _PATH.fullmatch(path) or any(segment in {"", ".", ".."} for segment in path.split("/")):
        return None
    if registry and not _HOST.fullmatch(registry):
        return None
    registry = DOCKER_HUB if registry in {"", _HUB_ALIAS} else registry
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return Repository(registry, path)
