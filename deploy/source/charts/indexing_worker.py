"""The process that reads one index: `indexing_worker SOURCE TARGET`. What is wrong with it goes to standard error."""

import os
import sys
from pathlib import Path

from deploy.source.charts import index, indexing


def main() -> None:
    """Read, write and end; a limit that is reached is told by the exit status."""
    source, target = sys.argv[1:]
    indexing.confinement(source, target).enclose()
    try:
        written = index.write(index.parse(Path(source).read_bytes()))
        with Path(target).open("r+b") as file:
            file.write(written)
    except index.InvalidIndex as error:
        _end(1, f"index: {error}")
    except MemoryError:
        _end(2, "MemoryError")
    _end(0, "")


def _end(status: int, said: str) -> None:
    sys.stderr.write(said)
    sys.stderr.flush()
    os._exit(status)  # nothing is left to tidy up, and memory may be short


if __name__ == "__main__":
    main()
