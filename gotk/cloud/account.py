"""A Kubernetes service account as an identity: its annotations, and tokens that a cloud believes.

Answers to `fluxcd/pkg/auth.GetAccessToken`: what the account is annotated with says who to be in the cloud, and a
TokenRequest for the cloud's audience proves it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from gotk.api.core import ServiceAccount
from gotk.api.meta import Object
from gotk.cloud.errors import CloudError
from gotk.kube import errors as kube
from gotk.kube.ports import Getter

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Cluster(Getter, Protocol):
    """What this module needs of the Kubernetes API. Raises the errors of `gotk.kube.errors`."""

    async def create_subresource(
        self, kind: type[Object], namespace: str, name: str, subresource: str, obj: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Create a subresource and return it."""
        ...


class _Claims(msgspec.Struct):
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One service account."""

    namespace: str
    name: str
    annotations: Mapping[str, str] = field(hash=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def own(file: Path) -> tuple[str, str]:
    """Return namespace and name of the account whose token a file holds; both are empty where there is none."""
    try:
        part = file.read_text(encoding="ascii").split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=_Claims)
    except (OSError, ValueError, IndexError):
        return "", ""
    kind, _, name = claims.sub.rpartition(":")
    prefix, _, namespace = kind.rpartition(":")
    return (namespace, name) if prefix == "system:serviceaccount" else ("", "")


async def get(cluster: Cluster, namespace: str, name: str) -> Account:
    """Read a service account. Raises CloudError."""
    try:
        found = await cluster.get(ServiceAccount, namespace, name)
    except kube.NotFound as error:
        raise CloudError(
            f"failed to get service account '{namespace}/{name}': ServiceAccount \"{name}\" not found"
        ) from error
    except kube.APIError as error:
        raise CloudError(f"failed to get service account '{namespace}/{name}': {error}") from error
    return Account(namespace, name, found.metadata.annotations)


async def token(cluster: Cluster, account: Account, *audiences: str) -> str:
    """Ask for a token that proves to the audiences to be an account. Raises CloudError."""
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences)},
    }
    message = f"failed to create kubernetes token for service account '{account}'"
    try:
        made = await cluster.create_subresource(ServiceAccount, account.namespace, account.name, "token", wanted)
    except kube.APIError as error:
        raise CloudError(f"{message}: {error}") from error
    found = (made.get("status") or {}).get("token")
    if not isinstance(found, str) or not found:
        raise CloudError(f"{message}: the answer holds no token")
    return found
