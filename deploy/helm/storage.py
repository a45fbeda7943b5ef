"""Releases in the Secrets of a namespace, one a revision, as helm keeps them: `helm list` and `helm history` read them.

Answers to Helm's `pkg/storage` with its driver for Secrets. A Secret is named `sh.helm.release.v1.<name>.v<revision>`;
its labels say what can be asked without unfolding it, so that a look at the last revision unfolds no other. Labels of
others stay when a revision is written again.

Where helm passes over what it cannot read, this says which Secret that is: whoever takes a broken revision for none
installs over what runs.
"""

import base64
import dataclasses
import hashlib
import re

import msgspec

from deploy.cluster import ports
from deploy.helm import encoding
from deploy.helm.actions.ports import StorageError
from deploy.helm.release import PENDING, Release
from gotk.bounded import Bounded
from gotk.kube.errors import NotFound
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock

_TYPE = "helm.sh/release.v1"
_KEY = "release"
_FIELD_MANAGER = "helm-controller"
#: What the last word on a revision may need beyond its first: how it ended, and when its hooks ran.
_RESERVE = 8 << 10
_LONGEST_DESCRIPTION = 1024


class TooLarge(StorageError):
    """The release is larger than a Secret may be."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Kept:
    """One revision, still folded."""

    secret: str
    version: int
    status: str
    data: str = dataclasses.field(repr=False)

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.data.encode(), digest_size=16).digest()


#: Releases by the digest of what they were unfolded from, with its length.
Unfolded = Bounded[bytes, tuple[Release, int]]
#: How many folded bytes may be known unfolded; they take about ten times as much.
_KNOWN_BYTES = 8 << 20


def nothing_unfolded() -> Unfolded:
    """Return the memory of a process that has not unfolded anything yet."""
    return Bounded(_KNOWN_BYTES, weigh=lambda known: known[1])


class Storage:
    """The revisions of releases in one namespace of a cluster. Beside what it says, it raises `gotk.kube.errors`."""

    def __init__(
        self, cluster: ports.Cluster, namespace: str, *, limiter: Limiter, clock: Clock, unfolded: Unfolded
    ) -> None:
        """Take what it works with; `unfolded` outlives it, so that a release that nobody writes is unfolded once."""
        self._unfolded = unfolded
        self._cluster = cluster
        self._namespace = namespace
        self._limiter = limiter
        self._clock = clock

    async def history(self, name: str) -> list[Release]:
        """Return all revisions of a release, the newest last. Raises StorageError."""
        return [await self._unfold(name, each) for each in await self._kept(name)]

    async def last(self, name: str) -> Release | None:
        """Return the newest revision, None where there is none. Raises StorageError."""
        kept = await self._kept(name)
        return await self._unfold(name, kept[-1]) if kept else None

    async def create(self, release: Release) -> None:
        """Keep a new revision. Raises TooLarge, and AlreadyExists where somebody else made it meanwhile.

        A pending revision must leave room for how it will have ended: nothing is applied that cannot be told of.
        """
        labels = {"createdAt": self._now(), **_labels(release)}
        reserve = _RESERVE if release.info.status in PENDING else 0
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": _secret(release), "namespace": self._namespace, "labels": labels},
            "type": _TYPE,
            "data": {_KEY: await self._fold(release, encoding.LARGEST - reserve)},
        }
        await self._cluster.create_object(secret, field_manager=_FIELD_MANAGER)

    async def update(self, release: Release) -> None:
        """Keep what became of a revision. Raises TooLarge, and NotFound where there is no such revision (any more).

        A description for which there is no room is shortened: that it failed matters more than why.
        """
        try:
            data = await self._fold(release, encoding.LARGEST)
        except TooLarge:
            if len(release.info.description) <= _LONGEST_DESCRIPTION:
                raise
            description = f"{release.info.description[:_LONGEST_DESCRIPTION]}…"
            info = msgspec.structs.replace(release.info, description=description)
            data = await self._fold(msgspec.structs.replace(release, info=info), encoding.LARGEST)
        labels = {"createdAt": None, "modifiedAt": self._now(), **_labels(release)}
        patch = {"metadata": {"labels": labels}, "data": {_KEY: data}}
        await self._cluster.patch_object(
            "v1", "Secret", self._namespace, _secret(release), patch, field_manager=_FIELD_MANAGER
        )

    async def delete(self, release: Release) -> None:
        """Forget a revision, which may be gone already."""
        await self._remove(_secret(release))

    async def trim(self, name: str, max_history: int) -> None:
        """Make room for one more revision among at most so many; 0 is any number.

        The oldest go, but never the one that was deployed last: it is what a failed upgrade goes back to.
        """
        if max_history <= 0:
            return
        kept = await self._kept(name)
        deployed = max((each.version for each in kept if each.status == "deployed"), default=0)
        dispensable = [each for each in kept if each.version != deployed]
        for each in dispensable[: max(0, len(kept) - (max_history - 1))]:
            await self._remove(each.secret)

    async def _kept(self, name: str) -> list[_Kept]:
        """Return the revisions of a release by number, folded."""
        # A name is no selector before it was looked at.
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name):
            raise StorageError(f"invalid release name {name!r}: it must be lower case letters, digits, '-' and '.'")
        found = await self._cluster.list_objects("v1", "Secret", self._namespace, labels=f"name={name},owner=helm")
        pattern = re.compile(rf"sh\.helm\.release\.v1\.{re.escape(name)}\.v([0-9]{{1,18}})")
        kept = [
            _Kept(
                secret=secret["metadata"]["name"],
                version=int(match[1]),
                status=str((secret["metadata"].get("labels") or {}).get("status", "")),
                data=(secret.get("data") or {}).get(_KEY, ""),
            )
            for secret in found
            if (match := pattern.fullmatch(secret["metadata"]["name"]))
        ]
        return sorted(kept, key=lambda each: each.version)

    async def _unfold(self, name: str, kept: _Kept) -> Release:
        secret = f"Secret '{self._namespace}/{kept.secret}'"
        known = self._unfolded.get(kept.digest)
        if known is not None and (known[0].name, known[0].version) == (name, kept.version):
            return known[0]
        try:
            release = await self._limiter.run(_decode, kept.data)
        except encoding.Unreadable as error:
            raise StorageError(
                f"{secret} does not hold a release: {error}; restore it, or delete it to forget this revision"
            ) from None
        if (release.name, release.version) != (name, kept.version):
            raise StorageError(f"{secret} holds another release than its name says: delete or rename it")
        self._unfolded.put(kept.digest, (release, len(kept.data)))
        return release

    async def _fold(self, release: Release, most: int) -> str:
        data = await self._limiter.run(encoding.encode, release)
        if len(data) > most:
            raise TooLarge(
                f"the release does not fit into Secret '{self._namespace}/{_secret(release)}': with its chart and "
                f"manifest it takes {len(data)} bytes compressed, and at most {most} can be stored; leave files out of "
                "the chart (.helmignore), or split it"
            )
        return base64.b64encode(data).decode()

    async def _remove(self, secret: str) -> None:
        try:
            await self._cluster.delete_object("v1", "Secret", self._namespace, secret)
        except NotFound:
            return

    def _now(self) -> str:
        return str(int(self._clock.now().timestamp()))


def _decode(data: str) -> Release:
    return encoding.decode(base64.b64decode(data))


def _secret(release: Release) -> str:
    return f"sh.helm.release.v1.{release.name}.v{release.version}"


def _labels(release: Release) -> dict[str, str]:
    return {"name": release.name, "owner": "helm", "status": release.info.status, "version": str(release.version)}
