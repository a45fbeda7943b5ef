"""A plan brought into the work tree: all of its files or none."""

from collections.abc import Mapping
from pathlib import Path

from image_automation.writing import folder


def write(root: Path, edits: Mapping[str, bytes], before: Mapping[str, bytes]) -> None:
    """Replace files below a folder. When one cannot be written those before it get their bytes back.

    Each file is replaced atomically. Raises OSError.
    """
    done: list[str] = []
    try:
        for path, content in edits.items():
            folder.replace(root / path, content)
            done.append(path)
    except BaseException:
        for path in done:
            folder.replace(root / path, before[path])
        raise
