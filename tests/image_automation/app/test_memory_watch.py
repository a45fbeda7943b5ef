"""The service ends before its memory is used up, where the operator wants that."""

import asyncio
from pathlib import Path

import pytest
import structlog

from image_automation.app import memory_watch

GROUPS = {
    "version 2": ("memory.max", "memory.current"),
    "version 1": ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
}


def group(folder: Path, version: str = "version 2", *, limit: str = "1000", used: str = "10") -> tuple[Path, Path]:
    """Write the files of a control group."""
    files = tuple(folder / name for name in GROUPS[version])
    for file, text in zip(files, (limit, used), strict=True):
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{text}\n")
    return files[0], files[1]


async def turns() -> None:
    """Let the loop turn a few times: timers that are due run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("version", GROUPS)
async def test_the_service_stops_when_so_much_is_used(tmp_path: Path, version: str) -> None:
    _, usage = group(tmp_path, version)
    found = memory_watch.find(None, None, percent=90, every=0.0, group=tmp_path)
    assert (found.limit, found.usage, found.most) == (1000, usage, 900)
    stop = asyncio.Event()
    usage.write_text("not a number")
    with structlog.testing.capture_logs() as logs, memory_watch.watching(found, stop):
        await turns()
        assert logs, "nothing was looked at"
        assert not stop.is_set(), "what cannot be read is no reason"
        usage.write_text("900")
        await asyncio.wait_for(stop.wait(), 30)
    assert logs[-1] == {
        "event": "memory is nearly used up: the service ends", "log_level": "warning", "logger": "memory",
        "used": 900, "limit": 1000,
    }  # fmt: skip


async def test_what_is_used_less_stops_nothing_and_what_is_over_is_not_looked_at(tmp_path: Path) -> None:
    _, usage = group(tmp_path, used="899")
    found = memory_watch.find(None, None, percent=90, every=0.0, group=tmp_path)
    stop = asyncio.Event()
    with memory_watch.watching(found, stop):
        await turns()
    usage.write_text("1000")
    await turns()
    with memory_watch.watching(None, stop):
        await turns()
    assert not stop.is_set()


WRONG = {
    "no limit": ({"limit": "max"}, r"memory\.max cannot be used: it says that there is no limit; limit the container"),
    "no number": ({"limit": "much"}, r"memory\.max cannot be used: invalid literal"),
    "no usage": ({"used": "much"}, r"--oom-watch-current-memory-path: .*memory\.current cannot be read"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_files_that_say_nothing_of_use_end_the_start(tmp_path: Path, content: dict[str, str], message: str) -> None:
    group(tmp_path, **content)
    with pytest.raises(ValueError, match=message):
        memory_watch.find(None, None, percent=90, every=1.0, group=tmp_path)


def test_a_machine_without_a_control_group_asks_for_the_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--oom-watch-max-memory-path: there is no memory\.max and no memory/"):
        memory_watch.find(None, None, percent=90, every=1.0, group=tmp_path)
    limit, usage = group(tmp_path)
    elsewhere = tmp_path / "nothing"
    assert memory_watch.find(limit, usage, percent=90, every=1.0, group=elsewhere).usage == usage
