"""`get --watch` and what else chooses among objects, as a user runs it, against the embedded control plane."""

import asyncio
import contextlib
import json
import os
import pty
import sys
from collections.abc import AsyncIterator

import yaml

from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import SHA, Terminal, filled, ready, terminal

__all__ = ["filled", "terminal"]


@contextlib.asynccontextmanager
async def watching(user: Terminal, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "image_automation", "get", "sources", "git", "--watch", *arguments,
        env=user.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def fail(user: Terminal, name: str) -> None:
    status = {"status": {"conditions": [ready("False", "authentication required")]}}
    await user.client.merge_patch(GitRepository, "flux-system", name, status, subresource="status")


async def test_watching_prints_what_is_there_and_then_what_changes(filled: Terminal) -> None:
    async with watching(filled) as out:
        first = [(await out.readline()).decode() for _ in range(3)]
        assert [line.split("\t")[0].strip() for line in first] == ["NAME", "podinfo", "young"]
        await fail(filled, "young")
        assert (await out.readline()).decode().split("\t") == [
            "young", "", "False", "False", "authentication required", "\n",
        ]  # fmt: skip


async def test_watching_prints_only_what_has_the_status_that_is_asked_for(filled: Terminal) -> None:
    async with watching(filled, "--status-selector", "Ready=False", "--no-header") as out:
        await fail(filled, "podinfo")
        assert (await out.readline()).decode().startswith("podinfo")


async def test_watching_prints_whole_objects_where_they_are_wanted(filled: Terminal) -> None:
    async with watching(filled, "young", "-o", "yaml") as out:
        assert await out.readline() == b"---\n"
        await fail(filled, "young")
        text = (await out.readuntil(b"---\n")).decode() + (await out.readuntil(b"authentication required")).decode()
    before, after = yaml.safe_load_all(text)
    assert (before["metadata"]["name"], "conditions" in before.get("status", {})) == ("young", False)
    assert after["metadata"]["name"] == "young"
    async with watching(filled, "young", "-o", "json") as out:
        assert json.loads(await out.readuntil(b"\n}\n"))["kind"] == "GitRepository"


async def test_a_selector_is_checked_before_anything_is_asked(terminal: Terminal) -> None:
    result = await terminal.run("get", "all", "--status-selector", "ready")
    assert result.err == "✗ expected status selector in type=status or type!=status format, but found: ready\n"


async def test_a_long_message_widens_no_other_line_on_a_terminal(filled: Terminal) -> None:
    await fail(filled, "young")
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "get", "sources", "git", env=filled.environment, stdout=slave
    )
    await process.wait()
    os.close(slave)
    lines = os.read(master, 10_000).decode().splitlines()
    os.close(master)
    assert max(map(len, lines)) <= 80
    assert lines[0].endswith("  MESSAGE")
    assert lines[-1].endswith("  authentication required")


async def test_wide_rows_hold_whole_revisions_and_sources(filled: Terminal) -> None:
    wide = await filled.run("get", "kustomizations", "-o", "wide", "--no-header")
    cells = [cell.strip() for cell in wide.out.split("\t")]
    assert cells[:4] == ["podinfo", "GitRepository/flux-system/podinfo", f"main@sha1:{SHA}", "True"]
    every = await filled.run("get", "all", "-o", "wide")
    assert f"main@sha1:{SHA}" in every.out


async def test_names_are_printed_as_kubectl_prints_them(filled: Terminal) -> None:
    named = await filled.run("get", "sources", "git", "-o", "name")
    assert named.out == (
        "gitrepository.source.toolkit.fluxcd.io/podinfo\ngitrepository.source.toolkit.fluxcd.io/young\n"
    )
