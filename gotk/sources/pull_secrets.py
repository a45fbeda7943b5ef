"""Which pull secret an image is scanned with, and why there is none. No input or output.

Answers to image-reflector-controller's `getAuthOptions`: secrets of the two docker types count, in order, and others
are passed over. Flux then says UNAUTHORIZED whatever the reason; what was looked at and what came of it is kept here,
so that a refusal can say whether a secret is missing, holds nothing for the host, or is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gotk.api.core import Secret
from gotk.http.secret import name_of
from gotk.oci import keychain
from gotk.oci.keychain import ANONYMOUS, Credentials, InvalidConfig, Keychain
from gotk.oci.name import DOCKER_HUB, Repository

_KEYS = {keychain.DOCKER_CONFIG_JSON: ".dockerconfigjson", keychain.DOCKER_CONFIG: ".dockercfg"}
_HUB_KEY = "https://index.docker.io/v1/"
_NOT_NAMED = "no pull secret is named, neither by spec.secretRef nor by a service account's imagePullSecrets"


@dataclass(frozen=True, slots=True)
class Found:
    """Credentials, and where they come from or why there are none."""

    credentials: Credentials
    provenance: str


def choose(secrets: Sequence[Secret], name: Repository, *, account: str = "") -> Found:
    """Choose among pull secrets as the kubelet does. Raises InvalidConfig, which names the secret.

    `account` is the service account that was asked for some.
    """
    if not secrets:
        return Found(ANONYMOUS, _none(account))
    configs = [(secret, _config(secret)) for secret in secrets]
    image = str(name)
    merged = keychain.read(config for _, config in configs if config is not None)
    chains = [(secret, keychain.read([config]) if config is not None else None) for secret, config in configs]
    found = merged.find(image)
    if found is None:
        return Found(ANONYMOUS, "; ".join(_lacking(secret, chain, name) for secret, chain in chains))
    whose = next(secret for secret, chain in chains if chain is not None and chain.find(image) == found)
    if not found:
        about = f"the entry of secret '{name_of(whose)}' for {name.registry}"
        return Found(ANONYMOUS, f"{about} holds neither user and password nor a token")
    return Found(found, f"the credentials of secret '{name_of(whose)}' are refused")


def _config(secret: Secret) -> tuple[str, bytes] | None:
    content = secret.data.get(_KEYS.get(secret.type, ""))
    if not content:
        return None
    config = (secret.type, content)
    try:
        keychain.read([config])
    except InvalidConfig as error:
        raise InvalidConfig(f"secret '{name_of(secret)}': {error}") from error
    return config


def _lacking(secret: Secret, chain: Keychain | None, name: Repository) -> str:
    about = f"secret '{name_of(secret)}'"
    if secret.type not in _KEYS:
        wanted = keychain.DOCKER_CONFIG_JSON
        return f"{about} is of type '{secret.type}' and not '{wanted}', so it is passed over"
    if chain is None:
        return f"{about} lacks the key '{_KEYS[secret.type]}'"
    if chain.knows(name.registry):
        return f"{about} has no entry for {name}, but for other paths of {name.registry}"
    hub = f", which is written {_HUB_KEY}" if name.registry == DOCKER_HUB else ""
    return f"{about} has no entry for {name.registry}{hub}"


def _none(account: str) -> str:
    return f"service account '{account}' names no imagePullSecrets" if account else _NOT_NAMED
