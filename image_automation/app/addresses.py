"""Where the service listens: an address that cannot be had is told with the option that chooses another.

The addresses of `explain` and the dashboard are also written beside the embedded control plane's kubeconfig, where the
verbs look for them, so that whoever has the kubeconfig need not be told one more address.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
EXPLAIN, DASHBOARD = "explain.url", "dashboard.url"
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


@contextlib.asynccontextmanager
async def chosen_by(option: str, address: str, serving: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Serve at an address that an option chose. Raises OSError and ValueError, which name the option."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            entered = await stack.enter_async_context(serving)
        except OSError as error:
            cause = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise OSError(f"{address} cannot be listened on: {cause}; choose another address with {option}") from error
        except ValueError as error:
            raise ValueError(f"{option}: {error}") from error
        yield entered


@contextlib.contextmanager
def told(folder: Path, name: str, address: str, port: int, scheme: str = "http") -> Iterator[None]:
    """Leave an address in a file of the data folder as long as the block lasts."""
    host = address.rpartition(":")[0]
    file = folder / name
    file.write_text(f"{scheme}://{_LOOPBACK.get(host.strip('[]'), host)}:{port}\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(kubeconfig: Path, name: str) -> str:
    """Return an address that a service left beside its kubeconfig, or nothing."""
    try:
        return (kubeconfig.parent / name).read_text().strip()
    except OSError:
        return ""
