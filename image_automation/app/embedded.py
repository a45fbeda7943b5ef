"""The embedded control plane with our kinds in it: what the service runs on where there is no cluster."""

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import deploy.crds
from gotk.apiserver import ALWAYS_ALLOW, READY_AFTER, ControlPlane, StoreError


class EmbeddedError(Exception):
    """The control plane cannot start: the message names the folder and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the operator decides about the control plane. The port 0 is any free one; `trace` is a file, if any."""

    host: str = "127.0.0.1"
    port: int = 0
    authorization_mode: str = ALWAYS_ALLOW
    simulate_workloads: bool = False
    trace: Path | None = None


_DEFAULT = Features()


@asynccontextmanager
async def control_plane(data_dir: Path, features: Features = _DEFAULT) -> AsyncIterator[ControlPlane]:
    """Run the control plane on a folder, with the kinds of this program installed. Raises EmbeddedError."""
    _make(data_dir)
    plane = ControlPlane(
        data_dir,
        host=features.host,
        port=features.port,
        crds=deploy.crds.load(),
        simulate=READY_AFTER if features.simulate_workloads else None,
        authorization_mode=features.authorization_mode,
        trace=features.trace,
    )
    try:
        await plane.__aenter__()
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
            raise EmbeddedError(f"cannot start the control plane on {data_dir}: {error}") from error
        raise EmbeddedError(
            f"cannot start the control plane at {features.host}:{features.port}: {os.strerror(error.errno)};"
            " choose another address with --host and --port, which is any free one at 0"
        ) from error
    except StoreError as error:
        raise EmbeddedError(f"cannot start the control plane on {data_dir}: {error}") from error
    try:
        yield plane
    finally:
        await plane.__aexit__(None, None, None)


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EmbeddedError(f"cannot use the data directory {data_dir}: {error.strerror}") from error
