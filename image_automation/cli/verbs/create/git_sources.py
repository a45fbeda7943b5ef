"""`create source git`: which repository to fetch, and the Secret with its credentials where flags name them.

Answers to `flux2/cmd/flux/create_source_git.go`, and takes an address on this disk besides, as the embedded mode does.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import credentials, deploy_keys, storing
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference

if TYPE_CHECKING:
    from gotk.kube import client as kube

_SCHEMES = ("ssh", "http", "https")
#: A repository on the disk of a service with the embedded control plane.
_FILE = "file:///"
_PROVIDERS = ("generic", "github", "aws", "azure")
_TITLE = "GitRepository source"


def _spec(asked: Asked) -> Spec:
    if not asked["url"]:
        output.fail("url is required")
    scheme = "file" if asked["url"].startswith(_FILE) else scheme_of(asked["url"])
    ref = _ref(asked)
    if asked["ca_file"] and scheme == "ssh":
        output.fail("specifying a CA file is not supported for Git over SSH")
    provider = asked["provider"]
    if provider is not None and provider not in _PROVIDERS:
        output.fail(f"source Git provider '{provider}' is not supported, must be one of: {'|'.join(_PROVIDERS)}")
    return compact(
        url=asked["url"],
        interval=asked.interval,
        timeout=go(asked["fetch_timeout"]),
        ref=ref,
        secretRef=reference(asked["secret_ref"]),
        proxySecretRef=reference(asked["proxy_secret_ref"]),
        provider=provider,
        recurseSubmodules=asked["recurse_submodules"],
        ignore="\n".join(asked["ignore_paths"]),
        sparseCheckout=list(asked["sparse_checkout_paths"]),
    )


def scheme_of(url: str) -> str:
    """Return the scheme of a Git address, or say which there are."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        output.fail("git URL parse failed: host or port is malformed")
    if scheme not in _SCHEMES:
        output.fail(f"git URL scheme '{scheme}' not supported, can be: ssh, http and https")
    return scheme


def _ref(asked: Asked) -> Spec:
    """Return what to check out: of several the one that the service would heed."""
    if asked["commit"]:
        return compact(commit=asked["commit"], branch=asked["branch"])
    named = (("ref_name", "name"), ("tag_semver", "semver"), ("tag", "tag"), ("branch", "branch"))
    found = next(({field: asked[flag]} for flag, field in named if asked[flag]), None)
    if found is None:
        output.fail(
            "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or --tag-semver"
        )
    return found


async def _prepare(client: "kube.Client", asked: Asked, spec: Spec) -> None:
    """Put the credentials into a Secret of the object's name: those that flags name, and for SSH a key."""
    if asked["secret_ref"] or asked["url"].startswith(_FILE):
        return
    secret = await credentials.for_git(asked)
    if secret is None:
        return
    held = secret["stringData"]
    if "identity.pub" in held:
        output.success(f"collected public key from SSH server:\n{held['known_hosts']}")
        output.generating(f"deploy key: {held['identity.pub']}")
        if not asked["silent"] and not output.confirmed("Have you added the deploy key to your repository"):
            output.fail("aborting")
    output.action("applying secret with repository credentials")
    await storing.merge(client, secret)
    spec["secretRef"] = {"name": asked.name}
    output.success("authentication configured")


def _closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    return fetched(_TITLE, obj)


def fetched(title: str, obj: kinds.Json) -> Sequence[str]:
    """Word the end of a source's reconciliation, or say that it brought nothing."""
    revision = kinds.dig(obj, "status", "artifact", "revision")
    if not revision:
        output.success(f"{title} reconciliation completed")
        output.fail(f"{title} reconciliation completed but no artifact was found")
    return (f"{title} reconciliation completed", f"fetched revision: {revision}")


def fetch_timeout() -> click.Option:
    """Return the flag that every source has."""
    return click.Option(
        ["--fetch-timeout"],
        type=clusters.DurationType(),
        default="0s",
        help="How long a fetch may take; 1m unless given.",
    )


git = command(
    "git",
    Recipe(
        kind=kinds.GIT_REPOSITORY,
        spec=_spec,
        closing=_closing,
        title=_TITLE,
        prepare=_prepare,
        unprinted=("username", "password", "ca_file", "private_key_file"),
        advice="make a Secret with `create secret git`",
    ),
    (
        flags.text("--url", summary="Address, such as ssh://git@host/org/repository.", metavar="URL"),
        flags.text("--branch", summary="Branch.", metavar="BRANCH"),
        flags.text("--tag", summary="Tag.", metavar="TAG"),
        flags.text("--tag-semver", summary="The highest tag of a range of versions.", metavar="RANGE"),
        flags.text("--ref-name", summary="Reference, such as refs/pull/1/head.", metavar="REF"),
        flags.text("--commit", summary="Commit.", metavar="SHA"),
        flags.text("-u", "--username", summary="User for basic authentication."),
        flags.secret("-p", "--password", summary="Password for basic authentication, or of a private key."),
        *deploy_keys.options(),
        flags.switch("-s", "--silent", summary="Do not ask whether the deploy key is in place."),
        flags.text("--secret-ref", summary="Secret that is there, with credentials."),
        flags.text("--proxy-secret-ref", summary="Secret that is there, with a proxy's address."),
        click.Option(["--provider"], metavar="NAME", help=f"Whose identity is used: {', '.join(_PROVIDERS)}."),
        flags.text("--ca-file", summary="Certificate authority of the server.", metavar="FILE"),
        flags.switch("--recurse-submodules", summary="Fetch submodules."),
        flags.listed("--ignore-paths", summary="Paths to leave out.", metavar="PATH"),
        flags.listed("--sparse-checkout-paths", summary="Folders to fetch alone.", metavar="PATH"),
        fetch_timeout(),
    ),
)
