"""A control plane with many lives: this program imports it once, and forks a process for each life, to be killed.

`python lives.py DIRECTORY COUNT` prints a line with the process id of each life once it answers.
"""

import asyncio
import os
import sys
from pathlib import Path

from gotk.apiserver import ControlPlane


async def live(directory: Path) -> None:
    async with ControlPlane(directory):
        print(os.getpid(), flush=True)
        await asyncio.Event().wait()


def main() -> None:
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    for _ in range(count):
        child = os.fork()
        if child == 0:
            asyncio.run(live(directory))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
