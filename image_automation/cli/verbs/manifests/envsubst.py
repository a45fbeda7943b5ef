"""`envsubst`: variables of the environment in what comes in, line by line, as a Kustomization substitutes its own."""

import os
import sys

import click

from image_automation.cli import output


@click.command()
@click.option("--strict", is_flag=True, help="Fail where a variable has neither value nor default.")
def envsubst(*, strict: bool) -> None:
    """Replace ${variables} in standard input by those of the environment.

    Understands the same functions as `spec.postBuild` of a Kustomization: kustomize build . | image-automation envsubst
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        click.echo(_substituted(line, number, strict=strict) if b"$" in line else line, nl=False)
        if not line.endswith(b"\n"):
            click.echo()


def _substituted(line: bytes, number: int, *, strict: bool) -> bytes:
    from deploy.kustomize.substitution import substitute  # noqa: PLC0415 - `--help` needs it not

    try:
        return substitute.substitute(line.decode(), os.environ, strict=strict).encode()
    except UnicodeDecodeError:
        output.fail(f"line {number} is not UTF-8 text")
    except substitute.SubstitutionError as error:
        output.fail(f"line {number}: {error}")
