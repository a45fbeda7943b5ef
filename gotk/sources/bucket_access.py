"""Who we are to a bucket's store: keys of a secret, of this process or of a service account; trust and proxy.

Answers to `setupCredentials` of source-controller and to its clients for `generic`, `aws` and `gcp`, error texts
included; `bucket_sts` to what it does with `spec.sts`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gotk.api.core import Secret
from gotk.api.meta import LocalObjectReference
from gotk.api.source import Bucket, BucketSTS
from gotk.cloud.azure import Azure
from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError, GateDisabled
from gotk.cloud.git_login import Entra, Iam
from gotk.cloud.google import Google
from gotk.cloud.identity import GATE_DISABLED, Identities, Provider, Wanted
from gotk.cloud.sigv4 import Keys
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError, name_of, text
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.sources import blob_access, bucket_sts
from gotk.sources.blob_access import BlobLogin, Unusable
from gotk.sources.bucket_sts import BadSecret, Directory, Invalid

_REGION = "us-east-1"
_NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):
    """The store cannot be reached as it is specified; `final` is the reason where no retry helps. Holds no secret."""

    def __init__(self, message: str, *, final: str = "") -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a store is reached: S3 with keys, or without them as nobody; Google's with a token, Azure's with a login."""

    keys: Keys | None = None
    token: Token | None = None
    blob: BlobLogin | None = None
    tls: TLS
    proxy: Proxy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """Reads what Buckets refer to. Without `identities` nobody is somebody in a cloud but by a secret."""

    objects: Getter
    iam: Iam | None = None
    google: Google | None = None
    azure: Azure | None = None
    directory: Directory | None = None
    identities: Identities | None = None

    async def of(self, bucket: Bucket) -> Reached:
        """Return how a bucket's store is reached. Raises Refused."""
        try:
            bucket_sts.check(bucket.spec)
        except Invalid as error:
            raise Refused(str(error), final="InvalidSTSConfiguration") from error
        proxy = await self._proxy(bucket)
        tls = await self._tls(bucket, bucket.spec.cert_secret_ref)
        if bucket.spec.provider == "gcp":
            return Reached(token=await self._token(bucket, proxy), tls=tls, proxy=proxy)
        if bucket.spec.provider == "azure":
            return Reached(blob=await self._blob(bucket, proxy), tls=tls, proxy=proxy)
        return Reached(keys=await self._keys(bucket, proxy), tls=tls, proxy=proxy)

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
        sts = bucket.spec.sts
        if bucket.spec.provider != "aws":
            return None if sts is None else await self._assumed(bucket, sts, proxy)
        service = "" if sts is None else sts.endpoint
        iam = self.iam.at(service) if self.iam is not None and service else self.iam
        keys: Keys = await self._own(bucket, iam, bucket.spec.region or _REGION, proxy, service=service)
        return keys

    async def _assumed(self, bucket: Bucket, sts: BucketSTS, proxy: Proxy | None) -> Keys:
        if self.directory is None or sts.secret_ref is None:
            raise Refused(f"STS provider '{sts.provider}' is not set up in this process")
        try:
            secret = await self._secret(bucket, sts.secret_ref.name)
            tls = await self._tls(bucket, sts.cert_secret_ref)
            return await self.directory.keys(sts, secret, tls=tls, proxy=proxy, subject=_subject(bucket))
        except Refused as error:
            raise Refused(f"spec.sts: {error}") from error
        except (BadSecret, CloudError, SecretError) as error:
            raise Refused(str(error)) from error

    async def _token(self, bucket: Bucket, proxy: Proxy | None) -> Token:
        reference = bucket.spec.secret_ref
        if reference is None:
            token: Token = await self._own(bucket, self.google, "", proxy)
            return token
        secret = await self._secret(bucket, reference.name)
        if "serviceaccount" not in secret.data:
            raise Refused(f"invalid '{secret.metadata.name}' secret data: required fields 'serviceaccount'")
        if self.google is None:
            raise Refused("provider 'gcp' is not set up in this process")
        what = f"secret '{name_of(secret)}': key 'serviceaccount'"
        try:
            return await self.google.given(secret.data["serviceaccount"], what, proxy)
        except CloudError as error:
            raise Refused(str(error)) from error

    async def _blob(self, bucket: Bucket, proxy: Proxy | None) -> BlobLogin:
        reference, cloud = bucket.spec.secret_ref, self.azure
        if cloud is None:
            raise Refused("provider 'azure' is not set up in this process")

        async def token() -> Token:
            found: Token = await self._own(bucket, Entra(cloud), blob_access.SCOPE, proxy)
            return found

        try:
            url = blob_access.address(bucket.spec.endpoint)
            if reference is None:
                return await blob_access.as_ourselves(url, token)
            return await blob_access.by_secret(await self._secret(bucket, reference.name), url, cloud, proxy)
        except (Unusable, CloudError) as error:
            raise Refused(str(error)) from error

    async def _own(
        self, bucket: Bucket, provider: Provider | None, scope: str, proxy: Proxy | None, *, service: str = ""
    ) -> Any:
        if self.identities is None or provider is None:
            raise Refused(f"provider '{bucket.spec.provider}' is not set up in this process")
        try:
            wanted = Wanted(
                provider=provider,
                scope=scope,
                namespace=bucket.metadata.namespace,
                account=self.identities.account(bucket.spec.service_account_name),
                proxy=proxy,
                subject=_subject(bucket),
                service=service,
            )
            return await self.identities.token(await self.identities.resolve(wanted))
        except GateDisabled as error:
            raise Refused(str(error), final=GATE_DISABLED) from error
        except CloudError as error:
            raise Refused(str(error)) from error

    async def _tls(self, bucket: Bucket, reference: LocalObjectReference | None) -> TLS:
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
