"""`bootstrap` with a forge: the repository is made where there is none, and its deploy key put there.

Answers to `flux bootstrap github` and its siblings: this run works over https with the token, the cluster over SSH with
a deploy key, or over https too with `--token-auth`. A repository that is there is only changed by `--reconcile`.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from gotk.forge.hosting import DeployKey, DeployToken, Wanted
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs.bootstrap import earlier, files, reaching, sharing, starting
from image_automation.cli.verbs.bootstrap import options as wanted
from image_automation.cli.verbs.bootstrap.forges import Forge, Home
from image_automation.cli.verbs.bootstrap.reaching import Reach

if TYPE_CHECKING:
    from gotk.kube import client as kube

_USER = "git"


def _bootstrap(forge: Forge, options: dict[str, Any]) -> None:
    cluster = clusters.from_options(options)
    owner, name = options["owner"].strip("/"), options["repository"].strip("/")
    if forge.nests and "/" in name:  # groups may stand before the repository as well
        owner, _, name = f"{owner}/{name}".rpartition("/")
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
    if options["teams"] and options["personal"] and not forge.shares_personal:
        output.fail(
            f"--{forge.teams}: a person's repository has no {forge.teams}s at {forge.name}: leave --personal away"
        )
    if options.get("deploy_token_auth") and (options["token_auth"] or options["read_write_key"]):
        output.fail("--deploy-token-auth makes a token that only reads: leave --token-auth and --read-write-key away")
    clusters.run(_carry_out(forge, cluster, options, (owner, name)))


async def _carry_out(forge: Forge, cluster: clusters.Cluster, options: dict[str, Any], which: tuple[str, str]) -> None:
    from gotk.forge.repository import Repository  # noqa: PLC0415 - heavy imports wait
    from image_automation.cli.verbs.bootstrap import asking  # noqa: PLC0415

    base = forge.base(options["hostname"])
    host = urlsplit(base).netloc
    kit, pen = wanted.kit(options, cluster.namespace), wanted.pen(options, base)
    grants = sharing.grants(options["teams"], forge, anew=options["reconcile"])
    wanted.sync(options, cluster.namespace, base)  # what cannot be is said before anybody is asked
    await earlier.fill(cluster, options)
    place = forge.place(base, *which)
    over_ssh = reaching.over_ssh(f"https://{host}/{place.path}", _USER, options["ssh_hostname"])
    over_http = options["token_auth"] or options.get("deploy_token_auth", False)
    sync = wanted.sync(options, cluster.namespace, place.clone if over_http else over_ssh)
    job = starting.Job(cluster=cluster, sync=sync, pen=pen, kit=kit)
    token = forge.token()
    home = forge.make(Repository(base, "/".join(which)), token)
    title = "-".join(filter(None, (sync.namespace, sync.branch, sync.secret, sync.applied if sync.path else "")))

    async def admit(public: str) -> None:
        key = DeployKey(title=title, public=public, writes=options["read_write_key"])
        if await asking.ask(home.keep_deploy_key(key), host, token):
            output.success(f'configured deploy key "{title}" for "{place.web}"')

    async def reach(client: "kube.Client") -> Reach:
        output.action(f"connecting to {host}")
        made = Wanted(personal=options["personal"], visibility=_visibility(options), branch=sync.branch)
        if await asking.ask(home.keep_repository(made), host, token):
            output.success(f'repository "{place.web}" created')
        elif options["reconcile"] and await asking.ask(home.keep_settings(made), host, token):
            output.success(f'repository "{place.web}" reconciled')
        await sharing.share(home, grants, host, token)
        there = await reaching.secret_on_cluster(client, sync.namespace, sync.secret)
        own = await _deploy_token(home, title, host, token) if over_http and there is None and _own(options) else None
        return await _reach(options, sync, place.clone, token, own=own, there=there is not None)

    await starting.start(job, reach, admit)


def _own(options: dict[str, Any]) -> bool:
    return bool(options.get("deploy_token_auth"))


async def _deploy_token(home: Home, title: str, host: str, token: str) -> DeployToken:
    from gotk.forge.gitlab import GitLab  # noqa: PLC0415 - only where it is asked
    from image_automation.cli.verbs.bootstrap import asking  # noqa: PLC0415

    if not isinstance(home, GitLab):
        raise TypeError("deploy tokens are GitLab's alone, and so is the flag")
    made = await asking.ask(home.renew_deploy_token(title), host, token)
    output.success(f'configured deploy token "{title}" for "{home.repository.host}/{home.repository.path}"')
    return made


def _visibility(options: dict[str, Any]) -> str:
    if options["private"] is False:  # at GitLab an older word for the other
        return "public"
    return str(options.get("visibility", "private"))


async def _reach(
    options: dict[str, Any], sync: files.Sync, clone: str, token: str, *, own: DeployToken | None, there: bool
) -> Reach:
    opened = reaching.token_texts(options, options.get("username") or _USER, token)
    texts: reaching.Texts | None = None
    if own is not None:
        texts = reaching.token_texts(options, own.username, own.token)
    elif not there:
        texts = opened if options["token_auth"] else await reaching.key_texts(options, sync.url, sync.namespace)
    return Reach(
        url=clone,
        credentials=reaching.credentials(clone, opened, f"{sync.namespace}/{sync.secret}"),
        sync_url=sync.url,
        texts=texts,
        public=(texts or {}).get("identity.pub", ""),
    )


def _visible(forge: Forge) -> tuple[click.Option, ...]:
    """Return the flags about who sees a repository."""
    choices = click.Choice(["private", "internal", "public"])
    private = click.Option(
        ["--private"], type=bool, is_flag=False, flag_value=True, default=None if forge.nests else True,
        show_default=not forge.nests, hidden=forge.nests,
        help="Whether a repository that is made is seen by members alone.",
    )  # fmt: skip
    if not forge.nests:
        return (private,)
    visibility = click.Option(
        ["--visibility"], type=choices, default="private", show_default=True, help="Who sees a repository that is made."
    )
    token = flags.switch(
        "--deploy-token-auth", summary="Let the cluster fetch with a token of the project's, not a key."
    )
    return (visibility, private, token)


def command(forge: Forge) -> click.Command:
    """Return the command for a forge."""
    owner = "Person, or group with its groups above." if forge.nests else "Person or organization."
    owner = "Person, or key of a project." if forge.personal else owner
    named = (flags.text("-u", "--username", summary="Whose token it is.  [default: git]"),) if forge.named else ()
    host = f"Host, or its URL.  [default: {forge.host}]" if forge.host else "Host, or its URL."
    rights = "" if forge.teams_have_rights else f", and its rights; NAME is NAME:{forge.granted}"

    def call(**options: Any) -> None:
        _bootstrap(forge, options)

    return flags.Command(
        forge.word,
        callback=call,
        params=[
            flags.text("--owner", summary=owner),
            flags.text("--repository", summary="Repository; it is made where there is none."),
            flags.listed(
                f"--{forge.teams}",
                "teams",
                summary=f"{forge.teams.capitalize()} that works in it too{rights}.",
                metavar="NAME[:PERMISSION]",
            ),
            flags.switch("--personal", summary="The owner is a person, the one whose token it is."),
            *_visible(forge),
            flags.switch(
                "--reconcile", summary=f"Set visibility and {forge.teams}s right where there is a repository."
            ),
            flags.text("--hostname", summary=host, metavar="HOST"),
            *named,
            flags.switch("--read-write-key", summary="Let the deploy key write, which image automation needs."),
            *wanted.shared(),
            *clusters.parameters(),
        ],
        help=f"Let a cluster deploy what a repository at {forge.name} holds, itself included. Reads ${forge.variable}.",
    )
