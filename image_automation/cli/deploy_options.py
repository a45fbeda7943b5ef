"""The options of `run` that decide how manifests are decrypted and applied, and to which clusters."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from gotk import selectors
from image_automation.cli import gates, output
from image_automation.cli.cluster import DurationType

#: A host of a remote base: a name or an address, with no scheme, port or path.
_HOST = re.compile(r"[a-z0-9.-]{1,253}", re.ASCII)

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--default-decryption-service-account",
        default="",
        metavar="NAME",
        help="Service account that key services are asked for, of Kustomizations that name none.",
    ),
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
    click.option(
        "--concurrent-ssa",
        type=click.IntRange(1, 1000),
        default=4,
        show_default=True,
        help="Objects of a Kustomization that are applied at once.",
    ),
    click.option(
        "--http-retry",
        type=click.IntRange(0, 100),
        default=9,
        show_default=True,
        help="Ask a source's server that is in trouble for its artifact again so many times in a run.",
    ),
    click.option(
        "--http-timeout",
        type=DurationType(),
        default="30s",
        show_default=True,
        help="Wait so long for an answer with a chart's artifact, twice in a run.",
    ),
    click.option(
        "--override-manager",
        "--disallowed-field-managers",
        "override_managers",
        multiple=True,
        metavar="NAME",
        help="Undo what this field manager sets on applied objects, as with kubectl; repeat it for several.",
    ),
    click.option(
        "--custom-apply-stage-kinds",
        default="",
        metavar="KINDS",
        help="Apply these kinds before the rest, as group/Kind or Kind, separated by commas.",
    ),
    click.option(
        "--watch-configs-label-selector",
        "watch_configs_selector",
        default="reconcile.fluxcd.io/watch=Enabled",
        show_default=True,
        metavar="SELECTOR",
        help="ConfigMaps and Secrets with these labels wake the Kustomizations that read them.",
    ),
    click.option(
        "--strict-fields",
        is_flag=True,
        help="Fail where a built-in kind has no such field, instead of leaving it out as Flux does.",
    ),
    click.option(
        "--remote-bases",
        default="",
        metavar="HOSTS",
        help="Fetch remote bases from these hosts, separated by commas; no object's credentials go there.",
    ),
    click.option(
        "--remote-bases-known-hosts",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Fetch remote bases over SSH from servers whose keys are in this known_hosts file.",
    ),
    click.option(
        "--remote-bases-identity",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Private key for remote bases over SSH, which every Kustomization may then fetch with.",
    ),
    click.option("--no-remote-bases", is_flag=True, help="Fetch no remote bases: the default, and as in Flux."),
    click.option(
        "--sops-age-secret",
        default="",
        metavar="NAME",
        help="Secret of RUNTIME_NAMESPACE with age keys for Kustomizations that decrypt and name no Secret.",
    ),
    click.option(
        "--sops-vault-configmap",
        default="",
        metavar="NAME",
        help="ConfigMap of RUNTIME_NAMESPACE with the Vault servers that service accounts may log in to.",
    ),
)


def read(options: dict[str, Any]) -> dict[str, Any]:
    """Take what needs reading apart."""
    kinds = (each.strip() for each in options.pop("custom_apply_stage_kinds").split(",") if each.strip())
    pairs = (each.partition("/") for each in kinds)
    try:
        selectors.parse_labels(options["watch_configs_selector"])
    except ValueError as error:
        output.fail(f"--watch-configs-label-selector: {error}")
    stages = frozenset((group, kind) if kind else ("", group) for group, _, kind in pairs)
    return {"custom_apply_stage_kinds": stages, "remote_bases": _hosts(options)}


def check_keys(options: Mapping[str, Any]) -> None:
    """Check the files for remote bases over SSH. Raises Failure, which names flag and file."""
    from deploy.kustomize.building.bases import remote, ssh  # noqa: PLC0415 - heavy imports wait

    known_hosts, identity = options["remote_bases_known_hosts"], options["remote_bases_identity"]
    if identity is not None and known_hosts is None:
        output.fail(f"{ssh.IDENTITY}: a key is for servers that are known, name their keys with {ssh.KNOWN_HOSTS}")
    try:
        ssh.Keys(known_hosts, identity).credentials()
    except remote.FetchError as error:
        output.fail(str(error))


def _hosts(options: dict[str, Any]) -> frozenset[str]:
    """Return the hosts that remote bases are fetched from."""
    hosts = gates.words(options["remote_bases"])
    if options["remote_bases_known_hosts"] or options["remote_bases_identity"]:
        check_keys(options)
    if options.pop("no_remote_bases") and hosts:
        output.fail("--remote-bases and --no-remote-bases: give one of them")
    if wrong := sorted(host for host in hosts if not _HOST.fullmatch(host)):
        output.fail(f"--remote-bases: '{wrong[0]}' is no host, give names such as github.com")
    return hosts


def deploy_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
