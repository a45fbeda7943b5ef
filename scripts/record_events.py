"""Record which events Flux's source-, kustomize- and image-reflector-controller post.

Run it as `python -m scripts.record_events CRDS [SOURCE KUSTOMIZE REFLECTOR]`: CRDS is a folder with the definitions of
source-controller, which does not start without all its kinds; programs that are not given are looked for on the path.
It writes tests/e2e/upstream_events.json, which ours is compared with.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import yaml

import deploy.crds
from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.e2e import posted_events, posted_image_events, stage

RECORD = pathlib.Path(posted_events.__file__).parent / "upstream_events.json"
PROGRAMS = ("source-controller", "kustomize-controller", "image-reflector-controller")
#: Flux posts after it has written the status.
SETTLE = 2.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.asynccontextmanager
async def running(program: str, kubeconfig: pathlib.Path, home: pathlib.Path, *flags: str) -> AsyncIterator[None]:
    """Run a controller as long as the block lasts."""
    environment = {"KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": "default", "HOME": str(home)}
    with (home / f"{pathlib.Path(program).name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "--metrics-addr=0", f"--health-addr=127.0.0.1:{_free_port()}", *flags,
            env=environment | {"PATH": os.environ["PATH"], "TMPDIR": str(home)}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def missing(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Return the definitions that we do not ship."""
    shipped = {crd["metadata"]["name"] for crd in deploy.crds.load()}
    found = [crd for file in sorted(folder.glob("*.yaml")) for crd in yaml.safe_load_all(file.read_text())]
    return [crd for crd in found if crd["metadata"]["name"] not in shipped]


async def record(definitions: list[dict[str, Any]], steps: posted_events.Steps, programs: list[str]) -> dict[str, Any]:
    """Play a story to the programs."""
    async with contextlib.AsyncExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plane = await stack.enter_async_context(embedded.control_plane(home / "plane"))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        for crd in definitions:
            await client.create_object(crd)
        heard = await stack.enter_async_context(posted_events.listener())
        storage = f"127.0.0.1:{_free_port()}"
        flags = {
            "source-controller": [f"--storage-addr={storage}", f"--storage-adv-addr={storage}"],
            "image-reflector-controller": [],
        }
        for program in programs:
            name = pathlib.Path(program).name
            data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            more = [*flags[name], f"--storage-path={data}"] if name in flags else []
            events = f"--events-addr={heard.url}"
            await stack.enter_async_context(running(program, plane.kubeconfig, home, events, *more))

        async def calm(_: str) -> None:
            await asyncio.sleep(SETTLE)

        up = stage.Stage(client=client, kubeconfig=plane.kubeconfig, home=home)
        told = await posted_events.play(steps, up, home, heard, calm)
        return {"steps": told, "requests": sorted(heard.types)}


async def record_all(definitions: list[dict[str, Any]], source: str, kustomize: str, reflector: str) -> dict[str, Any]:
    """Play both stories."""
    return {
        "deploy": await record(definitions, posted_events.STEPS, [source, kustomize]),
        "images": await record([], posted_image_events.STEPS, [reflector]),
    }


def main() -> None:
    """Record."""
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    programs = sys.argv[2:] or [found for name in PROGRAMS if (found := shutil.which(name))]
    if len(programs) != len(PROGRAMS):
        sys.exit(f"{', '.join(PROGRAMS)} are not all on the path; give each as an argument")
    found = asyncio.run(record_all(missing(pathlib.Path(sys.argv[1])), *programs))
    RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
