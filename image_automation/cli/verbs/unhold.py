"""`unhold`: lets an update through that an automation holds back because a person took it back.

Writes an annotation that names the commits which are forgiven, so that nothing but Git and the object has to remember.
"""

from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output


def _unhold(name: str, paths: tuple[str, ...], **options: Any) -> None:
    """Let the updates through that an ImageUpdateAutomation holds back.

    NAME is the automation's. With PATHs (files of the repository) only what is held there is let through.
    """
    cluster = clusters.from_options(options)
    clusters.run(_release(cluster, name, paths))


async def _release(cluster: clusters.Cluster, name: str, paths: tuple[str, ...]) -> None:
    from gotk.api import extensions  # noqa: PLC0415 - heavy imports wait
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415
    from gotk.api.meta import REQUESTED_AT  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock, rfc3339  # noqa: PLC0415
    from image_automation.writing import rollback_guard  # noqa: PLC0415

    async with cluster.connect() as client:
        obj = await client.get(ImageUpdateAutomation, cluster.namespace, name)
        condition = next((c for c in obj.status.conditions if c.type == extensions.UPDATES_HELD), None)
        held = sorted(set(rollback_guard.described(condition.message))) if condition else []
        chosen = [(path, commit) for path, commit in held if not paths or path in paths]
        if missing := sorted(set(paths) - {path for path, _ in held}):
            output.fail(f"nothing is held in {', '.join(missing)}")
        if not chosen:
            output.success(f"image update {name} holds nothing back")
            return
        before = obj.metadata.annotations.get(extensions.UNHOLD, "")
        annotations = {
            extensions.UNHOLD: rollback_guard.forgiving(before, chosen, whole=not paths),
            REQUESTED_AT: rfc3339(SystemClock().now()),
        }
        await client.merge_patch(
            ImageUpdateAutomation, cluster.namespace, name, {"metadata": {"annotations": annotations}}
        )
        for path, commit in chosen:
            output.success(f"{path}: what commit {commit} took back may come again")


unhold = click.Command(
    "unhold",
    callback=_unhold,
    params=[
        click.Argument(["name"]),
        click.Argument(["paths"], nargs=-1, metavar="[PATH]..."),
        *clusters.parameters(),
    ],
    help=_unhold.__doc__,
)
