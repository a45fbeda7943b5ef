"""`demo`: a tag travels from a registry to a Deployment, on this machine alone, while one looks on."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from image_automation.app import kept_log
from image_automation.cli import output, serving

if TYPE_CHECKING:
    from image_automation.app.demo.playground import Playground
    from image_automation.app.demo.view import View

_KINDS = "imagerepositories,imagepolicies,imageupdateautomations,gitrepositories,kustomizations,deployments"


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running and print how to reach it.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep state in DIR, and go on with what is there, instead of in a temporary folder.",
)
@click.option("--tag", default="1.1.0", show_default=True, help="The tag to push.")
def demo(*, keep: bool, data_dir: Path | None, tag: str) -> None:
    """Watch an image tag travel from a registry to a Deployment.

    Starts a registry, a Git server, the control plane and the service on free ports of this machine.
    """
    from gotk.runtime import logging  # noqa: PLC0415 - heavy imports wait until the options are known to be good
    from image_automation.app.demo import playground  # noqa: PLC0415

    with _folder(data_dir) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        with Path(os.devnull).open("w") as nowhere:  # the terminal belongs to the view
            kept = kept_log.LogFile(kept_log.of(folder / playground.SERVICE))
            logging.configure(level="info", stream=nowhere, keep=kept.write)
            serving.run(_demo(folder, tag, keep=keep))


@contextlib.contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        yield data_dir.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="image-automation-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def _demo(folder: Path, tag: str, *, keep: bool) -> None:
    from image_automation.app import embedded, service  # noqa: PLC0415
    from image_automation.app.demo import playground, scenario, view  # noqa: PLC0415

    shown: view.View = view.Terminal() if output.coloured() else view.Plain()
    try:
        async with serving.stop_on_signals() as stop, playground.open_playground(folder) as ground:
            with shown:
                await scenario.prepare(ground, shown, tag)
                track = await scenario.travel(ground, shown, tag)
            await scenario.settle(ground, tag)
            await _kubectl(ground.kubeconfig, folder)
            shown.line(f"\n✔ {tag} went from the registry to the Deployment in {track.reached[-1].seconds:.2f} s")
            if keep:
                _keep(ground, shown, tag)
                await stop.wait()
    except (scenario.ScenarioError, embedded.EmbeddedError, service.ServiceError) as error:
        output.fail(str(error))


async def _kubectl(kubeconfig: Path, home: Path) -> None:
    """Print the objects with the real kubectl."""
    from image_automation.app.demo import scenario  # noqa: PLC0415

    click.echo(f"\n$ kubectl get {_KINDS} -A")
    sys.stdout.flush()
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", "")}
    process = await asyncio.create_subprocess_exec(
        scenario.kubectl(), "--kubeconfig", str(kubeconfig), "get", _KINDS, "-A", env=environment
    )
    if await process.wait() != 0:
        output.fail("kubectl could not list the objects")


def _next(tag: str) -> str:
    """Return the tag that a user might push next: the one after this, of the policy's 1.x."""
    parts = tag.split(".")
    return f"1.{int(parts[1]) + 1}.0" if len(parts) == 3 and parts[1].isdecimal() and parts[0] == "1" else "1.2.0"


def _keep(ground: "Playground", shown: "View", tag: str) -> None:
    from image_automation.app.demo import scenario  # noqa: PLC0415

    shown.line(
        f"""
It goes on running until you press Ctrl-C.
  export KUBECONFIG={ground.kubeconfig}
  {scenario.kubectl()} get all,fluxcd -A
  {sys.argv[0]} get all -A
  {sys.argv[0]} explain policy web
Push a tag of your own, and look again:
  {sys.argv[0]} tag artifact oci://{ground.image}:{tag} --tag {_next(tag)}
Or push images to http://{ground.registry.address}/v2/, or clone {ground.git.url("apps.git")}
(user demo, password {ground.variables["password"]}).
The service's log is {kept_log.of(ground.kubeconfig.parent)}."""
    )
