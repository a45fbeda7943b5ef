"""Whether an artifact of a registry was signed as its object asks: keys, identities and roots, read and used.

Answers to `verifySignature` of source-controller, which OCIRepositories and HelmCharts share: with a secret each of its
`*.pub` keys is tried, without one identities count, against the public good instance's root or the one that a secret
holds. Nothing is asked of the Internet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gotk.api.core import Secret
from gotk.api.meta import LocalObjectReference
from gotk.api.source import OCIRepositoryVerification
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.cosign import keyless, keys, signatures
from gotk.oci.cosign.claims import Unverified
from gotk.oci.cosign.signatures import Found, Registry
from gotk.oci.name import Repository
from gotk.runtime.blocking import Limiter

_ROOT = "trusted_root.json"
_SHOWN = 3

#: Checks what was found for one digest and returns what is wrong with each signature; none where one is good.
_Check = Callable[[Found, str], list[str]]


class Unsupported(Exception):
    """The object asks for a way of verifying that is not to be had here: trying again will not help."""


class Failed(Exception):
    """The artifact is not shown to be signed as it should be. `message` is source-controller's, with the cause."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Verifies what objects name."""

    objects: Getter
    registry: Registry
    limiter: Limiter

    async def verify(
        self, spec: OCIRepositoryVerification, namespace: str, repository: Repository, digest: str, access: Access
    ) -> None:
        """Check the signatures of a manifest. Raises Failed, and Unsupported for `notation`."""
        if spec.provider != "cosign":
            message = (
                f"spec.verify.provider '{spec.provider}' is not supported: no maintained library or program verifies "
                "its signatures here; sign with cosign, or remove spec.verify"
            )
            raise Unsupported(message)
        way = "cosign" if spec.secret_ref else "cosign keyless"
        reference = f"{repository}@{digest}"
        try:
            check = await self._check(spec, namespace)
            found = await signatures.find(self.registry, repository, digest, access)
            wrong = await self.limiter.run(check, found, digest)
        except (Unverified, keyless.InvalidTrust, errors.RegistryError) as error:
            raise Failed(f"failed to verify the signature using provider '{way}': {error}") from error
        if wrong:
            why = "; ".join(list(dict.fromkeys(wrong))[:_SHOWN])
            message = f"no matching signatures were found for '{reference}': {why}"
            raise Failed(f"failed to verify the signature using provider '{way}': {message}")

    async def _check(self, spec: OCIRepositoryVerification, namespace: str) -> _Check:
        if spec.secret_ref is not None:
            return _by_keys(await self._secret(namespace, spec.secret_ref))
        root: bytes | None = None
        if spec.trusted_root_secret_ref is not None:
            root = await self._root(namespace, spec.trusted_root_secret_ref)
        identities = [keyless.Identity.read(each.issuer, each.subject) for each in spec.match_oidc_identity]
        return _by_identity(root, identities)

    async def _root(self, namespace: str, reference: LocalObjectReference) -> bytes:
        failed = f"failed to read trusted root from secret '{namespace}/{reference.name}'"
        try:
            data = (await self._secret(namespace, reference)).data
        except Unverified as error:
            raise Unverified(f"{failed}: {error}") from error
        if _ROOT not in data:
            raise Unverified(f"{failed}: '{_ROOT}' not found in secret")
        return data[_ROOT]

    async def _secret(self, namespace: str, reference: LocalObjectReference) -> Secret:
        try:
            return await self.objects.get(Secret, namespace, reference.name)
        except APIError as error:
            raise Unverified(error.message) from error


def _by_keys(secret: Secret) -> _Check:
    """Return the check by the public keys of a secret. Raises Unverified."""
    where = f"secret '{secret.metadata.namespace}/{secret.metadata.name}'"
    public: list[keys.PublicKey] = []
    for name in sorted(secret.data):
        if name.endswith(".pub"):
            try:
                public.append(keys.read(secret.data[name]))
            except keys.InvalidKey as error:
                raise Unverified(f"{where}, key '{name}': {error}") from error
    if not public:
        raise Unverified(f"{where} holds no public key: no key of it ends in '.pub'")

    def check(found: Found, digest: str) -> list[str]:
        bundles = [(keys.check_bundle, key, bundle) for key in public for bundle in found.bundles]
        others = [(keys.check_signature, key, each) for key in public for each in found.signatures]
        return _tried([*bundles, *others], digest)

    return check


def _by_identity(root: bytes | None, identities: Sequence[keyless.Identity]) -> _Check:
    def check(found: Found, digest: str) -> list[str]:
        trust, policy = keyless.trust(root), keyless.AnyOf(tuple(identities))

        def bundle(_: None, each: bytes, digest: str) -> None:
            trust.check_bundle(each, digest, policy)

        def signature(_: None, each: signatures.Signature, digest: str) -> None:
            trust.check_signature(each, digest, policy)

        bundles = [(bundle, None, each) for each in found.bundles]
        return _tried([*bundles, *((signature, None, each) for each in found.signatures)], digest)

    return check


def _tried(tries: Sequence[tuple[Callable[[Any, Any, str], None], Any, Any]], digest: str) -> list[str]:
    """Try until one is good; else return what is wrong with each."""
    wrong = []
    for check, key, each in tries:
        try:
            check(key, each, digest)
        except Unverified as error:
            wrong.append(str(error))
        else:
            return []
    return wrong or ["there are no signatures"]
