"""The demo, killed at any moment and started again on its folder: it carries on, and nothing is done twice."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pygit2
import pytest

#: Of a demo that lasts four seconds; each kill falls into a stretch of its own, so that none is left out.
FIRST, LAST = 0.2, 3.5
KILLS = 10
SEED = 20261121


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "image_automation", "demo", "--data-dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(300)
def test_a_killed_demo_carries_on_where_it_was(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    stretch = (LAST - FIRST) / KILLS
    for number in chance.sample(range(KILLS), KILLS):
        process = start(tmp_path)
        time.sleep(FIRST + stretch * (number + chance.random()))
        process.send_signal(signal.SIGKILL)
        process.communicate()

    last = start(tmp_path)
    printed, _ = last.communicate(timeout=90)

    assert last.returncode == 0, printed
    assert "1.1.0 went from the registry to the Deployment" in printed
    repository = pygit2.Repository(str(tmp_path / "git" / "apps.git"))
    assert [commit.message.splitlines()[0] for commit in repository.walk(repository.branches["main"].target)] == [
        "Update from image update automation",
        "Begin",
    ]
