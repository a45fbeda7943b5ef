"""`v1 sync` as a user types it, against the embedded control plane with controllers that are played."""

import asyncio
from typing import Any

from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import SHA, Terminal, answering, filled, ready, terminal

__all__ = ["filled", "terminal"]


async def resumed(terminal: Terminal) -> None:
    await terminal.client.merge_patch(Kustomization, "flux-system", "podinfo", {"spec": {"suspend": None}})


async def test_sync_fetches_the_repository_and_waits_until_it_is_applied(filled: Terminal) -> None:
    await resumed(filled)

    def applied(_: str) -> dict[str, Any]:
        return {"conditions": [ready("True", "Applied revision", generation=2)]}

    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, GitRepository, lambda _: {}))
        group.create_task(answering(filled, Kustomization, applied))
        result = await filled.run("v1", "sync", "--source", "podinfo", "--k8s-fwd-ns", "flux-system")
    assert result.err.splitlines() == [
        "Synchronizing with https://example.com/podinfo",
        f"Revision of main to apply is {SHA[:7]}",
        f"Waiting for {SHA[:7]} to be applied ...",
        "Done.",
    ]
    assert (result.code, result.out) == (0, "")


async def test_what_cannot_be_fetched_or_applied_is_told_with_its_cause(filled: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(
            answering(filled, GitRepository, lambda _: {"conditions": [ready("False", "authentication required")]})
        )
        result = await filled.run("v1", "sync", "--source", "podinfo")
    assert result.code == 1
    assert result.err.splitlines()[-1] == (
        "✗ git repository https://example.com/podinfo is not ready to sync: authentication required"
    )


async def test_a_kustomization_that_fails_fails_the_sync(filled: Terminal) -> None:
    await resumed(filled)
    bad = {"conditions": [ready("False", "kustomize build failed", generation=2)]}
    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, GitRepository, lambda _: {}))
        group.create_task(answering(filled, Kustomization, lambda _: bad))
        result = await filled.run("v1", "sync", "--source", "podinfo")
    assert result.code == 1
    assert result.err.splitlines()[-2:] == [
        "✗ Kustomization flux-system/podinfo: kustomize build failed",
        "✗ 1 of 1 Kustomizations could not be applied",
    ]


async def test_what_is_suspended_is_named_and_left_alone(filled: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, GitRepository, lambda _: {}))
        result = await filled.run("v1", "sync", "--source", "podinfo")
    assert (
        "⚠️ Kustomization flux-system/podinfo is suspended: `resume kustomization podinfo -n flux-system`" in result.err
    )
    assert (result.code, result.err.splitlines()[-1]) == (0, "Done.")
    await filled.client.merge_patch(GitRepository, "flux-system", "podinfo", {"spec": {"suspend": True}})
    refused = await filled.run("v1", "sync", "--source", "podinfo")
    assert (refused.code, refused.err.splitlines()[-1]) == (
        1,
        (
            "✗ git repository https://example.com/podinfo is not ready to sync (status: suspended):"
            " `resume source git podinfo`"
        ),
    )


async def test_a_repository_that_is_not_there_is_told_with_what_to_do(terminal: Terminal) -> None:
    result = await terminal.run("v1", "sync", "--k8s-fwd-ns", "flux")
    assert (result.code, result.err) == (
        1,
        (
            "✗ GitRepository object 'flux-system' not found in \"flux\" namespace: name one with --source and -n"
            " (`get sources git -A` lists them), or make one: `create source git flux-system`\n"
        ),
    )
