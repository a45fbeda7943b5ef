"""Verification of a GitRepository's commit and tag against the public keys of a secret.

Answers to `verifySignature` of source-controller: which modes look at what, when it has to be done again, the condition
SourceVerified and its reasons and messages. An artifact of before stays where a signature fits no key.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from deploy.source.checkouts.checkout import Checkout
from gotk.api.core import Secret
from gotk.api.source import GitRepository, GitRepositoryStatus
from gotk.git import errors
from gotk.git.objects.signature import Keys
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import SUCCEEDED
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Run

VERIFIED = "SourceVerified"

HEAD, TAG, TAG_AND_HEAD = "HEAD", "Tag", "TagAndHEAD"

_UNTAGGED = "cannot verify tag object's signature if a tag reference is not specified"


def mode(obj: GitRepository) -> str:
    """Return what is to be verified; nothing where the object does not ask for it."""
    if obj.spec.verify is None:
        return ""
    return HEAD if obj.spec.verify.mode == "head" else obj.spec.verify.mode


def is_due(obj: GitRepository, status: GitRepositoryStatus) -> bool:
    """Tell whether an artifact has not been verified as far as the object asks for."""
    wanted, observed = mode(obj), status.source_verification_mode
    if not wanted:
        return False
    return observed not in {wanted, TAG_AND_HEAD}


class Verifier:
    """Verifies checkouts, and says so in the object's status."""

    def __init__(self, *, objects: Getter, blocking: Limiter) -> None:
        self._objects = objects
        self._blocking = blocking

    async def verify(self, obj: GitRepository, run: Run[GitRepositoryStatus], found: Checkout) -> None:
        """Verify what was checked out. Raises Retry and Stalled where it is not as the object wants it."""
        if not (wanted := mode(obj)):
            forget(run)
            return
        keys = await self._keys(obj, run)
        lines = []
        if wanted != HEAD:
            lines.append(await self._tag(obj, run, found, keys))
        if wanted != TAG:
            lines.append(await self._commit(obj, run, found, keys))
        message = "\n\t- ".join(("verified signature of", *lines))
        run.update(source_verification_mode=wanted)
        run.conditions.mark_true(VERIFIED, SUCCEEDED, message)
        run.event("Trace", SUCCEEDED, message)

    async def _keys(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> Keys:
        assert obj.spec.verify is not None
        try:
            secret = await self._objects.get(Secret, obj.metadata.namespace, obj.spec.verify.secret_ref.name)
        except APIError as error:
            message = f"public keys secret error: {error.message}"
            run.conditions.mark_false(VERIFIED, "VerificationError", message)
            raise Retry("VerificationError", message) from error
        return Keys.of(secret.data)

    async def _tag(self, obj: GitRepository, run: Run[GitRepositoryStatus], found: Checkout, keys: Keys) -> str:
        if found.tag is None:
            run.conditions.mark_false(VERIFIED, "InvalidVerificationMode", _UNTAGGED)
            raise Stalled("InvalidVerificationMode", _UNTAGGED)

        def key() -> str:
            signed = found.signed_tag()
            return keys.verify(signed, "tag") if signed is not None and signed.signature else ""

        what = f"tag '{found.tag}'"
        signer = await self._signer(obj, run, key, what, "InvalidTagSignature")
        if not signer:
            _refuse(obj, run, "InvalidGitObject", f"cannot verify signature of {what} since it is not signed")
        return f"{what} with key '{signer}'"

    async def _commit(self, obj: GitRepository, run: Run[GitRepositoryStatus], found: Checkout, keys: Keys) -> str:
        def key() -> str:
            return keys.verify(found.mirror.signed_commit(found.commit), "commit")

        what = f"commit '{found.commit}'"
        signer = await self._signer(obj, run, key, what, "InvalidCommitSignature")
        return f"{what} with key '{signer}'"

    async def _signer(
        self, obj: GitRepository, run: Run[GitRepositoryStatus], key: Callable[[], str], what: str, reason: str
    ) -> str:
        try:
            return await self._blocking.run(key)
        except errors.Error as error:
            _refuse(obj, run, reason, f"signature verification of {what} failed: {error.message}")


def forget(run: Run[Any]) -> None:
    """Take back what an earlier run said of signatures."""
    run.update(source_verification_mode=None)
    run.conditions.delete(VERIFIED)


def _refuse(obj: GitRepository, run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    """End a run over what only a push or another secret can mend: it is looked at again at the interval."""
    run.conditions.mark_false(VERIFIED, reason, message)
    raise Retry(reason, message, after=obj.spec.interval.seconds)
