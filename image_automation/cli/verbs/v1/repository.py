"""The one repository that fluxctl knew: here a GitRepository, `flux-system` unless another one is named."""

from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output, waiting
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from gotk.kube import client as kube

_BOOTSTRAPPED = "flux-system"


def parameters() -> list[click.Parameter]:
    """Return the options that say which repository is meant; `--k8s-fwd-ns` is where fluxctl looked for its daemon."""
    return [
        click.Option(
            ["--source"], default=_BOOTSTRAPPED, show_default=True, metavar="NAME", help="GitRepository that is meant.",
            shell_complete=completion.names(kinds.GIT_REPOSITORY),
        ),
        *forwarding(),
        *clusters.parameters(),
    ]  # fmt: skip


def forwarding() -> list[click.Parameter]:
    """Return the option by which fluxctl named the namespace of its daemon."""
    return [click.Option(["--k8s-fwd-ns"], default="", metavar="NAME", help="Namespace of the GitRepository, as -n.")]


def cluster_of(options: dict[str, Any]) -> clusters.Cluster:
    """Take the options of a cluster out of a verb's: the namespace is the one by fluxctl's option, if that is given."""
    forwarded = options.pop("k8s_fwd_ns")
    return clusters.from_options(options | ({"namespace": forwarded} if forwarded else {}))


async def fetch(client: "kube.Client", cluster: clusters.Cluster, name: str) -> kinds.Json:
    """Return the repository; where there is none, what to do is said."""
    items, _ = await client.list_raw(kinds.GIT_REPOSITORY.struct, cluster.namespace, fields=f"metadata.name={name}")
    if not items:
        output.fail(
            f"GitRepository object '{name}' not found in \"{cluster.namespace}\" namespace: name one with --source and"
            f" -n (`get sources git -A` lists them), or make one: `create source git {name}`"
        )
    return await waiting.fetch(client, kinds.GIT_REPOSITORY, cluster.namespace, name)
