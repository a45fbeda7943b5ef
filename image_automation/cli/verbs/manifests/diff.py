"""`diff`: what of a folder is another one elsewhere, in an artifact or a cluster."""

import click

from image_automation.cli.verbs.artifact import diff as artifacts
from image_automation.cli.verbs.manifests import kustomization_diff

diff = click.Group(
    "diff",
    commands={
        "artifact": artifacts.artifact,
        "kustomization": kustomization_diff.diff,
        "ks": kustomization_diff.diff,
    },
    help="Compare a folder with an artifact, or with what is in the cluster.",
)
