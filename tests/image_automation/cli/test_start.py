"""What the start of a command costs: a verb loads neither the logger nor the network where it needs none."""

import subprocess
import sys


def loaded(code: str, *modules: str) -> list[str]:
    """Return which of the modules some code loads."""
    code = f"import sys; {code}; print(*(name for name in {modules!r} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stderr.split()


def test_a_command_loads_no_logger() -> None:
    assert loaded("import image_automation.cli.cluster", "structlog") == []


def test_printing_an_object_loads_no_network() -> None:
    arguments = ["create", "image", "policy", "podinfo", "--image-ref=podinfo", "--select-alpha=asc", "--export"]
    code = f"from image_automation.cli import root; assert root.run({arguments!r}) == 0"
    assert loaded(code, "aiohttp", "structlog", "cryptography") == []
