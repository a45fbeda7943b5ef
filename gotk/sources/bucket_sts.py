"""Keys of a bucket's store that a token service hands out: what `spec.sts` may say, and keys of a directory's users.

Answers to `ValidateSTSProvider`, `ValidateSTSSecret` and `newGenericCreds` of source-controller, error texts included,
and to `AssumeRoleWithLDAPIdentity` of MinIO's token service as minio-go asks it. Unlike there, the pattern that AWS's
own endpoints match is held against the host alone: a path could spell it as well, and a token would go elsewhere.
"""

import re
from dataclasses import dataclass

from yarl import URL

from gotk.api.core import Secret
from gotk.api.source import BucketSpec, BucketSTS
from gotk.cloud.aws import assumed
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.caller import Caller
from gotk.cloud.sigv4 import Keys
from gotk.http.proxy import Proxy
from gotk.http.secret import text
from gotk.http.tls import TLS

_ASKED = ("username", "password")
_AWS_HOST = r"(.+\.)?sts(-fips)?(\.[^.]+)?(\.vpce)?\.amazonaws\.com"
_STORES = {"aws": "aws", "generic": "ldap"}


class Invalid(Exception):
    """What `spec.sts` says cannot be; no retry helps."""


class BadSecret(Exception):
    """The secret lacks a key. Holds no secret."""


def check(spec: BucketSpec) -> None:
    """Refuse what the definition's rules would, for API servers that do not know them. Raises Invalid."""
    sts, store = spec.sts, spec.provider
    if sts is None:
        return
    if store not in _STORES:
        raise Invalid(f"STS configuration is not supported for '{store}' bucket provider")
    if sts.provider != _STORES[store]:
        raise Invalid(f"STS provider '{sts.provider}' is not supported for '{store}' bucket provider")
    url = _address(sts)
    if sts.provider == "ldap":
        if sts.secret_ref is None and spec.secret_ref is None:
            raise Invalid("spec.sts.secretRef is required for the 'ldap' STS provider: name a secret with a user")
        return
    for given, field in ((sts.secret_ref, "secretRef"), (sts.cert_secret_ref, "certSecretRef")):
        if given is not None:
            raise Invalid(f"spec.sts.{field} is not required for the 'aws' STS provider")
    own = url.scheme == "https" and re.fullmatch(_AWS_HOST, url.host or "") and url == url.origin() / ""
    if not own:
        raise Invalid(f"invalid STS endpoint: '{sts.endpoint}'. must be https, its host must match ^{_AWS_HOST}$")


def _address(sts: BucketSTS) -> URL:
    try:
        url = URL(sts.endpoint)
        if url.host and url.user is None and not url.fragment and url.port:
            return url
    except ValueError:
        pass
    raise Invalid(f"failed to parse STS endpoint '{sts.endpoint}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A token service that believes a directory's users: asked for keys, which are kept for most of their lives."""

    caller: Caller
    cache: TokenCache

    async def keys(self, sts: BucketSTS, secret: Secret, *, tls: TLS, proxy: Proxy | None, subject: Subject) -> Keys:
        """Return keys of the user that a secret holds. Raises BadSecret, CloudError, SecretError, InvalidTLS."""
        if not all(secret.data.get(key) for key in _ASKED):
            name = secret.metadata.name
            fields = ", ".join(_ASKED)
            raise BadSecret(f"invalid '{name}' secret data for '{sts.provider}' STS provider: required fields {fields}")
        username, password = (text(secret, key) for key in _ASKED)
        url = URL(sts.endpoint)

        async def make() -> Keys:
            form = {
                "Action": "AssumeRoleWithLDAPIdentity",
                "Version": "2011-06-15",
                "LDAPUsername": username,
                "LDAPPassword": password,
            }
            return assumed(await self.caller.ask("POST", url, form=form, tls=tls, proxy=proxy), url.with_query(None))

        trust = (tls.ca.decode("latin-1"), tls.certificate.decode("latin-1"), tls.key.decode("latin-1"))
        way = proxy.parts if proxy else ()
        key = ("ldap", subject.namespace, str(url), username, password, *trust, *way)
        return await self.cache.get(key, subject, make)
