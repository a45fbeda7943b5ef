"""What the start of a command costs: nothing is loaded that a verb does not need, least of all for its help."""

import json
import subprocess
import sys
from pathlib import Path

from image_automation.cli import root

#: What takes long to load, and is for what speaks to a cluster, a registry or a repository.
HEAVY = ("aiohttp", "asyncio", "cryptography", "msgspec", "pygit2", "re2", "rich", "structlog", "yaml")
#: Verbs that need nothing of that, in one process: what one loads counts for those behind it, too.
LIGHT = [
    ["--help"], ["--version"], ["version", "--client"], ["version", "--client", "-o", "json"], ["completion", "bash"],
    ["envsubst"], ["envsubst", "--help"], ["update", "--help"], ["policy", "test", "--help"], ["migrate", "--help"],
    ["build", "artifact", "--help"], ["build", "kustomization", "--help"], ["push", "artifact", "--help"],
    ["diff", "artifact", "--help"], ["tag", "artifact", "--help"], ["pull", "artifact", "--help"], ["plan", "--help"],
    ["once", "--help"], ["init", "--help"], ["import", "renovate", "--help"], ["create", "source", "git", "--help"],
]  # fmt: skip
#: What prints YAML loads what writes it, and nothing else.
PRINTING = [
    ["create", "source", "git", "web", "--url", "https://git.example.com/web", "--branch", "main", "--export"],
    ["create", "kustomization", "web", "--source", "web", "--export"],
    ["create", "image", "policy", "web", "--image-ref", "web", "--select-semver", "1.x", "--export"],
]
_PROGRAM = """
import contextlib, json, os, sys
from image_automation.cli import root

heavy, loaded = json.loads(sys.argv[1]), {}
for arguments in json.loads(sys.argv[2]):
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        code = root.run(arguments)
    loaded[" ".join(arguments)] = [code, sorted(set(heavy) & set(sys.modules))]
print(json.dumps(loaded))
"""


def loaded(verbs: list[list[str]]) -> dict[str, list[object]]:
    """The exit code of each verb, and what heavy was loaded once it had run."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps(HEAVY), json.dumps(verbs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_verbs_without_a_cluster_start_light(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: ConfigMap\n")
    verbs = [*LIGHT, ["migrate", "-f", str(tmp_path)]]
    assert loaded(verbs) == {" ".join(verb): [0, []] for verb in verbs}


def test_printing_an_object_loads_yaml_alone() -> None:
    assert loaded(PRINTING) == {" ".join(verb): [0, ["yaml"]] for verb in PRINTING}


def test_a_command_loads_no_logger() -> None:
    code = "import sys; import image_automation.cli.cluster; print('structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_every_verb_is_there() -> None:
    for verb in root.VERBS:
        assert root.root.get_command(root.root.make_context("x", [], resilient_parsing=True), verb) is not None
