"""Registry credentials: what a pull secret holds and which of its entries fits an image. No input or output.

Answers to the kubelet's keyring as `go-containerregistry/pkg/authn/kubernetes` ports it, which Flux uses: entries are
tried in reverse lexicographic order, host labels are globs that match one by one, ports must be equal, the path must be
a prefix. Credential helpers of a docker configuration are ignored, as there.
"""

import base64
import binascii
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from gotk import lenient
from gotk.http.basic import basic
from gotk.http.errors import printable

DOCKER_CONFIG_JSON = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG = "kubernetes.io/dockercfg"
_MALFORMED = "the docker configuration is not valid JSON of the expected shape"
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What to identify oneself with at a registry. Empty is anonymous. Never shown."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.password or self.identity_token or self.registry_token)

    @property
    def basic(self) -> str:
        """The value of a Basic `Authorization` header."""
        return basic(self.username, self.password)


ANONYMOUS = Credentials()


class InvalidConfig(ValueError):
    """A docker configuration that cannot be read. The message names the entry and the field, never their content."""


class _Entry(msgspec.Struct):
    username: str = ""
    password: str = ""
    auth: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class _Config(msgspec.Struct):
    auths: dict[str, _Entry] = {}


@dataclass(frozen=True, slots=True)
class Keychain:
    """Credentials by registry pattern."""

    entries: tuple[tuple[str, Credentials], ...] = ()

    def resolve(self, image: str) -> Credentials:
        """Return the credentials of the first entry that fits a canonical image name, or anonymous ones."""
        return self.find(image) or ANONYMOUS

    def find(self, image: str) -> Credentials | None:
        """Return the credentials of the first entry that fits, which may be empty, or None where none fits."""
        for pattern, credentials in sorted(self.entries, key=lambda entry: entry[0], reverse=True):
            if _fits(pattern, image):
                return credentials
        return None

    def knows(self, registry: str) -> bool:
        """Tell whether an entry is for a registry's host and port, whatever its path."""
        return any(_fits(_split(pattern)[0], registry) for pattern, _ in self.entries)


def read(secrets: Iterable[tuple[str, bytes]]) -> Keychain:
    """Merge docker configurations, given as (secret type, content), into one keychain. Raises InvalidConfig."""
    entries: list[tuple[str, Credentials]] = []
    for type_, content in secrets:
        for registry, entry in _decode(type_, content).items():
            entries.append((_pattern(registry), _credentials(registry, entry)))
    return Keychain(tuple(entries))


def _decode(type_: str, content: bytes) -> dict[str, _Entry]:
    try:
        if type_ == DOCKER_CONFIG:
            return lenient.decode(content, dict[str, _Entry])
        return lenient.decode(content, _Config).auths
    except lenient.Misfit as error:
        raise InvalidConfig(f"{_MALFORMED}: {printable(str(error))}") from None
    except lenient.Unreadable:
        # The decoder's own message could quote the document.
        raise InvalidConfig(_MALFORMED) from None


def _pattern(registry: str) -> str:
    """Return what of an entry's key is compared: host and path, as Go's URL has them."""
    address = _SCHEME.sub("", registry.strip(), count=1).partition("#")[0]
    host, path = _split(address)
    path = path.partition("?")[0]  # in a host it is a glob's
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host.rpartition("@")[2] + (path if path != "/" else "")


def _credentials(registry: str, entry: _Entry) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        username, separator, password = _decoded(entry.auth).partition(":")
        if not separator:
            raise InvalidConfig(
                f"the docker configuration's `auth` of {printable(registry)!r} is not base64 of `user:password`"
            )
        password = password.rstrip("\x00")
    return Credentials(
        username=username, password=password, identity_token=entry.identitytoken, registry_token=entry.registrytoken
    )


def _decoded(auth: str) -> str:
    """Read base64 as tools write it: with padding and without, broken into lines, of either alphabet; else nothing."""
    text = "".join(auth.split()).rstrip("=").translate(_URL_SAFE)
    try:
        # Bytes that are no UTF-8 stay what they are on their way to the registry.
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return ""


def _fits(pattern: str, image: str) -> bool:
    host, path = _split(pattern)
    image_host, image_path = _split(image)
    labels, port = _labels(host)
    image_labels, image_port = _labels(image_host)
    return (
        port == image_port
        and len(labels) == len(image_labels)
        and image_path.startswith(path)
        and all(map(_glob, labels, image_labels))
    )


def _split(name: str) -> tuple[str, str]:
    host, separator, path = name.partition("/")
    return host, separator + path


def _labels(host: str) -> tuple[list[str], str]:
    name, _, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    return name.split("."), port


def _glob(pattern: str, label: str) -> bool:
    # Go's filepath.Match: `^` negates a class, where fnmatch has `!`.
    return fnmatch.fnmatchcase(label, re.sub(r"\[\^", "[!", pattern))
