"""`export` as a user runs it, against the embedded control plane."""

from tests.image_automation.cli.test_cluster_verbs import Terminal, filled, put, terminal

__all__ = ["filled", "terminal"]


async def test_what_the_cluster_wrote_is_left_out(filled: Terminal) -> None:
    result = await filled.run("export", "image", "policy", "podinfo")
    assert result.out == (
        "---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\n"
        "kind: ImagePolicy\n"
        "metadata:\n"
        "  name: podinfo\n"
        "  namespace: flux-system\n"
        "spec:\n"
        "  digestReflectionPolicy: Never\n"
        "  imageRepositoryRef:\n"
        "    name: podinfo\n"
        "  policy:\n"
        "    semver:\n"
        "      range: 5.x\n"
    )
    assert (result.code, result.err) == (0, "")


async def test_all_objects_of_a_namespace_are_exported_and_none_is_an_error(terminal: Terminal) -> None:
    for name in ("one", "two"):
        await put(terminal.client, "GitRepository", name, {"url": f"https://example.com/{name}", "interval": "1m"})
    result = await terminal.run("export", "source", "git", "--all")
    assert [line for line in result.out.splitlines() if line.startswith(("---", "  url"))] == [
        "---", "  url: https://example.com/one", "---", "  url: https://example.com/two",
    ]  # fmt: skip
    none = await terminal.run("export", "alert-provider", "--all")
    assert (none.code, none.out, none.err) == (1, "", "✗ no objects found in flux-system namespace\n")
    unnamed = await terminal.run("export", "kustomization")
    assert (unnamed.code, unnamed.err) == (1, "✗ name is required\n")
