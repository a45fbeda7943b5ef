"""A storage in memory, with what was written to it in order."""

import msgspec

from deploy.helm.release import Release
from gotk.kube.errors import AlreadyExists


class MemoryStorage:
    """The releases of one namespace."""

    def __init__(self) -> None:
        self.releases: dict[tuple[str, int], Release] = {}
        #: Every state that was stored, as `v1 pending-install`.
        self.written: list[str] = []
        #: What the next writes fail with; None lets one through.
        self.refusals: list[Exception | None] = []
        #: What the next deletions fail with.
        self.removals: list[Exception] = []

    async def history(self, name: str) -> list[Release]:
        """Return every revision, the newest last."""
        return [release for (of, _), release in sorted(self.releases.items()) if of == name]

    async def last(self, name: str) -> Release | None:
        """Return the newest revision."""
        return next(reversed(await self.history(name)), None)

    async def create(self, release: Release) -> None:
        """Store a new revision."""
        if (release.name, release.version) in self.releases:
            raise AlreadyExists(409, "AlreadyExists", "there is one already")
        await self.update(release)

    async def update(self, release: Release) -> None:
        """Store a revision again."""
        if self.refusals and (refusal := self.refusals.pop(0)):
            raise refusal
        self.written.append(f"v{release.version} {release.info.status}")
        stored = msgspec.json.decode(msgspec.json.encode(release), type=Release)
        self.releases[release.name, release.version] = stored

    async def delete(self, release: Release) -> None:
        """Forget a revision."""
        if self.removals:
            raise self.removals.pop(0)
        self.releases.pop((release.name, release.version), None)

    async def trim(self, name: str, max_history: int) -> None:
        """Make room for one more, but not where the last deployed one is."""
        history = await self.history(name)
        deployed = [release.version for release in history if release.info.status == "deployed"]
        for release in history:
            if 0 < max_history <= len(await self.history(name)) and release.version not in deployed[-1:]:
                await self.delete(release)

    def states(self, name: str = "web") -> list[str]:
        """Return the state of every revision."""
        return [f"v{v} {r.info.status}" for (of, v), r in sorted(self.releases.items()) if of == name]
