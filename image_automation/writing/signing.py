"""Who signs an automation's commits: the key of `spec.git.commit.signingKey`, read from its secret.

Answers to Flux's image automation controller: `gpg` reads `git.asc` and `passphrase`, `ssh` reads `identity` and
`password`, of a secret in the automation's namespace. The key lives in this process's memory for one run.
"""

from collections.abc import Mapping

from gotk.api import core
from gotk.api.image import ImageUpdateAutomation, SigningKey
from gotk.git import errors as git
from gotk.git.objects import openpgp, sshsig
from gotk.git.objects.commit import Sign
from gotk.kube import errors as kube
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from image_automation.writing import checkout


async def signer(objects: Getter, automation: ImageUpdateAutomation, limiter: Limiter) -> Sign | None:
    """Return what signs the automation's commits; None name they stay unsigned. Raises Retry."""
    key = automation.spec.git.commit.signing_key if automation.spec.git else None
    if key is None:
        return None
    namespace, name = automation.metadata.namespace, key.secret_ref.name
    try:
        secret = await objects.get(core.Secret, namespace, name)
    except kube.APIError as error:
        raise checkout.misconfigured(f"could not find signing key secret '{name}': {error.message}") from error
    return await limiter.run(_read, key, secret.data, name)  # unlocking a key takes a while


def _read(key: SigningKey, data: Mapping[str, bytes], name: str) -> Sign:
    try:
        return _ssh(data, name) if key.type == "ssh" else _gpg(data, name)
    except git.InvalidSigningKey as error:
        failed = "could not parse SSH signing key" if key.type == "ssh" else "could not read signing key"
        raise checkout.misconfigured(f"{failed} from secret '{name}': {error.message}") from None


def _gpg(data: Mapping[str, bytes], name: str) -> Sign:
    if "git.asc" not in data:
        raise checkout.misconfigured(f"signing key secret '{name}' does not contain a 'git.asc' key")
    passphrase = data.get("passphrase")
    try:
        return openpgp.signer(data["git.asc"], passphrase.decode("utf-8", "surrogateescape") if passphrase else None)
    except openpgp.SeveralKeys:
        raise checkout.misconfigured(
            f"multiple entities read from secret '{name}', could not determine which signing key to use"
        ) from None
    except openpgp.Locked:
        raise _locked("passphrase", name) from None


def _ssh(data: Mapping[str, bytes], name: str) -> Sign:
    if "identity" not in data:
        raise checkout.misconfigured(f"signing key secret '{name}' does not contain an 'identity' key")
    try:
        return sshsig.signer(sshsig.load(data["identity"], data.get("password")))
    except sshsig.Locked:
        raise _locked("password", name) from None


def _locked(field: str, name: str) -> Exception:
    return checkout.misconfigured(
        f"can not use passphrase protected signing key without '{field}' field present in secret {name}"
    )
