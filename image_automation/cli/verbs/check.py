"""`check`: whether this machine has what the service needs: Python, the programs, and walls around its children.

Answers to `flux check`: what is looked at behind `►`, what is well behind `✔`, what is not behind `✗`, and exit code 1.
"""

import platform
import shutil
import subprocess

import click

from gotk.sandbox import walls as sandbox
from image_automation.cli import output, walls
from image_automation.cli.verbs import version

_SECONDS = 30.0


@click.command()
def check() -> None:
    """Check that this machine has what the service needs."""
    output.action("checking prerequisites")
    output.success(f"image-automation {version.program()}, Python {platform.python_version()} on {platform.machine()}")
    well = [_kustomize(), _sops(), _helm(), _git(), _walls()]
    if not all(well):
        output.fail("prerequisites checks failed")
    output.success("prerequisites checks passed")


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
