"""ConfigMaps and Secrets: keys, size, and what a type of Secret has to hold. No message ever carries a value.

Answers to `ValidateConfigMap` and `ValidateSecret` of `pkg/apis/core/validation`.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import Json, Rules, inner
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import names

#: The most bytes of data, all keys together.
SIZE: Final = 1024 * 1024
_KEYS: Final = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_BASIC: Final = ("username", "password")


def _config_map(obj: Json, _path: str) -> Iterator[Cause]:
    texts, binary = inner(obj, "data"), inner(obj, "binaryData")
    for field, values in (("data", texts), ("binaryData", binary)):
        yield from _keys(field, values)
    for key in texts.keys() & binary.keys():
        yield cause.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    total = sum(len(str(value).encode(errors="surrogatepass")) for value in texts.values())
    if total + sum(map(_decoded, binary.values())) > SIZE:
        yield cause.too_long("[]", SIZE)


def _secret(obj: Json, _path: str) -> Iterator[Cause]:
    values = inner(obj, "data")
    yield from _keys("data", values)
    if sum(map(_decoded, values.values())) > SIZE:
        yield cause.too_long("data", SIZE)
    kind = str(obj.get("type") or "")
    if kind == "kubernetes.io/basic-auth" and not any(key in values for key in _BASIC):
        yield from (cause.required(f"data[{key}]") for key in _BASIC)
    for key in _KEYS.get(kind, ()):
        if key not in values:
            yield cause.required(f"data[{key}]")
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not inner(obj, "metadata", "annotations").get(account):
        yield cause.required(f"metadata.annotations[{account}]")


def _keys(field: str, values: Json) -> Iterator[Cause]:
    for key in values:
        if why := names.data_key(key):
            yield cause.invalid(f"{field}[{key}]", key, why)


def _decoded(value: Any) -> int:
    """Return how many bytes stand behind base64."""
    try:
        return len(base64.b64decode(str(value), validate=False))
    except (binascii.Error, ValueError):
        return len(str(value))


RULES: Final[Rules] = {"core.v1.ConfigMap": (_config_map,), "core.v1.Secret": (_secret,)}
