"""`stats` as a user runs it, against the embedded control plane."""

import pytest

from image_automation.cli.verbs.look import stats
from tests.image_automation.cli.test_cluster_verbs import SHA, Terminal, filled, put, terminal

__all__ = ["filled", "terminal"]


async def test_every_kind_has_a_row_in_the_order_of_flux(filled: Terminal) -> None:
    artifact = {
        "digest": "sha256:" + "0" * 64, "path": "p", "url": "http://localhost/p", "revision": f"main@sha1:{SHA}",
        "lastUpdateTime": "2026-01-02T03:04:05Z", "size": 1536,
    }  # fmt: skip
    spec = {"url": "https://example.com/large", "interval": "1m"}
    await put(filled.client, "GitRepository", "large", spec, {"artifact": artifact})
    result = await filled.run("stats")
    lines = [[cell.strip() for cell in line.split("\t")][:5] for line in result.out.splitlines()]
    assert lines[:2] == [
        ["RECONCILERS", "RUNNING", "FAILING", "SUSPENDED", "STORAGE"],
        ["GitRepository", "3", "0", "0", "1.5 KiB"],
    ]
    assert [line[0] for line in lines[2:]] == [
        "OCIRepository", "HelmRepository", "HelmChart", "Bucket", "Kustomization", "HelmRelease", "Alert", "Provider",
        "Receiver", "ImageUpdateAutomation", "ImagePolicy", "ImageRepository",
    ]  # fmt: skip
    assert lines[6] == ["Kustomization", "0", "1", "1", "-"]
    assert lines[7] == ["HelmRelease", "0", "0", "0", "-"]
    assert result.code == 0


async def test_other_namespaces_are_counted_when_asked(filled: Terminal) -> None:
    assert "GitRepository        \t0 " in (await filled.run("stats", "-n", "empty")).out
    assert "GitRepository        \t2 " in (await filled.run("stats", "-n", "empty", "-A")).out


SIZES = {0: "-", 1023: "1023 B", 1024: "1.0 KiB", 1536 * 1024: "1.5 MiB", 3 * 1024**6: "3.0 EiB"}


@pytest.mark.parametrize(("size", "text"), SIZES.items(), ids=SIZES.values())
def test_sizes_are_written_in_binary_units(size: int, text: str) -> None:
    assert stats.human_size(size) == text
