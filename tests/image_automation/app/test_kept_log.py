"""The log that a service with an embedded control plane keeps."""

import io
import json
import stat
from pathlib import Path

import structlog

from gotk.runtime import logging
from image_automation.app import kept_log


def test_lines_are_kept_as_json_whatever_the_terminal_shows(tmp_path: Path) -> None:
    path = kept_log.of(tmp_path / "data")
    shown = io.StringIO()
    logging.configure(encoding="console", stream=shown, keep=kept_log.LogFile(path).write)
    structlog.get_logger().error("reconciliation failed", name="web", url="https://me:secret@example.com")
    assert json.loads(path.read_text())["msg"] == "reconciliation failed"
    assert "secret" not in path.read_text()
    assert not shown.getvalue().startswith("{")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_files_of_bounded_size_hold_what_was_said_last(tmp_path: Path) -> None:
    path = kept_log.of(tmp_path)
    kept = kept_log.LogFile(path, limit=100)
    for number in range(50):
        kept.write(f"{number:09}")
    kept.close()
    again = kept_log.LogFile(path, limit=100)  # the size of what is there counts
    again.write("the last")
    found = kept_log.before(path).read_text() + path.read_text()
    assert found.splitlines()[-2:] == ["000000049", "the last"]
    assert 10 <= len(found.splitlines()) <= 20
    assert max(path.stat().st_size, kept_log.before(path).stat().st_size) <= 100
    assert sorted(each.name for each in tmp_path.iterdir()) == ["service.log", "service.log.1"]


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept_log.LogFile(tmp_path / "file" / "service.log").write("lost")
    assert kept_log.find(tmp_path / "kubeconfig") is None
