"""Files that flags name."""

from pathlib import Path

from image_automation.cli import output


def read(path: str, what: str) -> str:
    """Return the text of a file, without a word of what is in it where that fails."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        output.fail(f"unable to read {what}: open {path}: {(error.strerror or '').lower()}")
    except UnicodeDecodeError:
        output.fail(f"unable to read {what}: {path} is not text")
