"""`debug`: status and history of a Kustomization or HelmRelease, and its variables or values as they come to be.

Answers to `flux2/cmd/flux/debug_kustomization.go` and `debug_helmrelease.go`. What Secrets hold is printed: one asks
for just that here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from gotk import go_yaml
from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from gotk.kube.client import Client

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the client
_DOCS = "https://fluxcd.io/flux/components"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Debugged:
    """A kind whose objects are looked into: what it takes is shown by `--show-<what>`, and printed by `show`."""

    struct: type[Object]
    what: str
    summary: str
    page: str
    show: Callable[["Client", dict[str, Any]], Awaitable[str]]


async def _variables(client: "Client", obj: dict[str, Any]) -> str:
    """Return the variables of a Kustomization as a file for an environment: a line each, by name."""
    from deploy.kustomize.substitution import variables  # noqa: PLC0415 - only for variables

    kustomization = _read(obj, Kustomization)
    try:
        found = await variables.load(kustomization.spec.post_build, kustomization.metadata.namespace, client)
    except variables.VariablesError as error:
        output.fail(str(error))
    return "".join(f"{name}={value}\n" for name, value in sorted(found.values.items()))


async def _values(client: "Client", obj: dict[str, Any]) -> str:
    """Return the values of a HelmRelease, with a comment on each optional reference that gave nothing."""
    from deploy.helm.values import compose  # noqa: PLC0415 - only for values

    try:
        found = await compose.trace(_read(obj, HelmRelease), client=client)
    except compose.ValuesError as error:
        output.fail(str(error))
    missing = (f"# {each.kind}/{each.name} gave nothing: {each.missing}\n" for each in found.origins if each.missing)
    return "".join(missing) + go_yaml.write(found.values)


def _read(obj: dict[str, Any], struct: type[O]) -> O:
    try:
        return scheme.convert(obj, struct)
    except (msgspec.ValidationError, ValueError) as error:
        metadata = obj["metadata"]
        output.fail(f"{struct.__name__}/{metadata.get('namespace')}/{metadata['name']}: {error}")


_KUSTOMIZATION = _Debugged(
    struct=Kustomization,
    what="vars",
    summary="Print the variables that spec.postBuild comes to, Secrets' values included.",
    page=f"{_DOCS}/kustomize/kustomizations",
    show=_variables,
)
_HELM_RELEASE = _Debugged(
    struct=HelmRelease,
    what="values",
    summary="Print the values that the release is to have, Secrets' values included.",
    page=f"{_DOCS}/helm/helmreleases",
    show=_values,
)


def _command(debugged: _Debugged) -> click.Command:
    kind = debugged.struct.__name__

    def call(*, name: str | None, show_status: bool, show_history: bool, show: bool, **options: Any) -> None:
        if not name:
            output.fail(f"{kind.lower()} name is required")
        if [show_status, show_history, show].count(True) != 1:
            output.fail(f"exactly one of --show-status, --show-{debugged.what}, or --show-history must be set")
        cluster = clusters.from_options(options)
        part = "status" if show_status else "history" if show_history else ""
        output.text(clusters.run(_debug(cluster, debugged, name, part)).removesuffix("\n"))

    parameters: list[click.Parameter] = [
        click.Argument(["name"], required=False, shell_complete=completion.names_of(debugged.struct)),
        click.Option(["--show-status"], is_flag=True, help="Print the status."),
        click.Option([f"--show-{debugged.what}", "show"], is_flag=True, help=debugged.summary),
        click.Option(["--show-history"], is_flag=True, help="Print the history in the status."),
        *clusters.parameters(),
    ]
    return click.Command(kind.lower(), callback=call, params=parameters, help=f"Look into one {kind}.")


async def _debug(cluster: clusters.Cluster, debugged: _Debugged, name: str, part: str) -> str:
    resource = scheme.resource_of(debugged.struct)
    async with cluster.connect() as client:
        obj = await client.get_object(resource.api_version, resource.kind, cluster.namespace, name)
        if not part:
            return await debugged.show(client, obj)
    if part == "status":
        return _documented(debugged, f"{resource.kind.lower()}-status", obj.get("status") or {})
    return _documented(debugged, "history", kinds.dig(obj, "status", "history") or [])


def _documented(debugged: _Debugged, section: str, value: dict[str, Any] | Sequence[Any]) -> str:
    return f"# Documentation: {debugged.page}/#{section}\n{go_yaml.write(value)}"


def _commands() -> dict[str, click.Command]:
    kustomization, release = _command(_KUSTOMIZATION), _command(_HELM_RELEASE)
    return {"kustomization": kustomization, "ks": kustomization, "helmrelease": release, "hr": release}


debug = click.Group("debug", commands=_commands(), help="Look into one object: its status, and what it is made of.")
