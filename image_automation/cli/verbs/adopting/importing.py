"""`import`: take over from another updater.

What its annotations or labels say becomes policies and markers, shown as `init` shows them; what means nothing here, or
something else, is printed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import checkout, output
from image_automation.cli.verbs.adopting import proposed

if TYPE_CHECKING:
    from image_automation.oneshot.introducing import Introduction, Wanted
    from image_automation.oneshot.session import Request

_READ = {
    "argocd-image-updater": "the annotations of Argo CD's Applications, and ImageUpdaters",
    "fleet": "imageScans of Fleet's bundles",
    "flux-v1": "the annotations of Flux v1 and its Helm Operator",
    "keel": "Keel's annotations and labels of workloads",
    "renovate": "Renovate's configuration, for images in manifests",
    "watchtower": "Watchtower's labels of compose services",
}


def _command(source: str, read: str) -> click.Command:
    def callback(path: Path, *, namespace: str, write: bool, **options: Any) -> int:
        wanted = proposed.wanted(options)
        request = checkout.request(path, namespace, {**options, "automations": (), "state": None})
        made, apart = checkout.run(_import(request, wanted, source))
        return proposed.tell(made, write=write, scanned=wanted.scan, apart=apart)

    return click.Command(
        source,
        callback=callback,
        params=[click.Argument(["path"], type=click.Path(path_type=Path), default="."), *proposed.parameters()],
        short_help=f"Read {read}.",
        help=f"Propose policies and markers from {read}.\n\nExits as `init` does.",
    )


async def _import(request: "Request", wanted: "Wanted", source: str) -> tuple["Introduction", list[str]]:
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415 - heavy imports wait until the options are known
    from image_automation.oneshot import introducing  # noqa: PLC0415
    from image_automation.proposing.importing import readers  # noqa: PLC0415

    reader = readers.READERS[source]
    surveyed = introducing.survey(request, reader.also)
    sightings = [each for file in surveyed.files for each in file.sightings]
    found = reader.read(surveyed.contents, sightings)
    if not found.decided and not found.apart:
        output.fail(
            f"nothing below '{request.path}' is meant for {source}: `image-automation init` looks at all images"
        )
    made = await introducing.introduce(surveyed, wanted, SystemClock(), found)
    return made, found.apart


import_ = click.Group(
    "import",
    commands=[_command(source, read) for source, read in _READ.items()],
    help="Take over from another updater: propose policies and markers from what it was told.",
)
