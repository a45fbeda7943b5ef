"""What arrives: our kit, built as `install` builds it, or Flux's, as `flux install --export` printed it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import manifests
from deploy.installation import installed, moving, tailoring
from deploy.installation.remembering import Options
from image_automation.cli import output
from image_automation.cli.verbs import install, install_options, version
from image_automation.cli.verbs.bootstrap import files
from image_automation.cli.verbs.moving.options import given

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """An installation that is to come: its objects, what is committed of it, and the controllers of Flux that it is."""

    whose: str
    objects: Sequence[Manifest]
    text: str
    subject: str
    controllers: frozenset[str]
    #: What was decided on the command line, by the names of the flags, and whether tenants are confined.
    decided: frozenset[str] = moving.DECISIONS
    confines: bool = True
    #: The Deployments and accounts that it takes the place of, where it comes beside the rest; else everything goes.
    part: frozenset[str] | None = None

    @property
    def other(self) -> str:
        """Whose installation makes room."""
        return installed.FLUX if self.whose == installed.OURS else installed.OURS


def wanted(to: str, namespace: str, options: dict[str, Any]) -> Kit:
    """Return the kit that flags ask for. Raises Failure."""
    if to == installed.OURS:
        if options["kit"]:
            output.fail("--kit is Flux's: say --to flux, or leave it away")
        return _ours(namespace, options["overlay"], install_options.wishes_of(options))
    if not options["kit"]:
        output.fail(
            "--to flux needs --kit: what `flux install --export` printed, with the options that Flux is to have"
        )
    if strange := given({each.name for each in install_options.WISHES} | {"overlay"}):
        output.fail(f"{strange[0]}: not with --to flux: give it to `flux install --export`")
    return _flux(namespace, options["kit"])


def _ours(namespace: str, overlay: str | None, wishes: Mapping[str, Any]) -> Kit:
    decided = frozenset(wishes) | ({"overlay"} if overlay else set())
    overlay = overlay or "all"
    own, names = version.program(), manifests.OVERLAYS[overlay]
    made = Options(overlay=overlay, wishes=tailoring.Wishes(namespace=namespace, **wishes))
    objects, text = install.kit(made)
    subject = f"Add image-automation {own} component manifests"
    return Kit(
        whose=installed.OURS,
        objects=objects,
        text=files.components(text, own, names),
        subject=subject,
        controllers=names,
        decided=decided,
        confines=overlay == "multi-tenant",
        part=names if overlay == "image" else None,
    )


def _flux(namespace: str, file: Path) -> Kit:
    """Read Flux's kit. Raises Failure where it is none, or one for another namespace."""
    import yaml  # noqa: PLC0415 - heavy imports wait

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        objects = [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]
    except (OSError, UnicodeDecodeError) as error:
        output.fail(f"--kit: {file} cannot be read: {error}")
    except yaml.YAMLError as error:
        output.fail(f"--kit: {file} is no YAML: {' '.join(str(error).split())}")
    return Kit(
        whose=installed.FLUX,
        objects=objects,
        text=text,
        subject="Add Flux component manifests",
        controllers=_checked(objects, namespace, file),
        confines=moving.locks_tenants_in(objects),
    )


def _checked(objects: Sequence[Any], namespace: str, file: Path) -> frozenset[str]:
    """Return the controllers of a kit. Raises Failure where it cannot be one of Flux's for this namespace."""
    advice = f"print one with `flux install --export --namespace {namespace}`"
    for each in objects:
        if not isinstance(each, dict) or not {"apiVersion", "kind", "metadata"} <= each.keys():
            output.fail(f"--kit: {file} holds something that is no object: {advice}")
    runs = [each for each in objects if each["kind"] == "Deployment"]
    names = frozenset(str(each["metadata"]["name"]) for each in runs)
    for required in ("source-controller", "kustomize-controller"):
        if required not in names:
            output.fail(f"--kit: {file} has no Deployment {required}: {advice}")
    if elsewhere := {str(each["metadata"].get("namespace")) for each in runs} - {namespace}:
        output.fail(f"--kit: {file} is for namespace {', '.join(sorted(elsewhere))}, not {namespace}: {advice}")
    return names
