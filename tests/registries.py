"""Registries to test against: the distribution project's own, where it is installed."""

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.real.authority import Authority


def installed() -> bool:
    return shutil.which("docker-registry") is not None


@contextlib.contextmanager
def docker_registry(
    folder: Path,
    *,
    name: str = "registry",
    tls: Authority | None = None,
    auth: Mapping[str, Any] | None = None,
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """Run the real registry on a free port for a while; gives `host:port`.

    All that run on one folder share their content. `auth` is that section of its configuration.
    """
    port = free_port()
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}, "delete": {"enabled": True}},
        "http": {"addr": f"{host}:{port}"} | ({"tls": _certificate(tls)} if tls else {}),
        "auth": dict(auth or {}),
    }
    path = folder / f"{name}.yml"  # JSON is YAML
    path.write_text(json.dumps(config))
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(path)], stdout=log, stderr=log)
    try:
        trusted = ssl.create_default_context(cadata=tls.pem) if tls else None
        wait_for(f"{'https' if tls else 'http'}://{host}:{port}/v2/", process, trusted)
        yield f"{host}:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _certificate(authority: Authority) -> dict[str, str]:
    return {"certificate": str(authority.certificate), "key": str(authority.key)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[bytes], trusted: ssl.SSLContext | None = None) -> None:
    for _ in range(200):
        # A free port may still be taken when the server asks for it; then the server ends and the test says so.
        try:
            with urllib.request.urlopen(url, timeout=1, context=trusted):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code == 401:
                return
        except OSError:
            pass
        assert process.poll() is None, "the server ended"
        time.sleep(0.05)
    raise AssertionError("the server does not answer")
