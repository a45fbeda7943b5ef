"""`init`: a GitOps repository that nobody updates becomes one that is.

Finds the images, guesses a policy for each from the tag in use, holds it against the registry, and proposes objects and
markers as a diff; what it cannot decide it says.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import checkout, output
from image_automation.cli.verbs.adopting import proposed

if TYPE_CHECKING:
    from image_automation.oneshot.introducing import Introduction, Wanted
    from image_automation.oneshot.session import Request


def _init(path: Path, *, namespace: str, write: bool, **options: Any) -> int:
    """Propose what automates the images of a checkout.

    Looks for images below PATH: in pod templates, kustomizations, the values of HelmReleases and charts, compose
    files and JSON patches. Guesses an ImagePolicy from each tag in use, asks the registry whether it chooses one, and
    shows ImageRepositories, ImagePolicies, an ImageUpdateAutomation and the markers as a diff. Nothing else in a file
    changes.

    Exits with 0 when there is nothing to propose or it was written, with 2 when a proposal was only shown, and with 1
    when something could not be read, be it that no registry told the tags of any image.
    """
    wanted = proposed.wanted(options)
    request = checkout.request(path, namespace, {**options, "automations": (), "state": None})
    made = checkout.run(_introduce(request, wanted))
    if not (made.draft.policies or made.draft.open or made.draft.followed or made.errors):
        output.action(f"there is no image below '{path}': name the folder that holds the manifests")
    return proposed.tell(made, write=write, scanned=wanted.scan)


async def _introduce(request: "Request", wanted: "Wanted") -> "Introduction":
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415 - heavy imports wait until the options are known
    from image_automation.oneshot import introducing  # noqa: PLC0415

    return await introducing.introduce(introducing.survey(request), wanted, SystemClock())


init = click.Command(
    "init",
    callback=_init,
    params=[click.Argument(["path"], type=click.Path(path_type=Path), default="."), *proposed.parameters()],
    help=_init.__doc__,
)
