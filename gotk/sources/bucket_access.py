"""Who we are to a bucket's store: keys of a secret, of this process or of a service account; trust and proxy.

Answers to `setupCredentials` of source-controller and to its clients for `generic` and `aws`, error texts included.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from gotk.api.core import Secret
from gotk.api.source import Bucket
from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError, GateDisabled
from gotk.cloud.git_login import Iam
from gotk.cloud.identity import Identities, Wanted
from gotk.cloud.sigv4 import Keys
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError, name_of, text
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter

_REGION = "us-east-1"
_NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):
    """The store cannot be reached as it is specified; `gated` says that the operator forbids it. Holds no secret."""

    def __init__(self, message: str, *, gated: bool = False) -> None:
        super().__init__(message)
        self.gated = gated


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a store is reached; without keys as nobody."""

    keys: Keys | None
    tls: TLS
    proxy: Proxy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """Reads what Buckets refer to. Without `identities` nobody is somebody in AWS but by a secret."""

    objects: Getter
    iam: Iam | None = None
    identities: Identities | None = None

    async def of(self, bucket: Bucket) -> Reached:
        """Return how a bucket's store is reached. Raises Refused."""
        proxy = await self._proxy(bucket)
        return Reached(keys=await self._keys(bucket, proxy), tls=await self._tls(bucket), proxy=proxy)

    def forget(self, bucket: Bucket) -> None:
        """An object is gone: drop what was counted of its tokens."""
        if self.identities is not None:
            self.identities.cache.forget(_subject(bucket))

    async def _keys(self, bucket: Bucket, proxy: Proxy | None) -> Keys | None:
        reference = bucket.spec.secret_ref
        if reference is not None:
            secret = await self._secret(bucket, reference.name)
            if not {"accesskey", "secretkey"} <= secret.data.keys():
                message = f"invalid '{secret.metadata.name}' secret data: required fields 'accesskey' and 'secretkey'"
                raise Refused(message)
            try:
                access, key = text(secret, "accesskey"), text(secret, "secretkey")
            except SecretError as error:
                raise Refused(str(error)) from error
            return Keys(access_key=access, secret_key=key, expires=_NEVER)
        return await self._own(bucket, proxy) if bucket.spec.provider == "aws" else None

    async def _own(self, bucket: Bucket, proxy: Proxy | None) -> Keys:
        if self.identities is None or self.iam is None:
            raise Refused("provider 'aws' is not set up in this process")
        try:
            wanted = Wanted(
                provider=self.iam,
                scope=bucket.spec.region or _REGION,
                namespace=bucket.metadata.namespace,
                account=self.identities.account(bucket.spec.service_account_name),
                proxy=proxy,
                subject=_subject(bucket),
            )
            keys: Keys = await self.identities.token(await self.identities.resolve(wanted))
        except GateDisabled as error:
            raise Refused(str(error), gated=True) from error
        except CloudError as error:
            raise Refused(str(error)) from error
        return keys

    async def _tls(self, bucket: Bucket) -> TLS:
        reference = bucket.spec.cert_secret_ref
        if reference is None:
            return SYSTEM
        secret = await self._secret(bucket, reference.name)
        try:
            found = TLS.from_secret(secret)
            found.context()
        except SecretError as error:
            raise Refused(str(error)) from error
        except InvalidTLS as error:
            raise Refused(f"secret '{name_of(secret)}': {error}") from error
        return found

    async def _proxy(self, bucket: Bucket) -> Proxy | None:
        reference = bucket.spec.proxy_secret_ref
        if reference is None:
            return None
        try:
            return Proxy.from_secret(await self._secret(bucket, reference.name))
        except SecretError as error:
            raise Refused(f"failed to get proxy URL: {error}") from error

    async def _secret(self, bucket: Bucket, name: str) -> Secret:
        where = bucket.metadata.namespace
        try:
            return await self.objects.get(Secret, where, name)
        except APIError as error:
            raise Refused(f"failed to get secret '{where}/{name}': {error.message}") from error


def _subject(bucket: Bucket) -> Subject:
    return Subject("Bucket", bucket.metadata.namespace, bucket.metadata.name)
