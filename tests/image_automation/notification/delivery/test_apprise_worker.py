"""What apprise may do in its process: its own files, its own folder, and the network but for link-local addresses."""

import os
import sys
from pathlib import Path

import pytest

from image_automation.notification.delivery.apprise_worker import Fence


@pytest.fixture
def fence(tmp_path: Path) -> Fence:
    home = tmp_path / "home"
    home.mkdir()
    return Fence(home)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/proc/self/environ", "/var/run/secrets/token", "../outside", b"/etc/x"]
)
def test_files_of_the_machine_are_not_read(fence: Fence, tmp_path: Path, path: str | bytes) -> None:
    whole = path if isinstance(path, bytes) or path.startswith("/") else str(tmp_path / "home" / path)
    with pytest.raises(PermissionError, match="no file"):
        fence.check("open", (whole, "r", os.O_RDONLY))


def test_a_link_out_of_the_own_folder_leads_nowhere(fence: Fence, tmp_path: Path) -> None:
    (tmp_path / "home" / "link").symlink_to("/etc/passwd")
    with pytest.raises(PermissionError, match="no file"):
        fence.check("open", (str(tmp_path / "home" / "link"), "r", os.O_RDONLY))


def test_code_is_read_and_never_written(fence: Fence) -> None:
    code = os.__file__
    fence.check("open", (code, "rb", os.O_RDONLY))
    with pytest.raises(PermissionError, match="no file"):
        fence.check("open", (code, "ab", os.O_WRONLY | os.O_APPEND))


def test_the_own_folder_is_written(fence: Fence, tmp_path: Path) -> None:
    fence.check("open", (str(tmp_path / "home" / "state"), "w", os.O_WRONLY | os.O_CREAT))


@pytest.mark.parametrize(
    "event", ["subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "ctypes.dlopen"]
)
def test_no_program_is_started(fence: Fence, event: str) -> None:
    with pytest.raises(PermissionError, match="no program"):
        fence.check(event, (sys.executable,))


@pytest.mark.parametrize(
    "address",
    [
        ("169.254.169.254", 80),
        ("::ffff:169.254.169.254", 80, 0, 0),
        ("fe80::1%lo", 80, 0, 0),
        ("0xA9FEA9FE", 80),
        "/run/x",
    ],
)
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto"])
def test_neither_metadata_nor_sockets_of_the_machine_are_spoken_to(fence: Fence, event: str, address: object) -> None:
    with pytest.raises(PermissionError, match="spoken to"):
        fence.check(event, (None, address))
    assert "spoken to" in fence.refused


@pytest.mark.parametrize("address", [("127.0.0.1", 25), ("10.0.0.7", 587), ("192.0.2.1", 443), ("::1", 25, 0, 0)])
def test_mail_servers_are_spoken_to_wherever_they_are(fence: Fence, address: object) -> None:
    fence.check("socket.connect", (None, address))
    assert fence.refused == ""
