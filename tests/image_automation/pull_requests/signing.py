"""Stand-ins for forges that make real commits in a bare repository, and keep pull requests beside."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pygit2

from gotk.git.objects import commit as commits
from gotk.git.objects import tree
from gotk.git.objects.commit import Person
from gotk.http.exchange import Answer, Request
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins import committing, gitea, github, gitlab
from tests.gotk.forge.standins.committing import Repository
from tests.gotk.forge.standins.standin import Said, StandIn
from tests.image_automation.pull_requests.forging import Forge, Tips

#: Whom GitHub names as the author: whose token it is.
AUTHOR = Person("bot", "1+bot@users.noreply.github.com")


class Branches(Tips):
    """The branches of a bare repository, which the forge moves, too."""

    def get(self, branch: str, default: Any = None) -> Any:
        try:
            return self[branch]
        except KeyError:
            return default

    def __setitem__(self, branch: str, sha: str) -> None:
        pygit2.Repository(str(self._path)).references.create(f"refs/heads/{branch}", sha, force=True)

    def pop(self, branch: str, default: Any = None) -> Any:  # type: ignore[override]
        found = self.get(branch)
        if found is not None:
            pygit2.Repository(str(self._path)).references.delete(f"refs/heads/{branch}")
        return found or default


class Trees(dict[str, Any]):
    """What the commits of a bare repository hold."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __getitem__(self, sha: str) -> dict[str, bytes]:
        repository: Any = pygit2.Repository(str(self._path))
        found = tree.files(repository, repository[sha].tree, "", "it")
        return {each.path: repository[each.blob_id].data for each in found}


class Real(Repository):
    """What is known of the repository is what is in it. `spoil` changes what is written."""

    def __init__(self, path: Path) -> None:
        super().__init__(branches=Branches(path), trees=Trees(path))
        self._path = path
        self.made: list[str] = []
        self.spoil = b""

    def write(self, parent: str, files: dict[str, bytes | None], message: str = "theirs") -> str:
        """Make a commit as the forge does."""
        edits = {path: held + self.spoil for path, held in files.items() if held is not None}
        repository = pygit2.Repository(str(self._path))
        sha = commits.create(
            repository, parent, edits, author=AUTHOR, message=message, when=datetime(2026, 11, 29, 12, 5, tzinfo=UTC)
        )
        self.made.append(sha)
        return sha


class Signing(StandIn):
    """A forge with all that we ask of it. With `dies` the answer to a commit is lost with whoever asked."""

    def __init__(self, facts: Real, pulls: type[StandIn], makes: type[StandIn], commits: str) -> None:
        self.pulls, self.makes = pulls(facts), makes(facts)  # type: ignore[call-arg,arg-type]
        self._commits = re.compile(commits)
        super().__init__(facts, self.pulls.description, self.pulls.prefix)
        self.dies = False

    def answer(self, request: Request) -> Answer:
        commits = self._commits.search(request.url) or b"createCommitOnBranch" in request.body
        answer = (self.makes if commits else self.pulls).answer(request)
        if self.dies and b"createCommitOnBranch" in request.body:
            raise KeyboardInterrupt
        return answer

    def say(self, asked: Asked) -> Said:
        raise AssertionError(asked)


#: Each forge that makes commits: its stand-ins, which addresses are about commits, and where the repository is.
FORGES: dict[str, tuple[type[StandIn], type[StandIn], str, str]] = {
    "github": (github.GitHub, committing.GitHub, "/git/ref", "https://github.com/org/web"),
    "gitlab": (
        gitlab.GitLab,
        committing.GitLab,
        "/repository/(?:branches|files|commits$)",
        "https://gitlab.com/org/web",
    ),
    "gitea": (gitea.Gitea, committing.Gitea, "/(?:contents|branches)(?:/|$)", "https://git.example.com/org/web"),
}


def joined(forge: Forge, kind: str = "github") -> tuple[Real, Signing]:
    """Let a forge make commits."""
    facts = Real(forge.world.remote)
    standin = Signing(facts, *FORGES[kind][:3])
    forge.facts, forge.standin = facts, standin  # type: ignore[assignment]
    return facts, standin
