"""Where bootstrap is tried: a service beside the embedded control plane, and the program as a user calls it."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2

from gotk.apiserver import ALWAYS_ALLOW
from tests import typed
from tests.e2e import stage


@dataclass(frozen=True)
class Ground:
    """A running service, and the program with its kubeconfig."""

    up: stage.Stage
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, *arguments: str, text: str = "", code: int = 0, env: Mapping[str, str] | None = None) -> str:
        """Run a verb and return all that it says."""
        environment = self.environment | dict(env or {})
        done = await typed.run(*arguments, environment=environment, stdin=text, together=True)
        assert done.code == code, done.out
        return done.out

    async def get(self, api_version: str, kind: str, name: str) -> dict[str, Any]:
        """Return an object of flux-system."""
        return await self.up.client.get_object(api_version, kind, "flux-system", name)


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, *, simulate: bool = True, authorization_mode: str = ALWAYS_ALLOW
) -> AsyncIterator[Ground]:
    """Run the service on a folder as long as the block lasts."""
    async with stage.running(folder / "data", simulate_workloads=simulate, authorization_mode=authorization_mode) as up:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            "HOME": str(folder),
            "KUBECONFIG": str(up.kubeconfig),
        }
        yield Ground(up, environment)


def log(repository: Path, branch: str = "main") -> list[str]:
    """Return the subjects of a branch's commits, newest first."""
    opened: Any = pygit2.Repository(str(repository))
    return [commit.message.splitlines()[0] for commit in opened.walk(opened.branches[branch].target)]


def read(repository: Path, path: str, branch: str = "main") -> str:
    """Return a file of a branch."""
    opened: Any = pygit2.Repository(str(repository))
    return str((opened[opened.branches[branch].target].tree / path).data.decode())


def empty(path: Path) -> Path:
    """Make an empty repository."""
    pygit2.init_repository(str(path), bare=True, initial_head="main")
    return path
