"""`control-plane`: the embedded Kubernetes API server alone, for `kubectl` and other tools; and care for its data."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.app import settings
from image_automation.cli import output, serving
from image_automation.cli.plane_options import features, plane_options

if TYPE_CHECKING:
    from gotk.apiserver import backup as backups
    from image_automation.app.embedded import Features

_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where objects, certificates and the kubeconfig are kept.  [default: ~/.local/share/image-automation]",
)


@click.group("control-plane", invoke_without_command=True)
@_data_dir
@plane_options
@click.pass_context
def control_plane(context: click.Context, /, *, data_dir: Path | None, **options: Any) -> None:
    """Run the embedded control plane alone. DIR/kubeconfig is there once it answers."""
    directory = data_dir or settings.default_data_dir()
    if context.invoked_subcommand is not None:
        context.obj = directory
        return
    serving.run(_serve(directory, features(options)))


async def _serve(data_dir: Path, decided: "Features") -> None:
    from image_automation.app import embedded  # noqa: PLC0415 - heavy, and only this verb needs it

    try:
        async with serving.stop_on_signals() as stop, embedded.control_plane(data_dir, decided) as plane:
            output.success(f"the control plane answers at {plane.url}")
            output.action(f"kubectl --kubeconfig {plane.kubeconfig} get ns")
            await stop.wait()
    except embedded.EmbeddedError as error:
        output.fail(str(error))


@control_plane.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_data_dir
@click.pass_obj
def backup(directory: Path, *, file: Path, data_dir: Path | None) -> None:
    """Write objects, keys and token into FILE, also while the control plane runs. FILE is as secret as DIR."""
    from gotk.apiserver import backup as backups  # noqa: PLC0415

    report = _do(lambda: backups.save(data_dir or directory, file.absolute()))
    output.success(f"{file}: {report.objects} objects at revision {report.revision}, {_size(report.after)}")


@control_plane.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--force", is_flag=True, help="Replace what is in DIR; it stays there as *.replaced.")
@_data_dir
@click.pass_obj
def restore(directory: Path, *, file: Path, force: bool, data_dir: Path | None) -> None:
    """Put the backup FILE into DIR, which must be empty, or not in use and --force given."""
    from gotk.apiserver import backup as backups  # noqa: PLC0415

    place = data_dir or directory
    report = _do(lambda: backups.restore(place, file, force=force))
    output.success(f"{place}: {report.objects} objects, going on at revision {report.revision}")


@control_plane.command()
@_data_dir
@click.pass_obj
def compact(directory: Path, *, data_dir: Path | None) -> None:
    """Give unused space back to the disk. The control plane must not run."""
    from gotk.apiserver import backup as backups  # noqa: PLC0415

    place = data_dir or directory
    report = _do(lambda: backups.compact(place))
    output.success(
        f"{place}: {_size(report.before)} before, {_size(report.after)} after, "
        f"{_size(max(0, report.before - report.after))} given back, {report.objects} objects"
    )


def _do(work: "Callable[[], backups.Report]") -> "backups.Report":
    from gotk.apiserver import StoreError  # noqa: PLC0415

    try:
        return work()
    except StoreError as error:
        output.fail(str(error))


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB" if count >= 1024 * 1024 else f"{count / 1024:.1f} KiB"
