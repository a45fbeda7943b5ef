"""`control-plane`: the embedded Kubernetes API server alone, for `kubectl` and other tools."""

import asyncio
import signal
from pathlib import Path

import click

from image_automation.app import settings
from image_automation.cli import output


@click.command("control-plane")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where objects, certificates and the kubeconfig are kept.  [default: ~/.local/share/image-automation]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0 takes a free one.")
def control_plane(data_dir: Path | None, port: int) -> None:
    """Run the embedded control plane alone. DIR/kubeconfig is there once it answers."""
    asyncio.run(_serve(data_dir or settings.default_data_dir(), port))


async def _serve(data_dir: Path, port: int) -> None:
    from image_automation.app import embedded  # noqa: PLC0415 - heavy, and only this verb needs it

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with embedded.control_plane(data_dir, port=port) as plane:
            output.success(f"the control plane answers at {plane.url}")
            output.action(f"kubectl --kubeconfig {plane.kubeconfig} get ns")
            await stop.wait()
    except embedded.EmbeddedError as error:
        output.fail(str(error))
