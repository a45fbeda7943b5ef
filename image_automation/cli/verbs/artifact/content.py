"""What goes into an artifact: a folder, a file, or what comes in, as a tarball on this machine for a while."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import output, words

if TYPE_CHECKING:
    from deploy.source.oci.packing import Packed

_STDIN = "-"
_STDIN_NAME = "manifests.yaml"
#: What stays out unless said otherwise, as in flux: version control, pictures and archives.
_IGNORED = (
    *(".git/", ".gitignore", ".gitmodules", ".gitattributes"),
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """A tarball on this machine."""

    file: Path
    packed: "Packed"


def parameters(*, links: bool = True) -> list[click.Parameter]:
    """Return the options about what an artifact is made of."""
    chosen: list[click.Parameter] = [
        click.Option(
            ["-p", "-f", "--path"], metavar="PATH|-", default="", help="Folder or manifest; - is standard input."
        ),
        click.Option(
            ["--ignore-paths"],
            multiple=True,
            default=_IGNORED,
            metavar="PATTERNS",
            help="Leave these files out: patterns as in .gitignore.  [default: pictures, archives]",
        ),
        click.Option(["--add-ignore-paths"], multiple=True, metavar="PATTERNS", help="Leave these files out as well."),
    ]
    if links:
        chosen.append(click.Option(["--resolve-symlinks"], is_flag=True, help="Pack what symbolic links lead to."))
    return chosen


@contextlib.contextmanager
def packed(options: Mapping[str, Any]) -> Iterator[Content]:
    """Give a tarball of what the options about it name. Raises OSError."""
    from deploy.source.oci import packing  # noqa: PLC0415 - heavy imports wait

    path, links = options["path"], options.get("resolve_symlinks", False)
    ignored = [*options["ignore_paths"], *options["add_ignore_paths"]]
    with tempfile.TemporaryDirectory(prefix="artifact-") as folder:
        file, source, name = Path(folder) / "artifact.tgz", Path(path), ""
        if path == _STDIN:
            source, name = Path(folder) / _STDIN_NAME, _STDIN_NAME
            source.write_bytes(sys.stdin.buffer.read().rstrip(b"\r\n"))
        elif not path or not source.exists():
            output.fail(f"invalid path '{path}', must point to an existing directory or file: name it with --path")
        with file.open("wb") as target:
            made = packing.pack(source, target, words.listed(ignored), name=name, links=links)
        yield Content(file, made)
