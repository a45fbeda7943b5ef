"""`v1`: what an article about the first Flux types behind `fluxctl`, and what a verb that is not here has become.

fluxctl spoke to a daemon in the cluster, which kept one repository; here the objects of the second Flux are read.
"""

from collections.abc import Mapping

import click

from image_automation.cli import flags
from image_automation.cli.verbs.v1 import identity, listing, sync

_BECAME: Mapping[str, str] = {
    "install": "`image-automation install`, then `create source git` and `create kustomization`",
    "release": "commit the tag, or let an ImageUpdateAutomation do so: `create image update`",
    "automate": "`import flux-v1` takes its annotations over; else `create image repository`, `create image policy` and"
    " `create image update`, and a marker in the file",
    "deautomate": "remove the marker from the file, or `suspend image update NAME`",
    "policy": "`create image policy`, whose --select-semver and --filter-regex say which tags are wanted",
    "lock": "`suspend image update NAME` or `suspend kustomization NAME`",
    "unlock": "`resume image update NAME` or `resume kustomization NAME`",
    "save": "`export KIND --all`",
}


class _Verbs(flags.Group):
    """Knows where those verbs went that are not here."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a verb. Raises UsageError, which names what to type instead."""
        if args and args[0] in _BECAME and not ctx.resilient_parsing:
            raise click.UsageError(f"fluxctl's '{args[0]}' is not here: {_BECAME[args[0]]}", ctx)
        return super().resolve_command(ctx, args)


v1 = _Verbs("v1", help="Verbs of fluxctl, for who follows an article about Flux v1.")
for _command in (identity.identity, sync.sync, listing.list_workloads, listing.list_images):
    v1.add_command(_command)
for _alias, _command in (("list-controllers", listing.list_workloads), ("list-controller-images", listing.list_images)):
    v1.add_command(
        flags.Command(_alias, callback=_command.callback, params=_command.params, help=_command.help, hidden=True)
    )
