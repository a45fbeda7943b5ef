"""`diff`: what of a folder is another one elsewhere."""

import click

from image_automation.cli.verbs.artifact import diff as artifacts

diff = click.Group("diff", commands=[artifacts.artifact], help="Compare a folder with an artifact.")
