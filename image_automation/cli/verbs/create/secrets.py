"""`create secret …`: Secrets with the keys that the service, and Flux, look for.

Answers to `flux2/cmd/flux/create_secret_*.go`. `sops` is ours: the keys that manifests are decrypted with. What a flag
holds is never said; printed is it with `--export` alone, for that is what was asked for.
"""

import hashlib
import secrets
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import credentials, git_secrets, notation, recipe, storing
from image_automation.cli.verbs.create.credentials import Manifest
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.notifications import receiver_type
from image_automation.cli.verbs.create.recipe import Asked, compact

_WEBHOOK = "notification.toolkit.fluxcd.io/webhook"
Builder = Callable[[Asked], Awaitable[Manifest]]


def _command(word: str, summary: str, build: Builder, options: Sequence[click.Parameter]) -> click.Command:
    def call(*, names: tuple[str, ...], export: bool, labels: tuple[str, ...], **rest: Any) -> None:
        cluster, asked = recipe.asked_for(names, labels, rest)
        what = "notation configuration" if word == "notation" else word
        clusters.run(_make(cluster, asked, build, what=what, export=export))

    parameters = [*recipe.shared(options, repeats=False), *clusters.parameters()]
    return flags.Command(word, callback=call, params=parameters, help=f"Create or update {summary}, or print it.")


async def _make(cluster: clusters.Cluster, asked: Asked, build: Builder, *, what: str, export: bool) -> None:
    secret = await build(asked)
    if export:
        recipe.show(secret)
        return
    if public := secret["stringData"].get("identity.pub"):
        output.generating(f"deploy key: {public}")
    async with cluster.connect() as client:
        stored = await storing.merge(client, secret)
    output.action(f"{what} secret '{asked.name}' {stored.verb} in '{asked.namespace}' namespace")


async def _helm(asked: Asked) -> Manifest:
    files = _files(asked)
    made = credentials.for_helm(asked, files)
    if made is None:
        output.fail("credentials are required: --username and --password, a certificate with its key, or --ca-crt-file")
    return made


def _files(asked: Asked) -> credentials.Files:
    return credentials.Files(
        certificate=asked["tls_crt_file"],
        key=asked["tls_key_file"],
        authority=asked["ca_crt_file"],
        flags="--tls-crt-file and --tls-key-file",
    )


async def _tls(asked: Asked) -> Manifest:
    texts = _files(asked).texts()
    if not texts:
        output.fail("a certificate is required: --tls-crt-file and --tls-key-file, or --ca-crt-file, or both")
    return credentials.secret(asked, texts, type_="kubernetes.io/tls" if "tls.crt" in texts else "Opaque")


async def _oci(asked: Asked) -> Manifest:
    from gotk.oci import name  # noqa: PLC0415 - only needed when something is made

    for flag in ("url", "username", "password"):
        if not asked[flag]:
            output.fail(f"--{flag} is required")
    try:
        name.parse(asked["url"])
    except name.InvalidName as error:
        output.fail(f"error parsing url: '{error}'")
    text = credentials.docker_config(asked["url"], asked["username"], asked["password"])
    return credentials.secret(asked, {credentials.DOCKER_KEY: text}, type_=credentials.DOCKER_TYPE)


async def _proxy(asked: Asked) -> Manifest:
    if not asked["address"]:
        output.fail("address is required")
    texts = compact(address=asked["address"], username=asked["username"], password=asked["password"])
    return credentials.secret(asked, texts, type_="Opaque")


async def _receiver(asked: Asked) -> Manifest:
    for flag in ("type", "hostname"):
        if not asked[flag]:
            output.fail(f"--{flag} is required")
    texts = {"token": asked["token"] or secrets.token_hex(32)}
    digest = hashlib.sha256(f"{texts['token']}{asked.name}{asked.namespace}".encode()).hexdigest()
    url = kinds.receiver_url(asked["hostname"], f"/hook/{digest}")
    if receiver_type(asked["type"]) == "gcr":
        if not asked["email_claim"]:
            output.fail("--email-claim is required for gcr receiver type")
        texts |= {"email": asked["email_claim"], "audience": asked["audience_claim"] or url}
    elif asked["email_claim"] or asked["audience_claim"]:
        output.fail("--email-claim and --audience-claim are for --type=gcr")
    made = credentials.secret(asked, texts)
    made["metadata"]["annotations"] = {_WEBHOOK: url}
    return made


async def _sops(asked: Asked) -> Manifest:
    texts = {}
    for flag, ending in (("age_key_file", "agekey"), ("gpg_key_file", "asc")):
        for path in asked[flag]:
            key = read(path, "key file")
            if not key.strip():
                output.fail(f"{path} is empty")
            texts[f"{zlib.adler32(key.encode())}.{ending}"] = key
    if not texts:
        output.fail("a key is required: --age-key-file or --gpg-key-file")
    return credentials.secret(asked, texts, type_="Opaque")


_USER = flags.text("-u", "--username", summary="User.")
_PASSWORD = flags.secret("-p", "--password", summary="Password.")
_TLS = (
    flags.text(
        "--tls-crt-file", "--cert-file", "tls_crt_file", summary="Certificate to identify with.", metavar="FILE"
    ),
    flags.text("--tls-key-file", "--key-file", "tls_key_file", summary="Its key.", metavar="FILE"),
    flags.text(
        "--ca-crt-file", "--ca-file", "ca_crt_file", summary="Certificate authority of the server.", metavar="FILE"
    ),
)


def group() -> click.Group:
    """Return the commands of `create secret`."""
    made = (
        _command("git", "a Secret for a Git repository", git_secrets.git, git_secrets.GIT),
        _command("githubapp", "a Secret with a GitHub App", git_secrets.github_app, git_secrets.GITHUB_APP),
        _command("helm", "a Secret for a Helm repository", _helm, (_USER, _PASSWORD, *_TLS)),
        _command("tls", "a Secret with TLS certificates", _tls, _TLS),
        _command(
            "oci",
            "a Secret that pulls images and artifacts",
            _oci,
            (flags.text("--url", summary="Registry, such as ghcr.io.", metavar="HOST"), _USER, _PASSWORD),
        ),
        _command(
            "proxy",
            "a Secret with a proxy",
            _proxy,
            (flags.text("--address", summary="Address of the proxy.", metavar="URL"), _USER, _PASSWORD),
        ),
        _command("notation", "a Secret for signatures of notation", notation.secret, notation.OPTIONS),
        _command(
            "receiver",
            "a Secret for a Receiver of the same name",
            _receiver,
            (
                flags.text("--type", summary="Who calls, such as github or harbor.", metavar="TYPE"),
                flags.secret("--token", summary="Token; a new one unless given."),
                flags.text("--hostname", summary="What the world calls this service.", metavar="HOST"),
                flags.text("--email-claim", summary="Service account that calls, for gcr.", metavar="ADDRESS"),
                flags.text("--audience-claim", summary="Audience of its tokens; the webhook's URL unless given."),
            ),
        ),
        _command(
            "sops",
            "a Secret with keys for decryption",
            _sops,
            (
                flags.listed("--age-key-file", summary="Private key of age.", metavar="FILE"),
                flags.listed("--gpg-key-file", summary="Private key of OpenPGP, armored.", metavar="FILE"),
            ),
        ),
    )
    return flags.Group("secret", help="Secrets.", commands=list(made))
