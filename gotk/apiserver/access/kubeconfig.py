"""The file that opens the door: address, authority, the admin's certificate and token, in kubectl's own format."""

import base64
from pathlib import Path

import yaml

from gotk.apiserver.access import tls

NAME = "image-automation"


def write(path: Path, *, url: str, ca: tls.Pair, admin: tls.Pair, token: str, namespace: str = "default") -> None:
    """Write the kubeconfig, readable by its owner only, whole or not at all."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": NAME, "cluster": {"server": url, "certificate-authority-data": _text(ca.certificate_pem)}}
        ],
        "users": [
            {
                "name": "admin",
                "user": {
                    "client-certificate-data": _text(admin.certificate_pem),
                    "client-key-data": _text(admin.key_pem),
                    "token": token,
                },
            }
        ],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": "admin", "namespace": namespace}}],
        "current-context": NAME,
    }
    tls.private(path, yaml.safe_dump(content, sort_keys=False).encode())


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
