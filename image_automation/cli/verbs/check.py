"""`check`: whether this machine and the cluster have what the service needs, and whether what is installed is well.

Answers to `flux check`: what is looked at behind `►`, what is well behind `✔`, what is not behind `✗`, and exit code 1.
Beyond it this machine is looked at: Python, the programs, and walls around children. Where no kubeconfig leads to a
cluster, that is all there is to look at.
"""

import platform
import shutil
import subprocess
from typing import Any

import click

from gotk.sandbox import walls as sandbox
from image_automation.cli import cluster as clusters
from image_automation.cli import output, walls
from image_automation.cli.verbs import version

_SECONDS = 30.0


def _check(*, pre: bool, **options: Any) -> None:
    """Check that this machine and the cluster have what the service needs.

    With --pre nothing that is installed is looked at. Where no kubeconfig leads to a cluster, this machine alone is.
    """
    cluster = clusters.from_options(options)
    output.action("checking prerequisites")
    output.success(f"image-automation {version.program()}, Python {platform.python_version()} on {platform.machine()}")
    well = [_kustomize(), _sops(), _helm(), _git(), _walls()]
    known = clusters.run(cluster.found())
    from image_automation.cli.verbs.look import installed  # noqa: PLC0415 - heavy, and not for `--help`

    if known:
        well.append(clusters.run(installed.prerequisites(cluster)))
    if not all(well):
        output.fail("prerequisites checks failed")
    output.success("prerequisites checks passed")
    if known and not pre:
        if not clusters.run(installed.components(cluster)):
            output.fail("check failed")
        output.success("all checks passed")


def _kustomize() -> bool:
    from deploy.kustomize.building import build  # noqa: PLC0415 - heavy, and only this verb's matter

    try:
        program, *arguments = build.find_command()
    except FileNotFoundError as error:
        output.failure(str(error))
        return False
    told = ("version", "--client") if arguments == ["kustomize"] else ("version",)
    return _runs("kustomize builds", program, *told)


def _sops() -> bool:
    from deploy.kustomize.decryption import sops  # noqa: PLC0415 - heavy, and only this verb's matter

    try:
        program = sops.find_command()
    except FileNotFoundError as error:
        output.failure(str(error))
        return False
    return _runs("decryption", program, "--version", "--disable-version-check")


def _helm() -> bool:
    """Look for helm, which only charts that are packaged here need."""
    from deploy.source.charts import program as helm  # noqa: PLC0415 - heavy, and only this verb's matter

    if (program := helm.find_command()) is None:
        output.warning("helm is not installed: charts in folders and charts with valuesFiles need it, Helm 3 or 4")
        return True
    return _runs("chart packaging", program, "version", "--short")


def _git() -> bool:
    """Look for git, which only client certificates and some proxies need."""
    if (program := shutil.which("git")) is None:
        output.warning("git is not installed: client certificates and proxies of a Git secret need it")
        return True
    return _runs("git", program, "--version")


def _runs(what: str, *command: str) -> bool:
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        output.failure(f"{what}: {command[0]} does not run: {error}")
        return False
    output.success(f"{what}: {command[0]} ({' '.join(said.split())})")
    return True


def _walls() -> bool:
    found = sandbox.inspect()
    if not found.stand:
        output.failure(walls.missing(found))
        return False
    output.success(f"children are confined: {', '.join(found.refused)} (Landlock {found.landlock}, system call filter)")
    return True


check = click.Command(
    "check",
    callback=_check,
    params=[
        click.Option(["--pre"], is_flag=True, help="Check what is needed, and nothing that is installed."),
        *clusters.parameters(),
    ],
    help=_check.__doc__,
)
