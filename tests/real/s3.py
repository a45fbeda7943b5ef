"""A real S3 store as a child of a test: moto's server, which keeps its buckets in memory."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from gotk.cloud.sigv4 import Keys, sign
from tests.real import child


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Give the address of an empty store, `host:port`; skip where there is none."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("moto is not installed")
    port = child.free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with child.running(command, log=folder / "moto.log", port=port):
        yield f"127.0.0.1:{port}"


async def put(store: str, name: str, objects: Mapping[str, bytes]) -> None:
    """Put objects into a bucket, for everybody to read."""
    keys = Keys(access_key="AKIDEXAMPLE", secret_key="s3cret", expires=datetime.max.replace(tzinfo=UTC))
    async with aiohttp.ClientSession() as session:
        await session.put(f"http://{store}/{name}", headers={"X-Amz-Acl": "public-read"})
        for key, content in objects.items():
            url = URL(f"http://{store}/{name}/{quote(key)}", encoded=True)
            hashed = hashlib.sha256(content).hexdigest()
            headers = sign(
                keys,
                method="PUT",
                url=url,
                headers={"X-Amz-Content-Sha256": hashed, "X-Amz-Acl": "public-read"},
                body=content,
                region="us-east-1",
                service="s3",
                now=datetime.now(UTC),
            )
            async with session.put(url, data=content, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
