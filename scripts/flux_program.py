"""One of Flux's controllers as a child process, against a control plane of ours."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(program: str, kubeconfig: Path, events_addr: str, folder: Path, flags: Sequence[str] = ()) -> Iterator[int]:
    """Run a controller until the block ends; its log is `controller.log` in the folder."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "KUBECONFIG": str(kubeconfig),
        "RUNTIME_NAMESPACE": "default",
    }  # fmt: skip
    command = [
        program, f"--events-addr={events_addr}", "--metrics-addr=0", f"--health-addr=127.0.0.1:{free_port()}",
        "--max-retry-delay=4s", "--concurrent=8", *flags,
    ]  # fmt: skip
    with (folder / "controller.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
