"""Bootstrap's part on the cluster: what is there, the Secret, the objects that sync, and that all of it got through.

An object has got through once it has handled a request that was made after the push: what it has then holds the
commit, also where somebody pushed on top meanwhile.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gotk.api.meta import REQUESTED_AT
from gotk.kube import errors
from image_automation.cli import kinds, output, waiting
from image_automation.cli.verbs import install
from image_automation.cli.verbs.bootstrap import files
from image_automation.cli.verbs.create import storing

if TYPE_CHECKING:
    from gotk.kube import client as kube

Manifest = dict[str, Any]
_DEPLOYMENT = ("apps/v1", "Deployment")
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
_BESIDE = "start the service beside it (`image-automation run`), or a cluster that runs pods"


async def existing(client: "kube.Client", wanted: files.Sync) -> bool:
    """Tell whether the cluster syncs this path already. Raises Failure where it syncs another one by this name."""
    try:
        found = await client.get_object(*_KUSTOMIZATION, wanted.namespace, wanted.namespace)
    except errors.NotFound:
        return False
    path = str(kinds.dig(found, "spec", "path") or "")
    if files.path_of(path) != wanted.path:
        output.fail(
            f'sync path configuration ("{wanted.applied}") would overwrite path ("{path}") of existing Kustomization'
            f" {wanted.namespace}/{wanted.namespace}: name the same --path, or another --namespace"
        )
    return bool(kinds.dig(found, "status", "lastAppliedRevision"))


async def put_secret(client: "kube.Client", wanted: files.Sync, texts: Any) -> None:
    """Make the Secret that opens the repository."""
    output.action(f'applying source secret "{wanted.namespace}/{wanted.secret}"')
    metadata = {"name": wanted.secret, "namespace": wanted.namespace}
    await storing.merge(client, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(texts)})
    output.success("reconciled source secret")


async def through(client: "kube.Client", wanted: files.Sync, deployments: list[str], timeout: float) -> None:
    """Wait until the source was fetched and the Kustomization applied, both after the push. Raises Failure."""
    for kind in (kinds.GIT_REPOSITORY, kinds.KUSTOMIZATION):
        place = f'{kind.name} "{wanted.namespace}/{wanted.namespace}"'
        stamp = datetime.now(UTC).isoformat()
        await client.merge_patch(
            kind.struct, wanted.namespace, wanted.namespace, {"metadata": {"annotations": {REQUESTED_AT: stamp}}}
        )
        output.waiting(f"waiting for {place} to be reconciled")
        try:
            await _handled(client, kind, wanted, stamp, timeout)
        except output.Failure as error:
            cause = await _nobody(client, wanted.namespace, deployments)
            output.fail(f"{kind.name} {wanted.namespace}/{wanted.namespace}: {error.message}{cause}")
        output.success(f"{kind.name} reconciled successfully")


async def _handled(client: "kube.Client", kind: kinds.Kind, wanted: files.Sync, stamp: str, timeout: float) -> None:
    def begun(obj: kinds.Json) -> bool:
        if kind.is_suspended(obj):
            output.fail("it is suspended: resume it, then try again")
        return bool(kinds.dig(obj, "status", "lastHandledReconcileAt") == stamp)

    await waiting.until(client, kind, wanted.namespace, wanted.namespace, begun=begun, timeout=timeout)


async def _nobody(client: "kube.Client", namespace: str, deployments: list[str]) -> str:
    """Say that nobody is there to reconcile anything, where that is so."""
    for name in deployments:
        if not await _observed(client, namespace, name):
            return f": no controller has looked at Deployment {name}: {_BESIDE}"
    return ""


async def healthy(client: "kube.Client", objects: list[Manifest], namespace: str, timeout: float) -> None:
    """Wait for the Deployments. Where the cluster runs none and the sync got through, another service did it."""
    output.action("confirming components are healthy")
    deployments = [each for each in objects if each["kind"] == "Deployment"]
    names = [each["metadata"]["name"] for each in deployments]
    unseen = [name for name in names if not await _observed(client, namespace, name)]
    for name in unseen:
        output.warning(
            f"{name}: no controller of this cluster runs Deployments, so it is not waited for; a service that runs"
            " beside the cluster has reconciled the sync"
        )
    await install.ready(client, [each for each in deployments if each["metadata"]["name"] not in unseen], timeout)
    if not unseen:
        output.success("all components are healthy")


async def _observed(client: "kube.Client", namespace: str, name: str) -> bool:
    """Tell whether a controller of Deployments has looked at one."""
    try:
        found = await client.get_object(*_DEPLOYMENT, namespace, name)
    except errors.NotFound:
        return False
    return kinds.dig(found, "status", "observedGeneration") is not None
