"""`v1 sync`: fetch the repository and apply what it holds now, as `fluxctl sync` does.

The daemon of Flux v1 applied its repository whole; here every Kustomization that is made of the GitRepository is
reconciled, in any namespace, and waited for. Suspended ones are named and left alone.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from gotk.api.meta import REQUESTED_AT
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output, waiting
from image_automation.cli.verbs.v1 import repository

if TYPE_CHECKING:
    from gotk.kube import client as kube

_SHORT = 7


def _sync(*, source: str, **options: Any) -> None:
    clusters.run(_run(repository.cluster_of(options), source))


sync = flags.Command(
    "sync",
    callback=_sync,
    params=repository.parameters(),
    help="Fetch the GitRepository now, and apply what its Kustomizations make of it.",
)


async def _run(cluster: clusters.Cluster, source: str) -> None:
    async with cluster.connect() as client:
        obj = await repository.fetch(client, cluster, source)
        url = kinds.dig(obj, "spec", "url")
        output.progress(f"Synchronizing with {url}")
        if kinds.GIT_REPOSITORY.is_suspended(obj):
            output.fail(f"git repository {url} is not ready to sync (status: suspended): `resume source git {source}`")
        try:
            obj = await _reconcile(client, cluster, kinds.GIT_REPOSITORY, cluster.namespace, source)
        except output.Failure as error:
            output.fail(f"git repository {url} is not ready to sync: {error.message}")
        branch, commit = _revision(obj)
        output.progress(f"Revision of {branch} to apply is {commit}")
        output.progress(f"Waiting for {commit} to be applied ...")
        await _apply(client, cluster, source)
    output.progress("Done.")


def _revision(obj: kinds.Json) -> tuple[str, str]:
    """Return the branch, or whatever was checked out, and the commit as fluxctl shortens it."""
    revision = str(kinds.dig(obj, "status", "artifact", "revision") or "")
    name, at, digest = revision.rpartition("@")
    commit = digest.rpartition(":")[2][:_SHORT]
    return (name if at else commit), commit


async def _apply(client: "kube.Client", cluster: clusters.Cluster, source: str) -> None:
    failed = 0
    items, _ = await client.list_raw(kinds.KUSTOMIZATION.struct)
    made = [obj for item in items if _is_made_of(obj := msgspec.json.decode(item), cluster.namespace, source)]
    if not made:
        output.warning(f"no Kustomization is made of {source}: nothing is applied; `create kustomization` makes one")
    for obj in made:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        if kinds.KUSTOMIZATION.is_suspended(obj):
            output.warning(
                f"Kustomization {namespace}/{name} is suspended: `resume kustomization {name} -n {namespace}`"
            )
            continue
        try:
            await _reconcile(client, cluster, kinds.KUSTOMIZATION, namespace, name)
        except output.Failure as error:
            failed += 1
            output.failure(f"Kustomization {namespace}/{name}: {error.message}")
    if failed:
        output.fail(f"{failed} of {len(made)} Kustomizations could not be applied")


def _is_made_of(obj: kinds.Json, namespace: str, source: str) -> bool:
    ref = kinds.source_of(obj)
    place = ref.get("namespace") or obj["metadata"]["namespace"]
    return (ref.get("kind"), place, ref.get("name")) == (kinds.GIT_REPOSITORY.name, namespace, source)


async def _reconcile(
    client: "kube.Client", cluster: clusters.Cluster, kind: kinds.Kind, namespace: str, name: str
) -> kinds.Json:
    """Ask for a run and return the object at its end. Raises Failure with the cause."""
    stamp = datetime.now(UTC).astimezone().isoformat()
    await client.merge_patch(kind.struct, namespace, name, {"metadata": {"annotations": {REQUESTED_AT: stamp}}})
    return await waiting.until(
        client,
        kind,
        namespace,
        name,
        begun=lambda now: kinds.dig(now, "status", "lastHandledReconcileAt") == stamp,
        timeout=cluster.timeout,
        patient=kind is kinds.KUSTOMIZATION,
    )
