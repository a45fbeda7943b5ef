"""`update`: the rewriter alone, on a folder or a file; no cluster, no network.

The marked images become what `--image` says, exactly as an ImageUpdateAutomation would write them, so that a pipeline
or a pre-commit hook can do the same edit, or show with `--dry-run` that there is none to do.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from image_automation.cli import checkout, output

if TYPE_CHECKING:
    from image_automation.update.texts import TextFiles
    from image_automation.writing.folder import Rewritten

_IMAGE = re.compile(
    r"(?P<namespace>[^:=\s]+):(?P<policy>[^:=\s]+)="
    r"(?P<name>(?:[^/@]+/)*[^/:@]+)(?::(?P<tag>[^/:@]*))?(?:@(?P<digest>[^@]+))?"
)
_CHANGED = 2


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--image",
    "images",
    multiple=True,
    required=True,
    metavar="NS:POLICY=REPO[:TAG][@DIGEST]",
    help="What a policy's markers become. Repeat it for several policies.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; exit with 2 where something would change.")
@click.option("--strict", is_flag=True, help="Fail where a marker or a marked file has no effect.")
@click.option("--diff", "as_diff", is_flag=True, help="Print changes as a unified diff.")
@click.option(
    "--text-files",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Look into text files besides YAML, such as Dockerfile or *.tf. Repeat it for several patterns.",
)
def update(
    path: Path, images: tuple[str, ...], patterns: tuple[str, ...], *, dry_run: bool, strict: bool, as_diff: bool
) -> int:
    """Rewrite the marked images of a folder or file, without a cluster.

    Only marked values change, every other byte stays. Exits with 0 when all is up to date or was updated, with 2 when
    --dry-run found something to change, and with 1 when a file had to be left alone because of an error.
    """
    setters, text_files = _setters(images), _text_files(patterns)
    if path.is_symlink():
        output.fail(f"'{path}' is a symbolic link, which is never written through: name what it points to")
    if not path.exists():
        output.fail(f"there is no '{path}': name a folder or a file")
    return _run(path, setters, text_files, dry_run=dry_run, strict=strict, as_diff=as_diff)


def _run(
    path: Path, setters: Mapping[str, str], text_files: "TextFiles", *, dry_run: bool, strict: bool, as_diff: bool
) -> int:
    from image_automation.writing import folder  # noqa: PLC0415 - the YAML parsers take half of the start-up

    files, values, ignored, failed = 0, 0, 0, False
    try:
        for found in folder.rewritten(path, setters, text_files):
            _report(found, as_diff=as_diff)
            failed = failed or found.result.failed
            ignored += len(found.result.problems) + len(found.result.unresolved)
            if found.result.content is None:
                continue
            if not dry_run:
                folder.replace(found.path, found.result.content)
            files, values = files + 1, values + len(found.result.changes)
    except OSError as error:
        output.fail(f"'{error.filename}': {error.strerror}")
    counted = f"{values} value{'' if values == 1 else 's'} in {files} file{'' if files == 1 else 's'}"
    aside = (
        f"; {ignored} {'marker or file has' if ignored == 1 else 'markers or files have'} no effect" if ignored else ""
    )
    done = f"{counted} would be updated" if dry_run else f"{counted} updated"
    output.success((done if values else "nothing to update") + aside)
    if failed or (strict and checkout.fail_strictly(ignored)):
        return 1
    return _CHANGED if dry_run and values else 0


def _report(found: "Rewritten", *, as_diff: bool) -> None:
    result = found.result
    for problem in result.problems:
        where = f"{result.path}:{problem.line}" if problem.line else result.path
        (output.failure if problem.level == "error" else output.warning)(f"{where}: {problem}")
    for marker in result.unresolved:
        from image_automation import unresolved  # noqa: PLC0415 - loads the API, for its words alone

        cause = unresolved.why_not_given(marker.setter)
        output.warning(f"{result.path}:{marker.line}: unresolved marker {_quoted(marker.setter)}: {cause}")
    if result.content is not None and as_diff:
        from image_automation.cli import diff  # noqa: PLC0415 - as above

        output.text(diff.unified(result.path, found.before, result.content, coloured=output.coloured()))
    elif result.content is not None:
        for change in result.changes:
            output.text(
                f"{result.path}:{change.line}: {_quoted(change.old)} -> {_quoted(change.new)}  ({change.setter})"
            )


def _setters(images: tuple[str, ...]) -> dict[str, str]:
    from gotk.api.image import ImageRef  # noqa: PLC0415 - `--help` needs no API
    from image_automation.update import values  # noqa: PLC0415 - nor this

    policies: dict[tuple[str, str], ImageRef] = {}
    for text in images:
        match = _IMAGE.fullmatch(text)
        if match is None or match["tag"] == "":
            output.fail(f"--image {text}: write NAMESPACE:POLICY=REPOSITORY, then :TAG and @DIGEST as wanted")
        key = (match["namespace"], match["policy"])
        if key in policies:
            output.fail(f"--image {text}: {':'.join(key)} is given twice")
        policies[key] = ImageRef(name=match["name"], tag=match["tag"] or "", digest=match["digest"] or "")
    try:
        found = values.setters(policies)
    except values.InvalidReference as error:
        output.fail(f"--image: {error}")
    return {setter: value for setter, value in found.items() if value}


def _text_files(patterns: tuple[str, ...]) -> "TextFiles":
    from image_automation.update import texts  # noqa: PLC0415 - `--help` needs no rewriter

    try:
        return texts.of(patterns)
    except texts.InvalidPatterns as error:
        output.fail(f"--text-files: {error}")


def _quoted(text: str) -> str:
    return text if text.isprintable() and text and " " not in text else repr(text)
