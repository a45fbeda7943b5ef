"""Amazon EKS: the token is a signed question to STS, "who am I", which the cluster asks in our name.

Answers to the EKS best practices ("Controlling access to EKS clusters") and to `DescribeCluster`.
"""

import base64
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gotk.cloud import sigv4
from gotk.cloud.aws import Aws
from gotk.cloud.caller import Caller, decode
from gotk.cloud.clusters.asked import Access, Asked, canonical
from gotk.cloud.errors import CloudError
from gotk.cloud.git_login import Iam
from gotk.cloud.sigv4 import Keys

_PATTERN = r"^arn:aws[\w-]*:eks:([^:]{1,100}):[0-9]{1,30}:cluster/(.{1,200})$"
_LIFETIME = timedelta(minutes=15)


class _Authority(msgspec.Struct):
    data: str


class _Cluster(msgspec.Struct, rename="camel"):
    endpoint: str
    certificate_authority: _Authority


class _Answer(msgspec.Struct):
    cluster: _Cluster


class Eks:
    """Clusters of Amazon EKS, by ARN."""

    def __init__(self, caller: Caller, cloud: Aws, *, now: Callable[[], datetime]) -> None:
        self.provider = Iam(cloud)
        self._caller = caller
        self._cloud = cloud
        self._now = now

    def scopes(self, asked: Asked) -> Sequence[str]:
        """Return the region whose keys are needed. Raises CloudError."""
        return (_parse(asked.cluster)[0],)

    async def reach(self, asked: Asked, tokens: Sequence[Any]) -> Access:
        """Return the way to a cluster with the keys of its region. Raises CloudError."""
        (keys,) = tokens
        region, name = _parse(asked.cluster)
        expires = self._now() + _LIFETIME
        address, authority = asked.address, asked.authority
        if not asked.whole:
            try:
                found = await self._describe(keys, region, name)
            except CloudError as error:
                raise CloudError(f"failed to describe EKS cluster '{asked.cluster}': {error}") from error
            address = address or found.endpoint
            authority = authority or _decoded(found.certificate_authority.data, "EKS")
        return Access(
            host=canonical(address), authority=authority, token=self._token(keys, region, name), expires=expires
        )

    async def _describe(self, keys: Keys, region: str, name: str) -> _Cluster:
        url = self._cloud.endpoint("eks", region, "eks.{region}.{domain}") / "clusters" / name
        headers = sigv4.sign(
            keys, method="GET", url=url, headers={}, body=b"", region=region, service="eks", now=self._now()
        )
        return decode(await self._caller.ask("GET", url, headers=headers), _Answer, url).cluster

    def _token(self, keys: Keys, region: str, name: str) -> str:
        url = self._cloud.endpoint("sts", region, "sts.{region}.{domain}") / ""
        signed = sigv4.presign(
            keys,
            url=url.with_query({"Action": "GetCallerIdentity", "Version": "2011-06-15"}),
            headers={"x-k8s-aws-id": name},
            lifetime=_LIFETIME,
            region=region,
            service="sts",
            now=self._now(),
        )
        return f"k8s-aws-v1.{base64.urlsafe_b64encode(signed.encode()).rstrip(b'=').decode()}"


def _parse(cluster: str) -> tuple[str, str]:
    found = re.fullmatch(_PATTERN, cluster, re.ASCII)
    if found is None:
        raise CloudError(f"invalid EKS cluster ARN: '{cluster}'. must match {_PATTERN}")
    return found[1], found[2]


def _decoded(data: str, kind: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except ValueError:
        raise CloudError(f"failed to decode {kind} CA certificate") from None
