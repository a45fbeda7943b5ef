"""`bootstrap` with a forge: the repository is made where there is none, and its deploy key put there.

Answers to `flux bootstrap github` and its siblings: this run works over https with the token, the cluster over SSH with
a deploy key, or over https too with `--token-auth`. A repository that is there is never changed.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import click

from gotk.forge.hosting import Asking, DeployKey, Wanted
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs.bootstrap import files, reaching, starting
from image_automation.cli.verbs.bootstrap import options as wanted
from image_automation.cli.verbs.bootstrap.reaching import Reach

if TYPE_CHECKING:
    from gotk.forge.repository import Repository
    from gotk.kube import client as kube

_USER = "git"


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
GITLAB = Forge(word="gitlab", name="GitLab", host="gitlab.com", variable="GITLAB_TOKEN", make=_gitlab, nests=True)
GITEA = Forge(word="gitea", name="Gitea", host="gitea.com", variable="GITEA_TOKEN", make=_gitea)
BITBUCKET_SERVER = Forge(
    word="bitbucket-server", name="Bitbucket Server", host="", variable="BITBUCKET_TOKEN", make=_bitbucket_server,
    place=_bitbucket_place, personal="~", named=True,
)  # fmt: skip


def _bootstrap(forge: Forge, options: dict[str, Any]) -> None:
    cluster = clusters.from_options(options)
    owner, name = options["owner"].strip("/"), options["repository"]
    for flag in ("owner", "repository", *(() if forge.host else ("hostname",))):
        if not options[flag]:
            output.fail(f"--{flag} is required")
    if "/" in name or ("/" in owner and not forge.nests):
        output.fail(f'invalid repository id "{owner}/{name}": it is OWNER/NAME at {forge.name}')
    base = forge.base(options["hostname"])
    if urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).hostname:
        output.fail(f"--hostname: '{options['hostname']}' is not the name of a host, or its https URL")
    if options["personal"] and not owner.startswith(forge.personal):
        owner = f"{forge.personal}{owner}"
    clusters.run(_carry_out(forge, cluster, options, (owner, name)))


async def _carry_out(forge: Forge, cluster: clusters.Cluster, options: dict[str, Any], which: tuple[str, str]) -> None:
    from gotk.forge.repository import Repository  # noqa: PLC0415 - heavy imports wait
    from image_automation.cli.verbs.bootstrap import asking  # noqa: PLC0415

    base = forge.base(options["hostname"])
    host = urlsplit(base).netloc
    place = forge.place(base, *which)
    over_ssh = reaching.over_ssh(f"https://{host}/{place.path}", _USER, options["ssh_hostname"])
    sync_url = place.clone if options["token_auth"] else over_ssh
    sync = wanted.sync(options, cluster.namespace, sync_url)
    job = starting.Job(
        cluster=cluster, sync=sync, pen=wanted.pen(options, base), kit=wanted.kit(options, cluster.namespace)
    )
    token = forge.token()
    home = forge.make(Repository(base, "/".join(which)), token)

    async def admit(public: str) -> None:
        title = "-".join(filter(None, (sync.namespace, sync.branch, sync.secret, sync.applied if sync.path else "")))
        key = DeployKey(title=title, public=public, writes=options["read_write_key"])
        if await asking.ask(home.keep_deploy_key(key), host, token):
            output.success(f'configured deploy key "{title}" for "{place.web}"')

    async def reach(client: "kube.Client") -> Reach:
        output.action(f"connecting to {host}")
        made = Wanted(personal=options["personal"], visibility=_visibility(options), branch=sync.branch)
        if await asking.ask(home.keep_repository(made), host, token):
            output.success(f'repository "{place.web}" created')
        return await _reach(client, options, sync, place.clone, token)

    await starting.start(job, reach, admit)


def _visibility(options: dict[str, Any]) -> str:
    chosen = options.get("visibility")
    return str(chosen) if chosen else ("private" if options.get("private", True) else "public")


async def _reach(client: "kube.Client", options: dict[str, Any], sync: files.Sync, clone: str, token: str) -> Reach:
    there = await reaching.secret_on_cluster(client, sync.namespace, sync.secret)
    opened = reaching.token_texts(options, options.get("username") or _USER, token)
    texts: reaching.Texts | None = None
    if there is None:
        texts = opened if options["token_auth"] else await reaching.key_texts(options, sync.url, sync.namespace)
    return Reach(
        url=clone,
        credentials=reaching.credentials(clone, opened, f"{sync.namespace}/{sync.secret}"),
        sync_url=sync.url,
        texts=texts,
        public=(texts or {}).get("identity.pub", ""),
    )


def command(forge: Forge) -> click.Command:
    """Return the command for a forge."""
    visible = (
        click.Option(
            ["--visibility"], type=click.Choice(["private", "internal", "public"]), default="private",
            show_default=True, help="Who sees a repository that is made.",
        )
        if forge.nests
        else click.Option(
            ["--private"], type=bool, is_flag=False, flag_value=True, default=True, show_default=True,
            help="Whether a repository that is made is seen by members alone.",
        )
    )  # fmt: skip
    owner = "Person, or group with its groups above." if forge.nests else "Person or organization."
    owner = "Person, or key of a project." if forge.personal else owner
    named = (flags.text("-u", "--username", summary="Whose token it is.  [default: git]"),) if forge.named else ()
    host = f"Host, or its URL.  [default: {forge.host}]" if forge.host else "Host, or its URL."

    def call(**options: Any) -> None:
        _bootstrap(forge, options)

    return flags.Command(
        forge.word,
        callback=call,
        params=[
            flags.text("--owner", summary=owner),
            flags.text("--repository", summary="Repository; it is made where there is none."),
            flags.switch("--personal", summary="The owner is a person, the one whose token it is."),
            visible,
            flags.text("--hostname", summary=host, metavar="HOST"),
            *named,
            flags.switch("--read-write-key", summary="Let the deploy key write, which image automation needs."),
            *wanted.shared(),
            *clusters.parameters(),
        ],
        help=f"Let a cluster deploy what a repository at {forge.name} holds, itself included. Reads ${forge.variable}.",
    )
