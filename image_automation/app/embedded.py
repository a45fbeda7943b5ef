"""The embedded control plane with our kinds in it: what the service runs on where there is no cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import deploy.crds
from gotk.apiserver.database import StoreError
from gotk.apiserver.server import ControlPlane


class EmbeddedError(Exception):
    """The control plane cannot start: the message names the folder and the cause."""


@asynccontextmanager
async def control_plane(data_dir: Path, *, port: int = 0) -> AsyncIterator[ControlPlane]:
    """Run the control plane on a folder, with the kinds of this program installed. Raises EmbeddedError."""
    _make(data_dir)
    plane = ControlPlane(data_dir, port=port, crds=deploy.crds.load())
    try:
        await plane.__aenter__()
    except (StoreError, OSError) as error:
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
