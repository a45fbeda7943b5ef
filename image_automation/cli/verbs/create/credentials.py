"""Secrets out of flags: the keys that the service looks for, by what they are for."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from image_automation.cli import output
from image_automation.cli.verbs.create import deploy_keys
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.recipe import Asked, compact

Manifest = dict[str, Any]

#: The type of a Secret that pulls images, and its one key.
DOCKER_TYPE, DOCKER_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Which files flags name: a certificate with its key, and an authority; `flags` are those of the pair."""

    certificate: str
    key: str
    authority: str
    flags: str

    def texts(self) -> dict[str, str]:
        """Return what the files hold, by the keys of a Secret. The certificate and its key must be a pair."""
        if bool(self.certificate) != bool(self.key):
            output.fail(f"{self.flags} go together")
        texts = {}
        if self.certificate:
            texts["tls.crt"], texts["tls.key"] = read(self.certificate, "cert file"), read(self.key, "key file")
            _check_pair(texts["tls.crt"], texts["tls.key"])
        if self.authority:
            texts["ca.crt"] = read(self.authority, "TLS CA file")
        return texts


def docker_config(registry: str, user: str, password: str) -> str:
    """Return what a Secret holds that pulls images from a registry."""
    entry = {"username": user, "password": password, "auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
    return json.dumps({"auths": {registry: entry}}, indent=2, ensure_ascii=False)


def secret(asked: Asked, texts: dict[str, str], *, name: str = "", type_: str = "") -> Manifest:
    """Return a Secret as somebody would write it: in plain text."""
    metadata = compact(name=name or asked.name, namespace=asked.namespace, labels=dict(asked.labels))
    typed = {"type": type_} if type_ else {}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": texts} | typed


async def for_git(asked: Asked) -> Manifest | None:
    """Return the Secret for a Git repository's flags, with a key for SSH; None where nothing is needed."""
    if asked["url"].startswith("ssh://"):
        return secret(asked, await deploy_keys.texts(asked))
    texts: dict[str, str] = {}
    if asked["username"] and asked["password"]:
        texts |= {"username": asked["username"], "password": asked["password"]}
        if asked["url"].startswith("http://"):
            output.warning("insecure configuration: credentials configured for an HTTP URL")
    elif asked["username"] or asked["password"]:
        output.fail("--username and --password go together")
    if asked["ca_file"]:
        texts["ca.crt"] = read(asked["ca_file"], "TLS CA file")
    return secret(asked, texts) if texts else None


def for_helm(asked: Asked, files: Files, *, name: str = "") -> Manifest | None:
    """Return the Secret for a Helm repository's flags: a client certificate wins over a user; None for neither."""
    tls = files.texts()
    if "tls.crt" in tls:
        return secret(asked, tls, name=name, type_="kubernetes.io/tls")
    if not asked["username"] and not asked["password"]:
        return secret(asked, tls, name=name, type_="Opaque") if tls else None
    if not asked["username"] or not asked["password"]:
        output.fail(f"{'password' if asked['username'] else 'username'} is required")
    basic = {"username": asked["username"], "password": asked["password"]}
    return secret(asked, basic | tls, name=name, type_="kubernetes.io/basic-auth")


def _check_pair(certificate: str, key: str) -> None:
    from cryptography import exceptions, x509  # noqa: PLC0415 - only needed when there is a pair
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        output.fail("invalid TLS certificate and key pair: both must be PEM, and the key not encrypted")
    if private.public_key() != public:
        output.fail("invalid TLS certificate and key pair: the key is not that of the certificate")
