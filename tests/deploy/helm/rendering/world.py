"""A control plane with a client and a renderer before it, for the tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.helm.release import Release
from deploy.helm.rendering.render import Renderer, Request
from gotk.apiserver import ALWAYS_ALLOW, ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from tests.conformance.helm import Helm


class World:
    def __init__(self, client: Client, renderer: Renderer, scratch: Path, limiter: Limiter) -> None:
        self.client = client
        self.renderer = renderer
        self.scratch = scratch
        self._limiter = limiter
        #: Every command line that was started.
        self.started: list[Sequence[str]] = []

    async def render(
        self, chart: bytes, values: Mapping[str, Any] | None = None, *, cluster: Any = None, **fields: Any
    ) -> Release:
        """Render a chart as `apps/web`."""
        plain: dict[str, Any] = {"name": "web", "namespace": "apps", "timeout": 60.0, **fields}
        request = Request(chart=chart, values=values or {}, **plain)
        return await self.renderer.render(request, cluster=cluster or self.client)

    async def left(self) -> list[Path]:
        """Return what lies in the scratch folder once what was begun on the one thread has ended."""
        await self._limiter.run(int)
        return list(self.scratch.iterdir())

    async def create(self, kind: str, name: str, namespace: str = "default", **fields: Any) -> None:
        """Create an object of the core."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        await self.client.create_object({"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields})


@asynccontextmanager
async def new(directory: Path, *, authorization_mode: str = ALWAYS_ALLOW, dns: bool = False) -> AsyncIterator[World]:
    """Make a world; with `dns` its charts may resolve names."""
    scratch = directory / "scratch"
    scratch.mkdir()
    async with (
        ControlPlane(directory / "plane", authorization_mode=authorization_mode) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        with Limiter(width=1) as limiter:
            started: list[Sequence[str]] = []

            def confine(confinement: Confinement, words: Sequence[str]) -> Sequence[str]:
                started.append(words)
                return confinement.command(words)

            renderer = Renderer(command=str(Helm.path), limiter=limiter, scratch=scratch, confine=confine, dns=dns)
            world = World(client, renderer, scratch, limiter)
            world.started = started
            yield world
