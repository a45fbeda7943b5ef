"""The options of `run` that decide how manifests are applied, and to which clusters."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--default-kubeconfig-service-account",
        default="",
        metavar="NAME",
        help="Service account of kubeConfig ConfigMaps that name none.",
    ),
    click.option(
        "--insecure-kubeconfig-tls",
        is_flag=True,
        help="Let kubeconfigs of Secrets switch the check of the server's certificate off.",
    ),
)


def deploy_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
