"""`create tenant` as flux prints it, what it refuses, and what becomes of a tenant that is there."""

import pytest

from tests.image_automation.cli.test_cluster_verbs import Terminal, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
TENANT = ("tenant", "dev-team", "--with-namespace=apps")


def test_a_tenant(capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *TENANT).out == (
        "---\n"
        "apiVersion: v1\n"
        "kind: Namespace\n"
        "metadata:\n"
        "  labels:\n"
        "    toolkit.fluxcd.io/tenant: dev-team\n"
        "  name: apps\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: ServiceAccount\n"
        "metadata:\n"
        "  labels:\n"
        "    toolkit.fluxcd.io/tenant: dev-team\n"
        "  name: dev-team\n"
        "  namespace: apps\n"
        "---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: RoleBinding\n"
        "metadata:\n"
        "  labels:\n"
        "    toolkit.fluxcd.io/tenant: dev-team\n"
        "  name: dev-team-reconciler\n"
        "  namespace: apps\n"
        "roleRef:\n"
        "  apiGroup: rbac.authorization.k8s.io\n"
        "  kind: ClusterRole\n"
        "  name: cluster-admin\n"
        "subjects:\n"
        "- apiGroup: rbac.authorization.k8s.io\n"
        "  kind: User\n"
        "  name: gotk:apps:reconciler\n"
        "- kind: ServiceAccount\n"
        "  name: dev-team\n"
        "  namespace: apps\n"
    )


def test_a_tenant_of_several_namespaces_that_are_there(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *TENANT, "--with-namespace=web,db", "--skip-namespace", "--with-service-account=robot",
        "--cluster-role=edit", "--label=env=dev",
    )  # fmt: skip
    lines = said.out.splitlines()
    assert [line for line in lines if line.startswith("kind: ")] == ["kind: ServiceAccount", "kind: RoleBinding"] * 3
    assert lines.count("  name: robot") == 6
    assert lines.count("  name: edit") == 3
    assert lines.count("    env: dev") == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tenant",), "name is required"),
        (TENANT[:2], "with-namespace is required"),
        ((*TENANT, "--cluster-role="), "cluster-role is required"),
        (
            (*TENANT, "--with-namespace=A"),
            "invalid namespace 'A': it has at most 63 lower-case letters, digits and '-'",
        ),
        (
            (*TENANT, "--with-service-account=a_b"),
            "invalid service-account name 'a_b': it has at most 63 lower-case letters, digits and '-'",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


async def test_a_tenant_is_made_and_later_may_do_less(terminal: Terminal) -> None:
    said = await terminal.run("create", *TENANT)
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines() == [
        "► applying namespace apps",
        "► applying service account dev-team",
        "► applying role binding dev-team-reconciler",
        "✔ tenant setup completed",
    ]
    again = await terminal.run("create", *TENANT, "--cluster-role=view", "--label=env=dev")
    assert (again.code, again.err) == (0, said.err)
    binding = await terminal.client.get_object(
        "rbac.authorization.k8s.io/v1", "RoleBinding", "apps", "dev-team-reconciler"
    )
    assert binding["roleRef"]["name"] == "view"
    namespace = await terminal.client.get_object("v1", "Namespace", "", "apps")
    assert namespace["metadata"]["labels"] == {
        "env": "dev", "kubernetes.io/metadata.name": "apps", "toolkit.fluxcd.io/tenant": "dev-team",
    }  # fmt: skip
