"""`create`: the verb with its nouns."""

import click

from image_automation.cli import flags
from image_automation.cli.verbs.create import (
    charts,
    git_sources,
    images,
    kustomizations,
    notifications,
    releases,
    secrets,
    sources,
    tenants,
)

_sources = flags.Group(
    "source",
    help="Sources.",
    commands=[git_sources.git, sources.oci, charts.helm, charts.chart, sources.bucket],
)

create = flags.Group(
    "create",
    help="Create or update objects, or print them for a repository.",
    commands=[
        _sources,
        images.group(),
        kustomizations.kustomization,
        notifications.alert,
        notifications.alert_provider,
        notifications.receiver,
        releases.helmrelease,
        secrets.group(),
        tenants.tenant,
    ],
)


def _alias(group: click.Group, original: str, *others: str) -> None:
    """Let a noun be said otherwise, as flux does."""
    made = group.commands[original]
    for other in others:
        hidden = type(made)(other, callback=made.callback, params=made.params, help=made.help, hidden=True)
        group.add_command(hidden)


_alias(create, "helmrelease", "hr")
_alias(create, "kustomization", "ks")
