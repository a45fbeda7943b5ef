"""What the start of a command costs: a verb that logs nothing loads neither the logger nor what that brings along."""

import subprocess
import sys


def test_a_command_loads_no_logger() -> None:
    code = "import sys; import image_automation.cli.cluster; print('structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
