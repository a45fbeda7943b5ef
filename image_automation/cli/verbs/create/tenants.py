"""`create tenant`: namespaces for a team, each with a service account and what it may do there.

Answers to `flux2/cmd/flux/create_tenant.go`. A namespace or account that is there keeps its other labels. To which role
a binding binds cannot be changed: a binding to another one is deleted and made anew, as flux does.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output
from image_automation.cli.verbs.create import recipe, storing
from image_automation.cli.verbs.create.recipe import Asked

if TYPE_CHECKING:
    from gotk.kube import client as kube

Manifest = dict[str, Any]
_TENANT = "toolkit.fluxcd.io/tenant"
_RBAC = "rbac.authorization.k8s.io"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CALLED = {"Namespace": "namespace", "ServiceAccount": "service account", "RoleBinding": "role binding"}


def _call(*, names: tuple[str, ...], export: bool, labels: tuple[str, ...], **options: Any) -> None:
    cluster, asked = recipe.asked_for(names, labels, options)
    objects = list(_objects(asked))
    if export:
        for each in objects:
            recipe.show(each)
    else:
        clusters.run(_carry_out(cluster, objects))


def _objects(asked: Asked) -> Iterator[Manifest]:
    """Yield what a tenant is made of, namespace by namespace."""
    if not asked["cluster_role"]:
        output.fail("cluster-role is required")
    if not asked["with_namespace"]:
        output.fail("with-namespace is required")
    account = asked["with_service_account"] or asked.name
    for what, name in (("service-account name", account), *(("namespace", each) for each in asked["with_namespace"])):
        if not _LABEL.fullmatch(name):
            output.fail(f"invalid {what} '{name}': it has at most 63 lower-case letters, digits and '-'")
    labels = dict(asked.labels) | {_TENANT: asked.name}
    for namespace in asked["with_namespace"]:
        if not asked["skip_namespace"]:
            yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        yield {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace, "labels": labels},
        }
        yield _binding(f"{asked.name}-reconciler", namespace, account, role=asked["cluster_role"], labels=labels)


def _binding(name: str, namespace: str, account: str, *, role: str, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [
            {"apiGroup": _RBAC, "kind": "User", "name": f"gotk:{namespace}:reconciler"},
            {"kind": "ServiceAccount", "name": account, "namespace": namespace},
        ],
    }


async def _carry_out(cluster: clusters.Cluster, objects: list[Manifest]) -> None:
    async with cluster.connect() as client:
        for each in objects:
            output.action(f"applying {_CALLED[each['kind']]} {each['metadata']['name']}")
            if each["kind"] == "RoleBinding":
                await _unbind(client, each)
            await storing.merge(client, each)
    output.success("tenant setup completed")


async def _unbind(client: "kube.Client", binding: Manifest) -> None:
    """Delete a binding of this name that binds to another role."""
    metadata = binding["metadata"]
    place = (binding["apiVersion"], binding["kind"], metadata["namespace"], metadata["name"])
    try:
        found = await client.get_object(*place)
        if found["roleRef"] != binding["roleRef"]:
            await client.delete_object(*place, uid=found["metadata"]["uid"])
    except errors.NotFound:
        return


_OPTIONS = (
    flags.listed("--with-namespace", summary="Namespace of the tenant.", metavar="NAME"),
    click.Option(
        ["--cluster-role"],
        default="cluster-admin",
        show_default=True,
        metavar="NAME",
        help="What the tenant may do in its namespaces.",
    ),
    flags.text("--with-service-account", summary="Service account; of the tenant's name unless given."),
    flags.switch("--skip-namespace", summary="Make no namespaces: they are there."),
)
tenant = flags.Command(
    "tenant",
    callback=_call,
    params=[*recipe.shared(_OPTIONS, repeats=False), *clusters.parameters()],
    help="Create or update a tenant's namespaces, service accounts and rights, or print them.",
)
