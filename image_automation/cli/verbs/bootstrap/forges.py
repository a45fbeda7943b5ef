"""The forges as the command line knows them: their words, hosts and tokens, and where they keep a repository."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import click

from gotk.forge.hosting import Asking, DeployKey, Grant, Wanted
from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.forge.repository import Repository


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is: as people see it, as Git clones it over https, and by its path over SSH."""

    web: str
    clone: str
    path: str


class Home(Protocol):
    """What a forge is asked here."""

    def keep_repository(self, wanted: Wanted) -> Asking[bool]:
        """Make the repository where there is none."""
        ...

    def keep_settings(self, wanted: Wanted) -> Asking[bool]:
        """Let a repository that is there be seen by whom it should."""
        ...

    def keep_access(self, grant: Grant) -> Asking[bool]:
        """Give a team its rights."""
        ...

    def keep_deploy_key(self, key: DeployKey) -> Asking[bool]:
        """Let a key in, instead of another one of its title."""
        ...


def _github(repository: "Repository", token: str) -> Home:
    from gotk.forge.github import GitHub  # noqa: PLC0415 - only where it is asked

    return GitHub(repository=repository, token=token)


def _gitlab(repository: "Repository", token: str) -> Home:
    from gotk.forge.gitlab import GitLab  # noqa: PLC0415 - only where it is asked

    return GitLab(repository=repository, token=token)


def _gitea(repository: "Repository", token: str) -> Home:
    from gotk.forge.gitea import Gitea  # noqa: PLC0415 - only where it is asked

    return Gitea(repository=repository, token=token)


def _bitbucket_server(repository: "Repository", token: str) -> Home:
    from gotk.forge.bitbucket_server import BitbucketServer  # noqa: PLC0415 - only where it is asked
    from gotk.http.exchange import bearer  # noqa: PLC0415

    return BitbucketServer(address=f"{repository.host}/scm/{repository.path}.git", identity=bearer(token))


def _place(base: str, owner: str, name: str) -> Place:
    return Place(f"{base}/{owner}/{name}", f"{base}/{owner}/{name}.git", f"{owner}/{name}")


def _bitbucket_place(base: str, owner: str, name: str) -> Place:
    shown = f"users/{owner[1:]}" if owner.startswith("~") else f"projects/{owner}"
    return Place(f"{base}/{shown}/repos/{name}", f"{base}/scm/{owner}/{name}.git", f"{owner}/{name}.git")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A forge as the command line knows it."""

    word: str
    name: str
    host: str
    variable: str
    make: "Callable[[Repository, str], Home]"
    #: Whether owners may be groups in groups.
    nests: bool = False
    place: Callable[[str, str, str], Place] = _place
    #: What the name of a person who owns repositories begins with.
    personal: str = ""
    #: Whether Git wants to know whose token it is.
    named: bool = False
    #: Who is given rights there, and which unless that is said.
    teams: str = "team"
    granted: str = "maintain"
    #: Whether rights are the team's own, and whether a person's repository can be shared.
    teams_have_rights: bool = False
    shares_personal: bool = False

    def base(self, hostname: str) -> str:
        """Return the address of the server; https unless the hostname says otherwise."""
        given = hostname or self.host
        return (given if "://" in given else f"https://{given}").rstrip("/")

    def token(self) -> str:
        """Return the token of the environment, or ask for it. Raises Failure."""
        if found := os.environ.get(self.variable, ""):
            return found
        if sys.stdin.isatty():
            question = f"Please enter your {self.name} personal access token (PAT)"
            return str(click.prompt(question, hide_input=True, err=True))
        given = sys.stdin.readline().strip()
        if not given:
            output.fail(f"there is no token: set ${self.variable}, or give it on stdin")
        return given


GITHUB = Forge(word="github", name="GitHub", host="github.com", variable="GITHUB_TOKEN", make=_github)
GITLAB = Forge(
    word="gitlab", name="GitLab", host="gitlab.com", variable="GITLAB_TOKEN", make=_gitlab, nests=True,
    shares_personal=True,
)  # fmt: skip
GITEA = Forge(word="gitea", name="Gitea", host="gitea.com", variable="GITEA_TOKEN", make=_gitea, teams_have_rights=True)
BITBUCKET_SERVER = Forge(
    word="bitbucket-server", name="Bitbucket Server", host="", variable="BITBUCKET_TOKEN", make=_bitbucket_server,
    place=_bitbucket_place, personal="~", named=True, teams="group", granted="push", shares_personal=True,
)  # fmt: skip
ALL = (GITHUB, GITLAB, GITEA, BITBUCKET_SERVER)
