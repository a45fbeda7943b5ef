"""The start of verbs that need no cluster, beside the limit of 150 ms and the real `kubectl version --client`.

Prints for each the median and the best of wall-clock time over runs that take turns, so that what else the machine does
falls on all of them alike, and the processor time, which that hardly touches.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, LIMIT = 15, 0.150
BIN = Path(sys.executable).parent
PROGRAM = [str(BIN / "image-automation")]
MARKED = 'image: example.com/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Return wall-clock and processor seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in {0, 2}, done
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    commands = {
        "kubectl version --client": [str(BIN / "kubectl"), "version", "--client"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "version --client": [*PROGRAM, "version", "--client"],
        "--help": [*PROGRAM, "--help"],
        "completion bash": [*PROGRAM, "completion", "bash"],
        "envsubst": [*PROGRAM, "envsubst"],
        "create source git --export": [
            *PROGRAM, "create", "source", "git", "web", "--url", "https://example.com", "--branch", "main", "--export",
        ],
        "plan --help": [*PROGRAM, "plan", "--help"],
        "migrate -f DIR": [*PROGRAM, "migrate", "-f", "."],
        "update DIR": [*PROGRAM, "update", ".", "--image", "apps:web=example.com/web:1.0.1", "--dry-run"],
        "build artifact": [*PROGRAM, "build", "artifact", "-p", ".", "-o", "/dev/null"],
    }  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "web.yaml").write_text(MARKED)
        for _ in range(RUNS + 1):  # the first fills the caches
            for each, command in commands.items():
                found[each].append(measured(command, folder))
    peer = statistics.median(wall for wall, _ in found["kubectl version --client"][1:])
    print(f"{RUNS} runs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for each, runs in found.items():
        wall = statistics.median(wall for wall, _ in runs[1:])
        best = min(wall for wall, _ in runs[1:])
        cpu = statistics.median(cpu for _, cpu in runs[1:])
        print(
            f"{each:26} {wall * 1000:5.0f} ms, at best {best * 1000:4.0f} ms ({cpu * 1000:4.0f} ms of processor)"
            f"  {wall / LIMIT:4.1f} of the limit  {wall / peer:4.1f} of kubectl"
        )


if __name__ == "__main__":
    main()
