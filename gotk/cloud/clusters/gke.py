"""Google Kubernetes Engine: the token is an access token of the cloud."""

import base64
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from yarl import URL

from gotk.cloud.caller import Caller, decode
from gotk.cloud.clusters.asked import Access, Asked, canonical
from gotk.cloud.errors import CloudError
from gotk.cloud.gcp import Gcp
from gotk.cloud.google import Google
from gotk.cloud.token import Token

_PATTERN = r"^projects/[^/]{1,200}/locations/[^/]{1,200}/clusters/[^/]{1,200}$"
_CONTAINER = "https://container.googleapis.com"


class _Auth(msgspec.Struct, rename="camel"):
    cluster_ca_certificate: str


class _Answer(msgspec.Struct, rename="camel"):
    endpoint: str
    master_auth: _Auth


class Gke:
    """Clusters of GKE, by `projects/<project>/locations/<location>/clusters/<name>`."""

    def __init__(self, caller: Caller, cloud: Gcp, *, container: str = _CONTAINER) -> None:
        self.provider = Google(cloud)
        self._caller = caller
        self._container = URL(container)

    def scopes(self, asked: Asked) -> Sequence[str]:
        """Return the one scope of Google's tokens. Raises CloudError."""
        if not asked.whole and not re.fullmatch(_PATTERN, asked.cluster):
            raise CloudError(f"invalid GKE cluster ID: '{asked.cluster}'. must match {_PATTERN}")
        return ("",)

    async def reach(self, asked: Asked, tokens: Sequence[Any]) -> Access:
        """Return the way to a cluster with an access token. Raises CloudError."""
        (token,) = tokens
        address, authority = asked.address, asked.authority
        if not asked.whole:
            try:
                found = await self._get(asked.cluster, token)
            except CloudError as error:
                raise CloudError(f"failed to describe GKE cluster '{asked.cluster}': {error}") from error
            address = address or found.endpoint
            authority = authority or _decoded(found.master_auth.cluster_ca_certificate)
        return Access(host=canonical(address), authority=authority, token=token.value, expires=token.expires)

    async def _get(self, cluster: str, token: Token) -> _Answer:
        url = self._container.joinpath("v1", *cluster.split("/"))
        body = await self._caller.ask("GET", url, headers={"Authorization": f"Bearer {token.value}"})
        return decode(body, _Answer, url)


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except ValueError:
        raise CloudError("failed to decode GKE CA certificate") from None
