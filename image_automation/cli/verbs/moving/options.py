"""The flags of `migrate --to`, and what they come to."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from deploy import manifests
from deploy.installation import installed
from image_automation.cli import flags, output
from image_automation.cli.verbs import install_options

_PASSWORD = "GIT_PASSWORD"  # noqa: S105 - the variable's name
_OWN = (
    click.Option(
        ["--to"], type=click.Choice([installed.OURS, installed.FLUX]), help="Move the cluster's installation to this."
    ),
    click.Option(
        ["--kit"],
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help="What `flux install --export` printed, or `-` for stdin; with --to flux.",
    ),
    click.Option(["--overlay"], type=click.Choice(sorted(manifests.OVERLAYS)), help="Which kit comes.  [default: all]"),
    flags.switch("--no-push", summary="Leave Git to me: the Kustomization of the installation stays suspended."),
    flags.text("--url", summary="Where to push, instead of the GitRepository's address.", metavar="URL"),
    click.Option(["-u", "--username"], default="git", show_default=True, metavar="NAME", help="Who pushes."),
    flags.secret("-p", "--password", summary=f"Their password or token, also ${_PASSWORD}."),
)
PARAMETERS: tuple[click.Option, ...] = (*_OWN, *install_options.WISHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """How the repository is written: without a password by what the cluster's own Secret holds."""

    push: bool
    url: str
    username: str
    password: str = field(repr=False)


def given(names: Collection[str | None]) -> list[str]:
    """Return those of the flags that stand on the command line, as they are typed."""
    context = click.get_current_context()
    return [
        each.opts[-1]
        for each in PARAMETERS
        if each.name in names and context.get_parameter_source(str(each.name)) is ParameterSource.COMMANDLINE
    ]


def pushing(options: Mapping[str, Any]) -> Pushing:
    """Return how the repository is written. Raises Failure."""
    if options["url"] and not options["url"].startswith(("https://", "http://", "ssh://")):
        output.fail(f"--url: '{options['url']}' is no https or ssh address")
    return Pushing(
        push=not options["no_push"],
        url=options["url"],
        username=options["username"],
        password=options["password"] or os.environ.get(_PASSWORD, ""),
    )
