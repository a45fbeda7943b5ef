"""An automation that keeps pull requests at a stand-in for a forge, whose branches are those of a real repository."""

import copy
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pygit2
import yaml

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.forge.hosting import Asking
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.runtime.blocking import Limiter
from image_automation import report
from image_automation.pull_requests.access import Asker, Way
from tests import running
from tests.gotk.forge.standins.facts import Facts, Pull
from tests.gotk.forge.standins.github import GitHub
from tests.image_automation.automating import World, automation, secret

T = TypeVar("T")
WEB = "image-updates/apps/auto/web"


class Tips(dict[str, str]):
    """The branches of a bare repository, as the forge that has it sees them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __getitem__(self, branch: str) -> str:
        return str(pygit2.Repository(str(self._path)).references[f"refs/heads/{branch}"].target)

    def __contains__(self, branch: object) -> bool:
        return f"refs/heads/{branch}" in pygit2.Repository(str(self._path)).references


class Held:
    """Carries conversations out with the stand-in, unless the forge is `down`."""

    def __init__(self, forge: "Forge") -> None:
        self._forge = forge

    async def ask(self, conversation: Asking[T]) -> T:
        if self._forge.down is not None:
            conversation.close()
            raise self._forge.down
        self._forge.refresh()
        found: T = self._forge.standin.hold(conversation)
        return found


class Forge:
    """A forge beside the world's repository, and the automation that proposes there."""

    def __init__(self, folder: Path, **asked: Any) -> None:
        self.world = World(folder)
        self.spec: dict[str, Any] = {}
        self._join()
        self.facts = Facts(branches=Tips(self.world.remote))
        self.standin = GitHub(self.facts)
        self.down: Exception | None = None
        self.obj = self.asking(**asked)
        self.ways: list[Way] = []

    @classmethod
    def beside(cls, other: "Forge") -> "Forge":
        """Return a second instance of the service, with a cluster and a data folder of its own."""
        made = copy.copy(other)
        made.world = copy.copy(other.world)
        made.world.limiter = Limiter(width=2)
        made.world.repositories = Mirrors(other.world.folder / "mirrors-of-another")
        made._join()
        return made

    def _join(self) -> None:
        self.world.store.put(secret("forge", {"token": b"t0k3n"}))
        self.world.connect = self._connect
        self.world.restarted()

    def _connect(self, way: Way) -> Asker:
        self.ways.append(way)
        return Held(self)

    def asking(self, **asked: Any) -> ImageUpdateAutomation:
        """Make the automation with the annotation."""
        settings = {
            "type": "github",
            "address": "https://github.com/org/web",
            "secretRef": {"name": "forge"},
            "per": "policy",
            **asked,
        }
        return annotated(automation(**self.spec), {extensions.PULL_REQUEST: yaml.safe_dump(settings)})

    def refresh(self) -> None:
        """Let open pull requests be at the tips of their branches, as a forge sees to it at each push."""
        for pull in self.facts.pulls:
            if pull.state == "open" and pull.head in self.facts.branches:
                pull.head_sha = self.facts.branches[pull.head]

    async def run(self) -> running.Ended[ImageUpdateAutomation]:
        """Take a turn of the automation, and keep what became of it."""
        ended = await self.world.run(self.obj)
        metadata = msgspec.structs.replace(ended.obj.metadata, annotations=ended.run.annotations)
        self.obj = msgspec.structs.replace(ended.obj, metadata=metadata)
        return ended

    @property
    def recorded(self) -> tuple[report.PullRequest, ...]:
        return report.read(self.obj.metadata.annotations).pull_requests

    @property
    def open(self) -> list[Pull]:
        return [each for each in self.facts.pulls if each.state == "open"]

    def merge(self, pull: Pull) -> None:
        """Merge as a person does: the base moves to the branch, which stays."""
        git = self.world.git()
        tip = self.facts.branches[pull.head]
        git.references["refs/heads/main"].set_target(tip)
        pull.state, pull.merge_commit, pull.head_sha = "merged", tip, tip

    def close(self, pull: Pull, by: str = "ann") -> None:
        pull.state, pull.closed_by = "closed", by

    def commit(self, branch: str, files: dict[str, str]) -> str:
        """Commit to a branch, as somebody else."""
        return seed(self.world.remote, files, message="By hand", branch=branch)


def annotated(obj: ImageUpdateAutomation, annotations: dict[str, str]) -> ImageUpdateAutomation:
    metadata = msgspec.structs.replace(obj.metadata, annotations={**obj.metadata.annotations, **annotations}, uid="u-1")
    return msgspec.structs.replace(obj, metadata=metadata)
