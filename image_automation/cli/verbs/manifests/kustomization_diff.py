"""`diff kustomization`: what would change in a cluster if a folder of this machine were applied, and nothing is.

Answers to `flux diff kustomization`. Exits with 1 where something would change and with 2 where that could not be told.
What the Kustomization no longer declares counts as a change, which it does not for flux.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.diff import printable
from image_automation.cli.verbs.manifests import kustomization as building

if TYPE_CHECKING:
    from deploy.cluster.inventory import ObjectID
    from deploy.kustomize.drift import Finding, Findings
    from gotk.api.kustomize import Kustomization
    from gotk.kube.client import Client

_CHANGED, _BROKEN = 1, 2
_COLOURS = {"created": "green", "deleted": "red"}
_SIGNS = {"+": "green", "-": "red"}


def _diff(name: str | None, *, progress_bar: bool, ignore_not_found: bool, **options: Any) -> int:
    """Print what would change in the cluster if a Kustomization were made of a folder and applied.

    Nothing is written: the server is asked what it would do. Exits with 1 where something would change, 2 on errors.
    """
    del ignore_not_found  # a Kustomization in a file need not be in the cluster
    try:
        cluster = clusters.from_options(options)
        request = building.checked(name, {**options, "dry_run": False})
        return clusters.run(_compared(cluster, request, told=progress_bar))
    except output.Failure as error:
        error.show()
        return _BROKEN


async def _compared(cluster: clusters.Cluster, request: building.Request, *, told: bool) -> int:
    from deploy.kustomize import drift  # noqa: PLC0415 - heavy imports wait
    from image_automation.cli.verbs.manifests import rendered  # noqa: PLC0415

    changes, failed = False, list[str]()
    async with cluster.connect() as client:
        try:
            parts = await rendered.parts(request, client, namespace=cluster.namespace, timeout=cluster.timeout)
        except rendered.RenderError as error:
            output.fail(str(error))
        for place, (kustomization, manifests) in enumerate(parts):
            findings = await drift.of(kustomization, manifests, client)
            if kustomization.spec.kube_config is not None:
                output.warning(f"{_subject(kustomization)} is applied to another cluster than it is compared with here")
            title = f"📁 {_subject(kustomization)} changed" if place else ""
            _show(findings, title)
            changes, failed = changes or findings.changes, failed + findings.failed
            if request.recursive:
                await _show_cascades(findings, client)
    if told:
        click.echo("✓  Kustomization diffing...", err=True)
    for each in failed:
        output.failure(each)
    if failed:
        return _BROKEN
    if changes:
        output.warning("identified at least one change, exiting with non-zero exit code")
    return _CHANGED if changes else 0


def _show(findings: "Findings", title: str) -> None:
    """Print what was found; nothing where nothing was."""
    if title and findings.found:
        output.text(title)
    for finding in findings.found:
        _styled(f"► {finding.id.subject} {finding.action}", _COLOURS.get(finding.action))
        for line in _body(finding):
            _styled(line, _SIGNS.get(line.lstrip()[:1]))


def _body(finding: "Finding") -> Iterator[str]:
    if finding.differences:
        yield ""
    for difference in finding.differences:
        yield from difference.lines()


async def _show_cascades(findings: "Findings", client: "Client") -> None:
    """Print what goes with the Kustomizations that go, each once."""
    from deploy.kustomize import drift  # noqa: PLC0415

    pending, seen = _leaving(findings), set["ObjectID"]()
    while pending:
        which = pending.pop(0)
        if which in seen:
            continue
        seen.add(which)
        going = await drift.cascade(which, client)
        _show(going, f"📁 {which.subject} deleted resources")
        pending += _leaving(going)


def _leaving(findings: "Findings") -> "list[ObjectID]":
    return [each.id for each in findings.found if each.action == "deleted" and each.id.kind == "Kustomization"]


def _styled(line: str, colour: str | None) -> None:
    text = printable(line)
    output.text(click.style(text, fg=colour) if colour and output.coloured() else text)


def _subject(kustomization: "Kustomization") -> str:
    return f"Kustomization/{kustomization.metadata.namespace}/{kustomization.metadata.name}"


def _parameters() -> list[click.Parameter]:
    shown = click.Option(
        ["--progress-bar"], type=bool, default=True, show_default=True, help="Say on stderr when it is done."
    )
    accepted = click.Option(
        ["--ignore-not-found"], is_flag=True, help="Accepted: a Kustomization in a file need not be in the cluster."
    )
    return [shown, accepted, *(each for each in building.parameters() if each.name != "dry_run")]


diff = click.Command("kustomization", callback=_diff, params=_parameters(), help=_diff.__doc__)
