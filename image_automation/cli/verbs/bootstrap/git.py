"""`bootstrap git`: with any Git server, over https, or over SSH with a key that the user lets in.

Answers to `flux bootstrap git`.
"""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs.bootstrap import earlier, reaching, starting
from image_automation.cli.verbs.bootstrap import options as wanted
from image_automation.cli.verbs.bootstrap.reaching import Reach
from image_automation.cli.verbs.create.git_sources import scheme_of

if TYPE_CHECKING:
    from gotk.kube import client as kube

_PASSWORD = "GIT_PASSWORD"  # noqa: S105 - the variable's name


def _bootstrap(**options: Any) -> None:
    """Let a cluster deploy what a Git repository holds, itself included."""
    cluster = clusters.from_options(options)
    options["password"] = options["password"] or os.environ.get(_PASSWORD, "")
    _check(options)
    clusters.run(_carry_out(cluster, options))


def _check(options: dict[str, Any]) -> None:
    if not options["url"]:
        output.fail("url is required")
    scheme = scheme_of(options["url"])
    if scheme == "http" and not options["allow_insecure_http"]:
        output.fail("scheme http is insecure: use https or ssh, or say --allow-insecure-http")
    if scheme == "ssh" and options["token_auth"]:
        output.fail("--token-auth needs an https URL")
    if options["with_bearer_token"] and not options["token_auth"]:
        output.fail("--with-bearer-token needs --token-auth")


async def _carry_out(cluster: clusters.Cluster, options: dict[str, Any]) -> None:
    kit = wanted.kit(options, cluster.namespace)
    wanted.sync(options, cluster.namespace, options["url"])  # what cannot be is said before anybody is asked
    pen = wanted.pen(options, options["url"])
    await earlier.fill(cluster, options)
    url = reaching.without_user(options["url"]) if scheme_of(options["url"]) != "ssh" else options["url"]
    token = options["token_auth"]
    sync_url = url if token else reaching.over_ssh(options["url"], options["username"], options["ssh_hostname"])
    sync = wanted.sync(options, cluster.namespace, sync_url)
    job = starting.Job(cluster=cluster, sync=sync, pen=pen, kit=kit)

    async def reach(client: "kube.Client") -> Reach:
        return await _reach(client, options, sync_url, cluster.namespace, sync.secret)

    await starting.start(job, reach, _admitted)


async def _admitted(public: str) -> None:
    """Nothing is left to do: the user was asked before the clone."""
    del public


async def _reach(client: "kube.Client", options: dict[str, Any], sync_url: str, namespace: str, secret: str) -> Reach:
    """Find out how the repository is reached; a new key is shown to the user, who lets it in."""
    place = f"{namespace}/{secret}"
    there = await reaching.secret_on_cluster(client, namespace, secret)
    over_http = urlsplit(options["url"]).scheme != "ssh"
    texts: reaching.Texts | None = None
    public = ""
    if there is None:
        if options["token_auth"] and not options["password"]:
            output.fail(f"--token-auth needs --password, or ${_PASSWORD}: there is no Secret {place} yet")
        texts = (
            reaching.token_texts(options, options["username"], options["password"])
            if options["token_auth"]
            else await reaching.key_texts(options, sync_url, namespace)
        )
        public = texts.get("identity.pub", "")
        if public and not options["private_key_file"]:
            _ask(public, silent=options["silent"])
            public = ""
    held = there if there is not None else texts or {}
    if over_http and (options["password"] or not options["token_auth"]):
        held = reaching.token_texts(options, options["username"], options["password"])
    url = reaching.without_user(options["url"]) if over_http else sync_url
    return Reach(
        url=url,
        credentials=reaching.credentials(url, held, place),
        sync_url=sync_url,
        texts=texts,
        public=public,
    )


def _ask(public: str, *, silent: bool) -> None:
    """Show a new key; without a word of the user's nothing goes on, for it may not be let in yet."""
    output.success(f"public key: {public.strip()}")
    if not silent and not output.confirmed("Please give the key access to your repository (write access); done"):
        output.fail("aborting")


git = flags.Command(
    "git",
    callback=_bootstrap,
    params=[
        flags.text("--url", summary="Address, such as ssh://git@host/org/repository.", metavar="URL"),
        click.Option(["-u", "--username"], default="git", show_default=True, metavar="NAME", help="User."),
        flags.secret("-p", "--password", summary=f"Password or token, also ${_PASSWORD}; opens --private-key-file."),
        flags.switch("-s", "--silent", summary="Do not ask whether the deploy key is in place."),
        flags.switch("--allow-insecure-http", summary="Let an http URL be."),
        flags.switch("--with-bearer-token", summary="Send the password as a bearer token."),
        *wanted.shared(),
        *clusters.parameters(),
    ],
    help=_bootstrap.__doc__,
)
