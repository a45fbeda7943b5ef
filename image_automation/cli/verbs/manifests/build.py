"""`build`: what is made of a folder, printed or packed and sent nowhere."""

import click

from image_automation.cli.verbs.manifests import kustomization

build = click.Group(
    "build",
    commands={"kustomization": kustomization.build, "ks": kustomization.build},
    help="Build what a Kustomization would apply.",
)
