"""`build`: what is made of a folder, printed or packed, and sent nowhere."""

import click

from image_automation.cli.verbs.artifact import build as artifacts
from image_automation.cli.verbs.manifests import kustomization

build = click.Group(
    "build",
    commands={
        "artifact": artifacts.artifact,
        "kustomization": kustomization.build,
        "ks": kustomization.build,
    },
    help="Build what a Kustomization would apply, or an artifact.",
)
