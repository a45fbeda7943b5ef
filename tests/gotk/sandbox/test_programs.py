"""The real kubectl over an attacker's tree, with nothing between them but the sandbox."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached
from tests.gotk.sandbox import children

pytestmark = children.needs_walls

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or ""
GENERATOR = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: x}}\nfiles: [stolen={secret}]\n"
LEVELS = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 7))]

#: Trees whose kustomization reads a file outside: ways around a check that reads YAML as another parser does.
THEFTS = {
    "one key in two spellings": {
        "kustomization.yaml": "configMapGenerator:\n- name: x\n  files: [stolen={secret}]\n"
        "ConfigMapGenerator:\n- name: x\n  literals: [a=b]\n"
    },
    "a plugin configuration with items": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": GENERATOR + "items: [{{kind: Foo}}]\n",
    },
    "a list in a list": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n"
        "  - {{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {{name: x}}, files: ['stolen={secret}']}}\n",
    },
    "a generator of secrets": {"kustomization.yaml": "secretGenerator:\n- name: x\n  files: [stolen={secret}]\n"},
    "an environment file": {"kustomization.yaml": "configMapGenerator:\n- name: x\n  envs: [{secret}]\n"},
    "an inline generator": {
        "kustomization.yaml": "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
        "  metadata: {{name: x}}\n  files: ['stolen={secret}']\n"
    },
    "a resource": {"kustomization.yaml": "resources: [{secret}]\n"},
    "a resource by a link": {"kustomization.yaml": "resources: [link]\n"},
    "a base elsewhere": {"kustomization.yaml": "resources: [{outside}]\n"},
    "a component elsewhere": {"kustomization.yaml": "components: [../outside]\n"},
    "a patch": {"kustomization.yaml": "patches: [{{path: {secret}}}]\n"},
    "a replacement": {"kustomization.yaml": "replacements: [{{path: {secret}}}]\n"},
    "a schema": {"kustomization.yaml": "openapi: {{path: {secret}}}\n"},
    "a configuration": {"kustomization.yaml": "configurations: [{secret}]\n"},
    "a chart": {"kustomization.yaml": "helmCharts: [{{name: x, valuesFile: {secret}}}]\n"},
    "the environment": {"kustomization.yaml": "configMapGenerator:\n- name: x\n  files: [stolen=/proc/self/environ]\n"},
    "the service's environment": {
        "kustomization.yaml": "configMapGenerator:\n- name: x\n  files: [stolen=/proc/{parent}/environ]\n"
    },
}
CALLS = {
    "a resource by http": "resources: ['http://127.0.0.1:{port}/x.yaml']\n",
    "a base by git": "resources: ['git::http://127.0.0.1:{port}/x.git']\n",
    "a patch by http": "resources: []\npatches: [{{path: 'http://127.0.0.1:{port}/x.yaml'}}]\n",
    "a schema by http": "openapi: {{path: 'http://127.0.0.1:{port}/x.json'}}\n",
    "a name that must be looked up": "resources: ['http://localhost:{port}/x.yaml']\n",
}


def confined(tree: Path, **changes: int) -> Confinement:
    return Confinement(read=(str(tree),), reserves=True, **{"memory": 512 << 20, "cpu_seconds": 20, **changes})  # type: ignore[arg-type]


def build(tree: Path, confinement: Confinement) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        confinement.command((KUBECTL, "kustomize", str(tree), "--load-restrictor=LoadRestrictionsNone")),
        env={"HOME": "/nonexistent", "PATH": "/nonexistent", "SECRET": "s3cr3t"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kustomization.yaml").write_text("resources: [secret]\n")
    (outside / "secret").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {key: s3cr3t}\n")
    inside = tmp_path / "tree"
    inside.mkdir()
    (inside / "link").symlink_to(outside / "secret")
    return inside


@pytest.mark.parametrize("files", THEFTS.values(), ids=THEFTS)
def test_nothing_outside_is_read_however_it_is_asked_for(tree, files):
    outside = tree.parent / "outside"
    for name, text in files.items():
        (tree / name).write_text(text.format(secret=outside / "secret", outside=outside, parent=os.getpid()))
    ended = build(tree, confined(tree))
    assert ended.returncode != 0
    assert "s3cr3t" not in ended.stdout + ended.stderr
    assert any(refusal in ended.stderr for refusal in ("denied", "not permitted", "unable to find", "helm"))


@pytest.mark.parametrize("text", CALLS.values(), ids=CALLS)
def test_nobody_is_called(tree, text):
    with socket.create_server(("127.0.0.1", 0)) as server:
        called = []

        def listen() -> None:
            connection, _ = server.accept()
            called.append(connection)

        server.settimeout(10)
        (tree / "kustomization.yaml").write_text(text.format(port=server.getsockname()[1]))
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        ended = build(tree, confined(tree))
        with socket.create_connection(server.getsockname()) as ours:
            listener.join()
            assert called[0].getpeername() == ours.getsockname()  # nobody came before
        called[0].close()
    assert ended.returncode != 0
    assert "not permitted" in ended.stderr or "executable file not found" in ended.stderr


def test_a_tree_of_its_own_is_built(tree):
    (tree / "base").mkdir()
    (tree / "base" / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    (tree / "base" / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    (tree / "kustomization.yaml").write_text("resources: [base]\nnamePrefix: a-\n")
    ended = build(tree, confined(tree))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "name: a-x" in ended.stdout


@pytest.mark.parametrize("levels", [6, 7])
def test_aliases_that_unfold_end_at_the_limit_of_memory_and_say_so(tree, levels):
    head = "apiVersion: x/v1\nkind: Foo\nmetadata: {name: x}\n"
    (tree / "cm.yaml").write_text(head + "\n".join(LEVELS[:levels]) + "\n")
    (tree / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    confinement = confined(tree, memory=192 << 20)
    ended = build(tree, confinement)
    assert limit_reached(confinement, ended.returncode, ended.stderr) == "it needs more than 192 MiB of memory"


def test_processor_time_ends_and_says_so(tree):
    head = "apiVersion: x/v1\nkind: Foo\nmetadata: {name: x}\n"
    (tree / "cm.yaml").write_text(head + "\n".join(LEVELS) + "\n")
    (tree / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    confinement = confined(tree, memory=8 << 30, cpu_seconds=1)
    ended = build(tree, confinement)
    assert ended.returncode == -signal.SIGKILL
    assert "more than 1s of processor time" in limit_reached(confinement, ended.returncode, ended.stderr)


async def test_it_dies_with_its_parent(tmp_path):
    """The parent here is a process of its own, killed while the program waits."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import subprocess, sys\n"
        "from gotk.sandbox.confinement import Confinement\n"
        "command = Confinement(memory=1 << 30, cpu_seconds=5).command(('sleep', '60'))\n"
        "child = subprocess.Popen(command)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert parent.stdout is not None
    await parent.stdout.readline()
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        await parent.stdout.read()  # `sleep` holds it too, and never closes it


def test_a_program_that_is_linked_with_libraries_runs_and_reads_no_file_of_the_system():
    confinement = Confinement(memory=1 << 30, cpu_seconds=5)
    said = subprocess.run(confinement.command(("cat", "/etc/passwd")), capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert "Permission denied" in said.stderr
    assert subprocess.run(confinement.command(("true",)), check=False).returncode == 0


def test_no_descriptor_of_the_parent_comes_along():
    with Path("/etc/passwd").open() as file:
        os.set_inheritable(file.fileno(), True)
        ended = subprocess.run(
            Confinement(memory=1 << 30, cpu_seconds=5).command(("cat", f"/dev/fd/{file.fileno()}")),
            capture_output=True, close_fds=False, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_memory_that_is_to_be_kept_comes_along_and_nothing_else():
    kept, other = os.memfd_create("kept"), os.memfd_create("other")
    try:
        os.write(kept, b"a key")
        paths = [f"/proc/self/fd/{descriptor}" for descriptor in (kept, kept, other)]
        ended = subprocess.run(
            Confinement(memory=1 << 30, cpu_seconds=5, keep=(kept,)).command(("cat", *paths)),
            capture_output=True, pass_fds=(kept, other), check=False,
        )  # fmt: skip
    finally:
        os.close(kept)
        os.close(other)
    assert (ended.returncode, ended.stdout) == (1, b"a keya key")


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="there is no program nothing-of-that-name"):
        Confinement(memory=1 << 30, cpu_seconds=5).command(("nothing-of-that-name",))
