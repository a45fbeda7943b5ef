"""A proposal as it is shown and written; `init` and the importers share it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from image_automation.cli import checkout, output
from image_automation.cli import cluster as clusters

if TYPE_CHECKING:
    from image_automation.oneshot.introducing import Introduction, Wanted

_CHANGES = 2


def parameters() -> list[click.Parameter]:
    """Return the options that say what is asked, and where the proposal goes."""
    return [
        click.Option(
            ["-n", "--namespace"],
            default="flux-system",
            show_default=True,
            metavar="NAME",
            help="Namespace of the new objects, and of manifests that name none.",
        ),
        click.Option(["--write"], is_flag=True, help="Write the proposal into the checkout; commit it yourself."),
        click.Option(["--no-scan"], is_flag=True, help="Ask no registry: guesses are not checked."),
        click.Option(
            ["--objects"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="The file of new objects.  [default: image-automation.yaml beside flux-system, or in PATH]",
        ),
        click.Option(["--source"], default="", metavar="NAME", help="GitRepository that the automation commits to."),
        click.Option(
            ["--author-email"],
            default="image-automation@localhost",
            show_default=True,
            metavar="EMAIL",
            help="Author of the automation's commits.",
        ),
        checkout.docker_config(),
        checkout.registry_creds(),
        click.Option(
            ["--secret-ref"],
            default="",
            metavar="NAME",
            help="Secret that opens private images, for new ImageRepositories of those that are read with credentials.",
        ),
        *checkout.access_parameters(),
        click.Option(
            ["--timeout"],
            type=clusters.DurationType(),
            default="1m0s",
            show_default=True,
            help="How long all registries together may take.",
        ),
    ]


def wanted(options: dict[str, object]) -> "Wanted":
    """Take the options out of a verb's and return what they ask for."""
    from image_automation.oneshot.introducing import Wanted  # noqa: PLC0415 - heavy imports wait

    objects, timeout = options.pop("objects"), options.pop("timeout")
    return Wanted(
        objects=objects if isinstance(objects, Path) else None,
        source=str(options.pop("source")),
        author=str(options.pop("author_email")),
        scan=not options.pop("no_scan"),
        secret=str(options.pop("secret_ref")),
        timeout=getattr(timeout, "seconds"),  # noqa: B009 - click's options have no types
    )


def tell(made: "Introduction", *, write: bool, scanned: bool, apart: Iterable[str] = ()) -> int:
    """Show a proposal, write it where asked, and return the exit code."""
    from image_automation.cli import diff  # noqa: PLC0415 - loaded when there is something to show
    from image_automation.oneshot import introducing  # noqa: PLC0415 - heavy imports wait

    _policies(made, scanned=scanned)
    for left in made.draft.open:
        place = left.sighting.place
        image = f"{place.image}:{place.tag}" if place.tag else place.image
        output.text(f"? {left.sighting.shown}  {diff.printable(place.owner)}: {diff.printable(image)}: {left.cause}")
    for each in apart:
        output.text(f"? {diff.printable(each)}")
    if not write:
        for path, content in made.edits.items():
            shown = diff.unified(path, made.before.get(path, b""), content, coloured=output.coloured())
            output.text(f"\n{shown}")
    for note in made.notes:
        output.action(note)
    for error in made.errors:
        output.failure(error)
    output.text(f"{'' if write or not made.edits else chr(10)}{_counted(made)}")
    if made.blind:
        images = "the image" if made.asked == 1 else f"any of the {made.asked} images"
        output.failure(f"no registry told the tags of {images}: see the causes above; --no-scan proposes without them")
    if not made.edits:
        return 1 if made.errors or made.blind else 0
    if not write:
        output.action("nothing was written: --write does")
        return 1 if made.errors else _CHANGES
    try:
        introducing.write(made)
    except OSError as error:
        output.fail(f"'{error.filename}': {error.strerror}: nothing was written")
    output.success(f"wrote {_number(len(made.edits), 'file')}: look at `git diff`, commit and push")
    return 1 if made.errors else 0


def _policies(made: "Introduction", *, scanned: bool) -> None:
    for policy in made.draft.policies:
        sign = "=" if policy.spec is None else "+"
        now = f": {policy.tag} -> {policy.latest}" if policy.latest not in {"", policy.tag} else f": {policy.tag}"
        unchecked = "" if scanned else "  (not checked)"
        output.text(f"{sign} {policy.name}  {policy.image}  {policy.how}{now}{unchecked}")
        for place in policy.places:
            output.text(f"    {place.shown}  {place.place.owner}")
    if made.automation:
        output.text(f"+ ImageUpdateAutomation {made.automation}")


def _counted(made: "Introduction") -> str:
    new = sum(policy.spec is not None for policy in made.draft.policies)
    policies = f"{new} new {'policy' if new == 1 else 'policies'}"
    counted = [policies, _number(made.draft.markers, "marker"), f"{made.draft.followed} followed already"]
    return f"Proposal: {', '.join(counted)}, {len(made.draft.open)} undecided."


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
