"""What the start of a command costs: nothing is loaded that a verb does not need, least of all for its help."""

import subprocess
import sys
from pathlib import Path

import pytest

from image_automation.cli import root

#: What takes long to load, and is for what speaks to a cluster, a registry or a repository.
HEAVY = ("aiohttp", "asyncio", "cryptography", "msgspec", "pygit2", "re2", "rich", "structlog", "yaml")
VERBS = [
    ["--help"], ["--version"], ["version", "--client"], ["version", "--client", "-o", "json"], ["completion", "bash"],
    ["envsubst"], ["envsubst", "--help"], ["update", "--help"], ["policy", "test", "--help"], ["migrate", "--help"],
    ["build", "artifact", "--help"], ["build", "kustomization", "--help"], ["push", "artifact", "--help"],
    ["diff", "artifact", "--help"], ["tag", "artifact", "--help"], ["pull", "artifact", "--help"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", VERBS, ids=" ".join)
def test_a_verb_without_a_cluster_starts_light(arguments: list[str]) -> None:
    code = (
        "import sys; from image_automation.cli import root; code = root.run(sys.argv[1:]);"
        f" print(sorted(set({HEAVY!r}) & set(sys.modules)), code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.stderr == "[] 0\n", done


def test_manifests_are_migrated_without_what_speaks_to_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: ConfigMap\n")
    code = (
        "import sys; from image_automation.cli import root; root.run(sys.argv[1:]);"
        f" print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "migrate", "-f", str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_command_loads_no_logger() -> None:
    code = "import sys; import image_automation.cli.cluster; print('structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_every_verb_is_there() -> None:
    for verb in root.VERBS:
        assert root.root.get_command(root.root.make_context("x", [], resilient_parsing=True), verb) is not None
