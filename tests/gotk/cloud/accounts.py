"""A cluster that has service accounts and gives tokens for them."""

from collections.abc import Mapping
from typing import Any

from gotk.api.core import ServiceAccount
from gotk.api.meta import Object, ObjectMeta
from gotk.kube import errors
from tests.reflector.cluster import Cluster


class TokenCluster(Cluster):
    """Remembers which tokens were asked for; refuses where `refuse` says so."""

    def __init__(self, *objects: Object, refuse: str = "") -> None:
        super().__init__(*objects)
        self.tokens: list[tuple[str, str, list[str]]] = []
        self.refuse = refuse

    async def create_subresource(
        self, kind: type[Object], namespace: str, name: str, subresource: str, obj: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (kind, subresource, obj["kind"]) == (ServiceAccount, "token", "TokenRequest")
        if self.refuse:
            raise errors.Forbidden(403, "Forbidden", self.refuse)
        self.tokens.append((namespace, name, obj["spec"]["audiences"]))
        return {**obj, "status": {"token": "jwt"}}


def robot(**annotations: str) -> ServiceAccount:
    return ServiceAccount(
        api_version="v1",
        kind="ServiceAccount",
        metadata=ObjectMeta(name="robot", namespace="team", annotations=annotations),
    )
