"""The flags that every `bootstrap` has, and what they come to."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs import install, install_options, version
from image_automation.cli.verbs.bootstrap import files, signing
from image_automation.cli.verbs.bootstrap.clone import Pen
from image_automation.cli.verbs.bootstrap.sequence import Kit, KitOf
from image_automation.cli.verbs.create import deploy_keys

if TYPE_CHECKING:
    from gotk.kube import client as kube

_DEFAULT = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
_REQUIRED = ("source-controller", "kustomize-controller")


def shared() -> tuple[click.Parameter, ...]:
    """Return the flags."""
    return (
        flags.text("--branch", summary="Branch.  [default: main]", metavar="BRANCH"),
        flags.text("--path", summary="Folder that the cluster syncs, such as clusters/production.", metavar="FOLDER"),
        click.Option(
            ["--interval"], type=clusters.DurationType(), default="1m0s", show_default=True, help="How often to fetch."
        ),
        flags.listed("--components", metavar="NAMES",
                     summary=f"Flux's names of what must be there, {', '.join(_REQUIRED)} among them: all comes."),
        flags.listed("--components-extra", summary="More of them, such as image-reflector-controller.",
                     metavar="NAMES"),
        flags.text("-v", "--version", "targeted", summary="This program's own version, or a failure.",
                   metavar="VERSION"),
        flags.switch("--force", summary="Go on although Flux's own controllers act on these kinds: take over."),
        flags.switch("--recurse-submodules", summary="Fetch submodules."),
        flags.listed("--sparse-checkout", metavar="FOLDERS",
                     summary="Folders that the cluster fetches alone, that of --path among them."),
        flags.text("--secret-name", summary="Secret that opens the repository.  [default: flux-system]"),
        flags.switch("--token-auth", summary="Let the cluster fetch over https with the token, not with a key."),
        *deploy_keys.options(),
        flags.text("--ssh-hostname", summary="The host's name for SSH, with :PORT perhaps.", metavar="HOST"),
        flags.text("--ca-file", summary="Certificate authority of the server.", metavar="FILE"),
        click.Option(["--author-name"], default="Flux", show_default=True, metavar="NAME", help="Author of commits."),
        flags.text("--author-email", summary="The author's address.  [default: noreply@HOST]", metavar="ADDRESS"),
        flags.text("--commit-message-appendix", summary="Text below each commit's message.", metavar="TEXT"),
        flags.text("--gpg-key-ring", summary="OpenPGP key that signs commits.", metavar="FILE"),
        flags.secret("--gpg-passphrase", summary="What opens it."),
        flags.text("--ssh-signing-key-file", summary="SSH key that signs commits.", metavar="FILE"),
        flags.secret("--ssh-signing-password", "--ssh-signing-passphrase", "ssh_signing_password",
                     summary="What opens it."),
        flags.switch("--ssh-signing-reuse-private-key", summary="Sign with the key of --private-key-file."),
        install_options.RESET,
        install_options.CREDENTIALS,
        *install_options.WISHES,
    )  # fmt: skip


def pen(options: Mapping[str, Any], url: str) -> Pen:
    """Return who commits; without an address of the author's it is one at the repository's host that nobody reads."""
    from gotk.git.objects.commit import Person  # noqa: PLC0415 - heavy imports wait

    author = Person(options["author_name"], options["author_email"] or f"noreply@{urlsplit(url).hostname}")
    return Pen(author=author, sign=signing.signer(options), appendix=options["commit_message_appendix"])


def kit(options: dict[str, Any], namespace: str) -> KitOf:
    """Check what is to be installed; return what builds it for a cluster. Raises Failure for what the kit is not."""
    from deploy import manifests  # noqa: PLC0415 - heavy imports wait

    own = version.program()
    check_version(options["targeted"], own)
    names = tuple(dict.fromkeys((*(options["components"] or _DEFAULT), *options["components_extra"])))
    for required in _REQUIRED:
        if required not in names:
            output.fail(f"component {required} is required")
    known = manifests.OVERLAYS["all"]
    if unknown := [name for name in names if name not in known]:
        output.fail(f"component {unknown[0]} is not available; there are {', '.join(sorted(known))}")
    if options["components"] and (more := known.difference(names)):
        output.warning(f"the kit comes whole: {', '.join(sorted(more))} come with what --components names")
    wishes, force = install_options.wishes_of(options), options["force"]
    asked = install_options.Asked(
        overlay=None, wishes=wishes, reset=options["reset_options"], credentials=options["registry_creds"]
    )

    async def build(client: "kube.Client") -> Kit:
        there = await install.installations(client, namespace)
        made = install_options.settled(asked, there, namespace)
        if made.overlay == "image":  # what syncs has to come as well
            made = made.but("all", {})
        objects, text = install.kit(made)
        return Kit(
            objects=objects,
            text=files.components(text, own, known),
            version=own,
            controllers=known,
            force=force,
            pull_secret=install_options.pull_secret(asked, made),
        )

    return build


def check_version(targeted: str, own: str) -> None:
    """Refuse a version that this program does not bring."""
    if targeted in {"", "latest", own}:
        return
    if not targeted.startswith("v"):
        output.fail(f"targeted version '{targeted}' must be prefixed with 'v'")
    output.fail(f"targeted version '{targeted}' is not in this program, which brings {own}: call that version's")


def sync(options: Mapping[str, Any], namespace: str, url: str) -> files.Sync:
    """Return what the cluster is to sync. Raises Failure."""
    from gotk.git import reference  # noqa: PLC0415 - heavy imports wait

    branch = options["branch"] or "main"
    if not reference.is_branch(branch):
        output.fail(f"--branch: '{branch}' is no name of a branch")
    try:
        path = files.path_of(options["path"])
    except ValueError as error:
        output.fail(f"--path: {error}")
    return files.Sync(
        url=url,
        branch=branch,
        path=path,
        namespace=namespace,
        secret=options["secret_name"] or namespace,
        interval=str(options["interval"]),
        recurse_submodules=options["recurse_submodules"],
        sparse_checkout=_sparse(options["sparse_checkout"], path),
    )


def _sparse(folders: Sequence[str], path: str) -> tuple[str, ...]:
    """Return the folders that are fetched alone. Raises Failure where what is synced is not among them."""
    try:
        wanted = tuple(files.path_of(each) for each in folders)
    except ValueError as error:
        output.fail(f"--sparse-checkout: {error}")
    if wanted and path not in wanted:
        output.fail(f"--sparse-checkout: '{path}', which --path names, is not among {', '.join(folders)}")
    return wanted
