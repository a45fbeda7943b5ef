"""Whose keys decrypt for a Kustomization: those of the Secret that it names, else of the one that serves all.

Answers to `ImportKeys` of kustomize-controller. The Secret is read anew in each run, so a new key counts at once.
"""

import dataclasses

from deploy.kustomize.decryption import keys
from deploy.kustomize.decryption.decryptor import Decryptor, NotDecrypted
from deploy.kustomize.decryption.keys import Keys, KeysError
from deploy.kustomize.decryption.sops import Sops
from gotk.api.core import Secret
from gotk.api.kustomize import Decryption, Kustomization
from gotk.cloud import identity
from gotk.cloud.cache import Subject
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter
from gotk.runtime.errors import Stalled

_GATE_MESSAGE = (
    "to use spec.decryption.serviceAccountName for decryption authentication please enable the "
    f"{identity.GATE} feature gate in the controller"
)


class Keyring:
    """Finds keys. `age_secret` is namespace and name of the Secret that serves Kustomizations which name none.

    `default_account` is the service account of those that name none; `workload_identity` is the feature gate.
    """

    def __init__(
        self,
        *,
        objects: Getter,
        sops: Sops,
        age_secret: tuple[str, str] | None,
        workload_identity: bool,
        default_account: str,
    ) -> None:
        self._workload_identity = workload_identity
        self._default_account = default_account
        self._objects = objects
        self._sops = sops
        self._age_secret = age_secret

    async def decryptor(self, kustomization: Kustomization) -> Decryptor | None:
        """Return what decrypts for a Kustomization, None where it asks for nothing. Raises NotDecrypted, Stalled."""
        wanted, namespace = kustomization.spec.decryption, kustomization.metadata.namespace
        if wanted is None:
            return None
        account = self._account(wanted)
        try:
            if wanted.secret_ref is not None:
                found = await self._read(namespace, wanted.secret_ref.name)
            elif self._age_secret is not None:
                found = await self._read(*self._age_secret, shared=True)
            else:
                found = Keys()
        except KeysError as error:
            raise NotDecrypted(str(error)) from error
        subject = Subject("Kustomization", namespace, kustomization.metadata.name)
        whose = (namespace, account) if account else ("", "")
        return Decryptor(self._sops, dataclasses.replace(found, account=whose, subject=subject))

    def _account(self, wanted: Decryption) -> str:
        """Return the service account that key services are asked for, empty for this process. Raises Stalled."""
        if wanted.service_account_name and not self._workload_identity:
            raise Stalled(identity.GATE_DISABLED, _GATE_MESSAGE)
        return wanted.service_account_name or self._default_account

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
