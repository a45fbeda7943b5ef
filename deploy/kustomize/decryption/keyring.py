"""Whose keys decrypt for a Kustomization: those of the Secret that it names, else of the one that serves all.

Answers to `ImportKeys` of kustomize-controller. The Secret is read anew in each run, so a new key counts at once.
"""

from deploy.kustomize.decryption import keys
from deploy.kustomize.decryption.decryptor import Decryptor, NotDecrypted
from deploy.kustomize.decryption.keys import Keys, KeysError
from deploy.kustomize.decryption.sops import Sops
from gotk.api.core import Secret
from gotk.api.kustomize import Kustomization
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter


class Keyring:
    """Finds keys. `age_secret` is namespace and name of the Secret that serves Kustomizations which name none."""

    def __init__(self, *, objects: Getter, sops: Sops, age_secret: tuple[str, str] | None) -> None:
        self._objects = objects
        self._sops = sops
        self._age_secret = age_secret

    async def decryptor(self, kustomization: Kustomization) -> Decryptor | None:
        """Return what decrypts for a Kustomization, None where it asks for nothing. Raises NotDecrypted."""
        wanted = kustomization.spec.decryption
        if wanted is None:
            return None
        try:
            if wanted.secret_ref is not None:
                found = await self._read(kustomization.metadata.namespace, wanted.secret_ref.name)
            elif self._age_secret is not None:
                found = await self._read(*self._age_secret, shared=True)
            else:
                found = Keys()
        except KeysError as error:
            raise NotDecrypted(str(error)) from error
        return Decryptor(self._sops, found)

    async def _read(self, namespace: str, name: str, *, shared: bool = False) -> Keys:
        holder = f"Secret '{namespace}/{name}'"
        called = f"sops {'SOPS age ' if shared else ''}decryption {holder}"
        try:
            secret = await self._objects.get(Secret, namespace, name)
        except NotFound as error:
            named = "--sops-age-secret" if shared else "spec.decryption.secretRef"
            raise KeysError(f"cannot get {called}: {error.message}, create it or correct {named}") from error
        except APIError as error:
            raise KeysError(f"cannot get {called}: {error.message}") from error
        return keys.read(keys.only_age(secret.data) if shared else secret.data, holder)
