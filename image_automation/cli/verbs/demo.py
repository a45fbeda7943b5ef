"""`demo`: a tag travels from a registry to a Deployment, on this machine alone, while one looks on."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from image_automation.app import kept_log
from image_automation.cli import output, serving

if TYPE_CHECKING:
    from image_automation.app.demo.playground import Playground
    from image_automation.app.demo.story import Story
    from image_automation.app.demo.view import View


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running and print how to reach it.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep state in DIR, and go on with what is there, instead of in a temporary folder.",
)
@click.option("--tag", default="1.1.0", show_default=True, help="The tag to push.")
@click.option(
    "--scenario",
    type=click.Choice(["travel", "rollback"]),
    default="travel",
    show_default=True,
    help="What happens: a tag arrives, or one fails, is taken back, and the next one arrives.",
)
@click.option("--helm", is_flag=True, help="Let a HelmRelease's values carry the tag. Needs the program helm, 3 or 4.")
def demo(*, keep: bool, data_dir: Path | None, tag: str, scenario: str, helm: bool) -> None:
    """Watch an image tag travel from a registry to a Deployment, or fail there and be taken back.

    Starts a registry, a Git server, the control plane and the service on free ports of this machine.
    """
    fails = scenario == "rollback"
    if helm:
        _find_helm()
    from gotk.runtime import logging  # noqa: PLC0415 - heavy imports wait until the options are known to be good
    from image_automation.app.demo import playground, story  # noqa: PLC0415

    told = story.RELEASES if helm else story.MANIFESTS
    with _folder(data_dir) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        with Path(os.devnull).open("w") as nowhere:  # the terminal belongs to the view
            kept = kept_log.LogFile(kept_log.of(folder / playground.SERVICE))
            logging.configure(level="info", stream=nowhere, keep=kept.write)
            serving.run(_demo(folder, tag, told, keep=keep, fails=fails))


def _find_helm() -> str:
    from deploy.source.charts import program  # noqa: PLC0415 - only this story's matter

    if (found := program.find_command()) is None:
        output.fail(f"demo --helm: {program.MISSING}, or leave out --helm")
    return found


@contextlib.contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        yield data_dir.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="image-automation-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def _demo(folder: Path, tag: str, told: "Story", *, keep: bool, fails: bool) -> None:
    from image_automation.app import embedded, service  # noqa: PLC0415
    from image_automation.app.demo import playground, rollback, scenario, view  # noqa: PLC0415

    shown: view.View = view.Terminal() if output.coloured() else view.Plain()
    try:
        async with serving.stop_on_signals() as stop, playground.open_playground(folder, told) as ground:
            with shown:
                if fails:
                    await rollback.prepare(ground, shown, tag)
                    await rollback.fall(ground, shown, tag)
                else:
                    await scenario.prepare(ground, shown, tag)
                track = await scenario.travel(ground, shown, tag)
            await scenario.settle(ground, tag)
            for command in told.commands:
                await _run(command, ground.kubeconfig, folder)
            shown.line(f"\n✔ {tag} went from the registry to the Deployment in {track.arrived:.2f} s")
            if keep:
                _keep(ground, shown, tag)
                await stop.wait()
    except (scenario.ScenarioError, playground.PlaygroundError, embedded.EmbeddedError, service.ServiceError) as error:
        output.fail(str(error))


async def _run(command: Sequence[str], kubeconfig: Path, home: Path) -> None:
    """Run a command that looks at the cluster, in view of the user."""
    click.echo(f"\n$ {' '.join(command)}")
    sys.stdout.flush()
    name, *arguments = command
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "KUBECONFIG": str(kubeconfig)}
    process = await asyncio.create_subprocess_exec(*_program(name), *arguments, env=environment)
    if await process.wait() != 0:
        output.fail(f"{name} could not list the objects")


def _program(name: str) -> Sequence[str]:
    """Return how a program is started: the one that belongs to this installation."""
    from image_automation.app.demo import scenario  # noqa: PLC0415

    if name == "kubectl":
        return [scenario.kubectl()]
    return [_find_helm()] if name == "helm" else [sys.executable, "-m", "image_automation"]


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
  {sys.argv[0]} dashboard
The pages are at {ground.dashboard}, and `dashboard` prints a link that signs you in.
Push a tag of your own, and look again:
  {sys.argv[0]} tag artifact oci://{ground.image}:{tag} --tag {_next(tag)}
Or push images to http://{ground.registry.address}/v2/, or clone {ground.git.url(ground.repository.name)}
(user demo, password {ground.variables["password"]}).
The service's log is {kept_log.of(ground.kubeconfig.parent)}."""
    )
