"""`v1 identity` as a user types it, against the embedded control plane."""

import base64

from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, filled, terminal

__all__ = ["filled", "terminal"]

KEY = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAI flux"


async def keyed(terminal: Terminal, **data: str) -> None:
    """Give the repository a Secret."""
    await terminal.client.merge_patch(
        GitRepository, "flux-system", "podinfo",
        {"spec": {"url": "ssh://git@example.com/podinfo", "secretRef": {"name": "deploy"}}},
    )  # fmt: skip
    metadata = {"name": "deploy", "namespace": "flux-system"}
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    await terminal.client.create_object({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})


async def test_identity_prints_the_public_key_alone(filled: Terminal) -> None:
    await keyed(filled, identity="the private half", identity_pub=f"{KEY}\n")
    result = await filled.run("v1", "identity", "--source", "podinfo", "--k8s-fwd-ns", "flux-system")
    assert (result.code, result.out, result.err) == (0, f"{KEY}\n", "")


async def test_a_repository_without_a_key_is_told_with_how_to_make_one(filled: Terminal) -> None:
    public = await filled.run("v1", "identity", "--source", "podinfo")
    assert public.code == 1
    assert public.err.startswith("✗ GitRepository flux-system/podinfo has no spec.secretRef")
    await keyed(filled, username="git", password="hush")
    result = await filled.run("v1", "identity", "--source", "podinfo")
    assert (result.code, result.err) == (
        1,
        (
            "✗ Secret flux-system/deploy has no 'identity.pub': make a key with"
            " `create secret git deploy --url=ssh://git@example.com/podinfo`\n"
        ),
    )
    await filled.client.delete_object("v1", "Secret", "flux-system", "deploy")
    gone = await filled.run("v1", "identity", "--source", "podinfo")
    assert gone.err.startswith("✗ Secret flux-system/deploy of GitRepository flux-system/podinfo not found")
