"""`delete` as a user runs it, against the embedded control plane."""

from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, put, terminal

__all__ = ["terminal"]


async def test_an_object_goes_only_with_consent(terminal: Terminal) -> None:
    await put(terminal.client, "GitRepository", "podinfo", {"url": "https://example.com/podinfo", "interval": "1m"})
    unasked = await terminal.run("delete", "source", "git", "podinfo")  # nobody answers
    assert unasked.code == 1
    assert "Are you sure you want to delete this source git [y/N]:" in unasked.err
    assert unasked.err.endswith("✗ aborting\n")
    assert [obj.metadata.name for obj in await terminal.client.list(GitRepository, "flux-system")] == ["podinfo"]

    silent = await terminal.run("delete", "source", "git", "podinfo", "--silent")
    assert silent.err == "► deleting source git podinfo in flux-system namespace\n✔ source git deleted\n"
    assert (silent.code, silent.out) == (0, "")
    assert await terminal.client.list(GitRepository, "flux-system") == []

    gone = await terminal.run("delete", "source", "git", "podinfo", "--silent")
    assert (gone.code, gone.err) == (1, "✗ GitRepository object 'podinfo' not found in \"flux-system\" namespace\n")
