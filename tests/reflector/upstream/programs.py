"""The two programs that scenes are played to: ours in this process, and Flux's image-reflector-controller."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from gotk.kube import config
from image_automation.app import service
from image_automation.app.settings import Settings
from tests.reflector.upstream.player import Ground
from tests.registries import free_port


@contextlib.asynccontextmanager
async def ours(ground: Ground, folder: Path) -> AsyncIterator[None]:
    """Run our two controllers on the ground as long as the block lasts."""
    address = await config.from_kubeconfig([ground.kubeconfig])
    settings = Settings(
        data_dir=folder / "ours", controllers=frozenset({"imagerepository", "imagepolicy"}),
        storage_addr="127.0.0.1:0", metrics_addr="0", health_addr="0", events_addr=ground.events_addr,
        min_retry_delay=0.2, max_retry_delay=60.0, grace=1.0,
    )  # fmt: skip
    async with service.beside(settings, address):
        yield


@contextlib.asynccontextmanager
async def flux(program: str, ground: Ground, folder: Path) -> AsyncIterator[None]:
    """Run image-reflector-controller on the ground as long as the block lasts."""
    flags = {
        "events-addr": ground.events_addr, "health-addr": f"127.0.0.1:{free_port()}", "metrics-addr": "0",
        "storage-path": str(folder / "tags"), "concurrent": "40", "kube-api-qps": "500", "kube-api-burst": "1000",
    }  # fmt: skip
    with (folder / "program.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *(f"--{name}={value}" for name, value in flags.items()), stdout=log, stderr=log,
            env={**os.environ, "KUBECONFIG": str(ground.kubeconfig), "RUNTIME_NAMESPACE": "default"},
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            await process.wait()
