"""`events` as a user runs it, against the embedded control plane."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gotk.kube.client import Client
from tests.image_automation.cli.test_cluster_verbs import Terminal, filled, terminal

__all__ = ["filled", "terminal"]


async def note(client: Client, kind: str, name: str, message: str, *, minutes: int = 12, **fields: Any) -> None:
    """Write an event of so many minutes ago."""
    time = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    namespace = fields.pop("namespace", "flux-system")
    event = {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": f"{name}.{abs(hash((kind, message))):x}", "namespace": namespace},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "type": "Normal", "reason": "NewArtifact", "message": message, "firstTimestamp": time, "lastTimestamp": time,
    }  # fmt: skip
    await client.create_object(event | fields)


@pytest.fixture
async def eventful(filled: Terminal) -> Terminal:
    client = filled.client
    await note(client, "Kustomization", "podinfo", "build failed:\nno file", type="Warning", reason="BuildFailed")
    await note(client, "GitRepository", "podinfo", "stored artifact", minutes=30)
    await note(client, "GitRepository", "young", "waiting", minutes=20, count=3)
    await note(client, "Pod", "podinfo", "Pulling image")
    await note(client, "GitRepository", "elsewhere", "stored artifact", minutes=40, namespace="empty")
    return filled


async def test_events_are_printed_the_oldest_first_without_those_of_other_kinds(eventful: Terminal) -> None:
    result = await eventful.run("events")
    assert [line.split("\t") for line in result.out.splitlines()] == [
        ["LAST SEEN        ", "TYPE   ", "REASON     ", "OBJECT               ", "MESSAGE              "],
        ["30m              ", "Normal ", "NewArtifact", "GitRepository/podinfo", "stored artifact      ", ""],
        ["20m (x3 over 20m)", "Normal ", "NewArtifact", "GitRepository/young  ", "waiting              ", ""],
        ["12m              ", "Warning", "BuildFailed", "Kustomization/podinfo", "build failed: no file", ""],
    ]
    assert (result.code, result.err) == (0, "")


async def test_events_of_one_object_come_with_those_of_its_source(eventful: Terminal) -> None:
    result = await eventful.run("events", "--for", "kustomization/podinfo")
    assert [line.split("\t")[3].strip() for line in result.out.splitlines()] == [
        "OBJECT", "GitRepository/podinfo", "Kustomization/podinfo",
    ]  # fmt: skip
    kind = await eventful.run("events", "--for", "GitRepository", "-A")
    assert [line.split("\t")[0].strip() for line in kind.out.splitlines()] == [
        "NAMESPACE", "empty", "flux-system", "flux-system",
    ]  # fmt: skip
    warnings = await eventful.run("events", "--types", "warning")
    assert [line.split("\t")[1] for line in warnings.out.splitlines()] == ["TYPE   ", "Warning"]


async def test_no_events_are_no_error_and_mistakes_are_one_line(terminal: Terminal) -> None:
    none = await terminal.run("events")
    assert (none.code, none.out, none.err) == (0, "", "✗ No events found in flux-system namespace.\n")
    assert (await terminal.run("events", "-A")).err == "✗ No events found.\n"
    for arguments, message in (
        (("--for", "/podinfo"), "--for selector must be of format <kind>[/<name>]"),
        (("--for", "Deployment/podinfo"), "'Deployment' is not a recognized Flux kind"),
        (("--types", "Error"), "type 'Error' not supported. Supported types are Normal, Warning"),
    ):
        result = await terminal.run("events", *arguments)
        assert (result.code, result.out, result.err) == (1, "", f"✗ {message}\n")


async def test_watching_prints_each_event_once_as_it_comes(eventful: Terminal) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "image_automation", "events", "--for", "Kustomization/podinfo", "--watch",
        env=eventful.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode() for _ in range(3)]
            await note(eventful.client, "GitRepository", "podinfo", "stored another", minutes=0)
            lines.append((await process.stdout.readline()).decode())
    finally:
        process.kill()
        await process.wait()
    assert [line.split("\t")[4].strip() for line in lines] == [
        "MESSAGE", "stored artifact", "build failed: no file", "stored another",
    ]  # fmt: skip
