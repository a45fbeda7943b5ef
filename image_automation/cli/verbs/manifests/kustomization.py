"""`build kustomization`: the manifests that a Kustomization makes of a folder of this machine.

Answers to `flux build kustomization`. The folder is built as the service builds an artifact: nothing is written to it,
and nothing outside of its repository is read. A Kustomization in a file is enough: unlike with flux it need not be in
the cluster, which is asked for variables only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output, words
from image_automation.cli.verbs import completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build, checked as far as that needs no cluster. `sources` say where `Kind/namespace/name` lies."""

    name: str
    path: Path
    file: Path | None
    dry_run: bool
    strict: bool
    ignored: Sequence[str]
    recursive: bool
    sources: Mapping[str, Path]
    remote_bases: frozenset[str]
    remote_bases_known_hosts: Path | None
    remote_bases_identity: Path | None


def _build(name: str | None, **options: Any) -> None:
    """Print the manifests that a Kustomization makes of a folder.

    The Kustomization is that of the cluster, or of --kustomization-file; with --dry-run no cluster is asked, and
    variables from ConfigMaps and Secrets stay as they are. What SOPS encrypted is masked.
    """
    cluster = clusters.from_options(options)
    request = checked(name, options)
    from image_automation.cli.verbs.manifests import rendered  # noqa: PLC0415 - heavy imports wait

    try:
        output.text(clusters.run(_rendered(cluster, request)).removesuffix("\n"))
    except rendered.RenderError as error:
        output.fail(str(error))


def checked(name: str | None, options: dict[str, Any]) -> Request:
    """Return what is to be built, as the options say. Raises Failure."""
    path, file = options["path"], options["kustomization_file"]
    if not name:
        output.fail("kustomization name is required")
    if path is None or not path.is_dir():
        output.fail(f'invalid resource path "{path or ""}": --path names the folder of the manifests')
    if options["dry_run"] and file is None:
        output.fail("dry-run mode requires a kustomization file: name it with --kustomization-file")
    if file is not None and not file.is_file():
        output.fail(f'invalid kustomization file "{file}"')
    return Request(
        name=name,
        path=path,
        file=file,
        dry_run=options["dry_run"],
        strict=options["strict_substitute"],
        ignored=words.listed(options["ignore_paths"]),
        recursive=options["recursive"],
        sources=_sources(options["local_sources"]),
        remote_bases=frozenset(words.listed(options["remote_bases"])),
        remote_bases_known_hosts=options["remote_bases_known_hosts"],
        remote_bases_identity=options["remote_bases_identity"],
    )


def _sources(given: Sequence[str]) -> dict[str, Path]:
    """Read `Kind/namespace/name=path` of each source."""
    found = {}
    for each in words.listed(given):
        source, equals, path = each.partition("=")
        if not equals or len(source.split("/")) != 3:
            output.fail(f"--local-sources: '{each}' is not of the form Kind/namespace/name=path")
        if not Path(path).is_dir():
            output.fail(f"--local-sources: '{path}' is no folder")
        found[source] = Path(path)
    return found


async def _rendered(cluster: clusters.Cluster, request: Request) -> str:
    from image_automation.cli.verbs.manifests import rendered  # noqa: PLC0415

    if request.dry_run:
        return await rendered.text(request, None, namespace=cluster.namespace, timeout=cluster.timeout)
    async with cluster.connect() as client:
        return await rendered.text(request, client, namespace=cluster.namespace, timeout=cluster.timeout)


def parameters() -> list[click.Parameter]:
    """Return the options about what is built, and how."""
    return [
        click.Argument(["name"], required=False, shell_complete=completion.of("KUSTOMIZATION")),
        click.Option(["--path"], type=click.Path(path_type=Path), metavar="DIR", help="Folder of the manifests."),
        click.Option(
            ["--kustomization-file"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Manifest that holds the Kustomization, instead of the cluster.",
        ),
        click.Option(["--dry-run"], is_flag=True, help="Ask no cluster; variables from its objects are skipped."),
        click.Option(
            ["--strict-substitute"], is_flag=True, help="Fail where a variable has neither value nor default."
        ),
        click.Option(
            ["--ignore-paths"],
            multiple=True,
            metavar="PATTERNS",
            help="Leave these files out: patterns as in .gitignore, relative to --path, separated by commas.",
        ),
        click.Option(["-r", "--recursive"], is_flag=True, help="Build the Kustomizations among the manifests, too."),
        click.Option(
            ["--local-sources"],
            multiple=True,
            metavar="KIND/NS/NAME=DIR",
            help="Where those find their sources on this machine, separated by commas.",
        ),
        click.Option(
            ["--remote-bases"],
            multiple=True,
            metavar="HOSTS",
            help="Hosts that kustomizations may name bases of, separated by commas; none unless given.",
        ),
        click.Option(
            ["--remote-bases-known-hosts"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Fetch remote bases over SSH from servers whose keys are in this known_hosts file.",
        ),
        click.Option(
            ["--remote-bases-identity"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Private key for remote bases over SSH.",
        ),
        click.Option(["--in-memory-build"], is_flag=True, help="Accepted: a build never writes to the folder."),
        *clusters.parameters(),
    ]


build = click.Command("kustomization", callback=_build, params=parameters(), help=_build.__doc__)
