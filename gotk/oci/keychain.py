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

from gotk.http.basic import basic

DOCKER_CONFIG_JSON = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG = "kubernetes.io/dockercfg"


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
    """A docker configuration that cannot be read. The message names the entry, never its content."""


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
        for pattern, credentials in sorted(self.entries, key=lambda entry: entry[0], reverse=True):
            if _fits(pattern, image):
                return credentials
        return ANONYMOUS


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
            return msgspec.json.decode(content, type=dict[str, _Entry])
        return msgspec.json.decode(content, type=_Config).auths
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's own message could quote the document.
        raise InvalidConfig("the docker configuration is not valid JSON of the expected shape") from None


def _pattern(registry: str) -> str:
    host, path = _split(registry.removeprefix("https://").removeprefix("http://"))
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host + (path if path != "/" else "")


def _credentials(registry: str, entry: _Entry) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, separator, password = base64.b64decode(entry.auth, validate=False).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            separator = ""
        if not separator:
            raise InvalidConfig(f"the docker configuration's `auth` of {registry!r} is not base64 of `user:password`")
        password = password.rstrip("\x00")
    return Credentials(
        username=username, password=password, identity_token=entry.identitytoken, registry_token=entry.registrytoken
    )


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
