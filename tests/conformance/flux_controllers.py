"""The real source-controller and kustomize-controller: those in the folder that FLUX_CONTROLLERS names.

Where it is set the programs have been promised, and their tests fail without them; else they are skipped.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.real import child

_PROMISED = os.environ.get("FLUX_CONTROLLERS")

#: The mark of tests that need them.
needed = pytest.mark.skipif(not _PROMISED, reason="FLUX_CONTROLLERS names no folder with Flux's controllers")


def _prepared(name: str, kubeconfig: Path, home: Path) -> tuple[Path, Mapping[str, str]]:
    """Make a controller's home; return where the program is, and its environment."""
    assert _PROMISED is not None
    program = Path(_PROMISED) / name
    assert program.is_file(), f"{program} was promised"
    home.mkdir(parents=True)
    return program, {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "KUBECONFIG": str(kubeconfig),
        "RUNTIME_NAMESPACE": "flux-system",
    }  # fmt: skip


@contextlib.asynccontextmanager
async def running(name: str, kubeconfig: Path, home: Path, *flags: str) -> AsyncIterator[None]:
    """Run a controller over a cluster, which this process may serve, until the block ends."""
    program, environment = _prepared(name, kubeconfig, home)
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "--metrics-addr=0", "--health-addr=127.0.0.1:0", *flags, env=environment, stdout=log, stderr=log
        )
    try:
        yield
        assert process.returncode is None, f"{name} has ended:\n{(home / 'log').read_text()}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def source_controller(kubeconfig: Path, home: Path) -> AsyncIterator[Path]:
    """Run Flux's source-controller; yields the folder of its artifacts."""
    storage, address = home / "artifacts", f"127.0.0.1:{child.free_port()}"
    storage.mkdir(parents=True)
    flags = (f"--storage-path={storage}", f"--storage-addr={address}", f"--storage-adv-addr={address}")
    async with running("source-controller", kubeconfig, home / "source", *flags):
        yield storage


@contextlib.asynccontextmanager
async def kustomize_controller(kubeconfig: Path, home: Path) -> AsyncIterator[None]:
    """Run Flux's kustomize-controller."""
    async with running("kustomize-controller", kubeconfig, home / "kustomize"):
        yield
