"""What an earlier bootstrap has decided about the sync: its objects on the cluster say it, so that nobody forgets it.

Flux takes its defaults again. Here a flag that is not named is as the GitRepository and the Kustomization have it: a
branch that is forgotten would otherwise be one that the cluster leaves, with everything that is only there.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gotk import duration
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs.bootstrap import reaching

if TYPE_CHECKING:
    from gotk.kube import client as kube

_SOURCE = ("source.toolkit.fluxcd.io/v1", "GitRepository")
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
#: Flags of which one says what the others do not.
_TOKEN = ("token_auth", "deploy_token_auth")


async def fill(cluster: clusters.Cluster, options: dict[str, Any]) -> None:
    """Put what an earlier run has decided into a verb's options, where the user has not named it; and say so."""
    async with cluster.connect() as client:
        source = await _get(client, *_SOURCE, cluster.namespace)
        applied = await _get(client, *_KUSTOMIZATION, cluster.namespace)
        if source is None or applied is None:
            return
        found = decided(source["spec"], applied["spec"])
        opened = await reaching.secret_on_cluster(client, cluster.namespace, found["secret_name"] or cluster.namespace)
    if opened is None or str(options.get("url", "")).startswith("ssh://"):
        del found["token_auth"]  # a Secret that is to be made, or SSH, is what the user says now
    usual = {"branch": "main", "secret_name": cluster.namespace}
    reused = {
        name: value
        for name, value in found.items()
        if value != "" and not _given(name) and (options[name] or usual.get(name, options[name])) != value
    }
    options |= reused
    if reused:
        said = " ".join(f"--{name.replace('_', '-')}={_typed(value)}" for name, value in sorted(reused.items()))
        output.action(f"reusing what the cluster syncs: {said}")


def decided(source: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the specs of a GitRepository and a Kustomization say of flags, by the names of those."""
    return {
        "branch": str((source.get("ref") or {}).get("branch", "")),
        "interval": duration.Duration.parse(str(source["interval"])),
        "path": str(applied.get("path") or "").removeprefix("./"),
        "recurse_submodules": bool(source.get("recurseSubmodules")),
        "secret_name": str((source.get("secretRef") or {}).get("name", "")),
        "sparse_checkout": tuple(source.get("sparseCheckout") or ()),
        "token_auth": str(source["url"]).startswith("http"),
    }


def _given(name: str) -> bool:
    context = click.get_current_context()
    names = _TOKEN if name in _TOKEN else (name,)
    return any(context.get_parameter_source(each) is ParameterSource.COMMANDLINE for each in names)


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


async def _get(client: "kube.Client", api_version: str, kind: str, name: str) -> dict[str, Any] | None:
    try:
        return await client.get_object(api_version, kind, name, name)
    except errors.NotFound:
        return None
