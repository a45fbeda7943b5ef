"""Proof that nothing in a repository, or in this machine's configuration of Git, runs a program or shows a secret."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gotk.git.serving.server import BasicAuth, GitServer
from tests.hostile.repository import MARKED, UPDATED
from tests.image_automation.automating import World, automation, git_spec, repository, secret

CONFIGURATION = """
[core]
  hooksPath = {hooks}
  fsmonitor = touch {sign}
  sshCommand = touch {sign}
  attributesFile = {attributes}
[filter "evil"]
  clean = touch {sign}
  smudge = touch {sign}
  process = touch {sign}
[credential]
  helper = "!touch {sign}"
[diff]
  external = touch {sign}
[init]
  templateDir = {hooks}
[protocol]
  allow = always
[url "ext::touch {sign} "]
  insteadOf = http://
"""


def found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.rglob(pattern))


@pytest.mark.parametrize("where", ["the machine's configuration", "the repository"])
async def test_nothing_in_a_repository_or_a_configuration_runs_a_program(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
):
    sign, hooks, home = tmp_path / "pwned", tmp_path / "evil-hooks", tmp_path / "home"
    for folder in (hooks, home):
        folder.mkdir()
    names = ("pre-commit", "post-commit", "pre-push", "post-checkout", "reference-transaction", "post-index-change")
    for name in names:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {sign}\n")
        (hooks / name).chmod(0o755)
    attributes = "* filter=evil diff=evil merge=evil ident text eol=crlf working-tree-encoding=UTF-16\n"
    (home / "attributes").write_text(attributes)
    evil = CONFIGURATION.format(sign=sign, hooks=hooks, attributes=home / "attributes")
    files: dict[str, str] = {"good.yaml": MARKED}
    if where == "the repository":
        hook = f"#!/bin/sh\ntouch {sign}\n"
        files |= {
            ".gitattributes": attributes,
            ".gitconfig": evil,
            ".lfsconfig": evil,
            "config": evil,
            "HEAD": "ref: x",
        }
        files |= {f"hooks/{name}": hook for name in names} | {f".husky/{name}": hook for name in names}
        files |= {".gitmodules": '[submodule "a"]\n\tpath = a\n\turl = --upload-pack=touch\n\tupdate = !touch\n'}
    else:
        (home / ".gitconfig").write_text(evil)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {sign}")
    monkeypatch.setenv("GIT_ASKPASS", f"touch {sign}")
    world = World(tmp_path / "world", files)
    with GitServer(world.folder) as server:
        world.store.put(repository(server.url("remote.git")))
        assert (await world.run(automation())).ready[0] == "True"
    assert world.text("good.yaml") == UPDATED
    assert found(tmp_path, "pwned") == []
    hooks_made = [path.name for path in found(world.folder / "mirrors", "hooks/*") if os.access(path, os.X_OK)]
    assert set(hooks_made) <= {"README.sample"}
    world.limiter.close()


async def test_no_secret_reaches_a_log_an_object_the_disk_or_the_commit(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    world = World(tmp_path, {"good.yaml": MARKED, "web.yaml": "password: TOPSECRET-decoy\n"})
    template = "{{ .AutomationObject }} {{ .Values.password }} {{ .Changed.Changes }}"
    spec = automation(git=git_spec(commit={"messageTemplate": template}))
    shown = []
    started: list[str] = []
    popen = subprocess.Popen

    def watched(command: Any, *arguments: Any, **options: Any) -> Any:
        started.append(repr((command, options.get("env"))))
        return popen(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", watched)
    with GitServer(tmp_path, auth=BasicAuth("bot", "TOPSECRET")) as server:
        for password in (b"TOPSECRET", b"TOPSECRET-wrong"):
            world.store.put(repository(server.url("remote.git"), secretRef={"name": "s"}))
            world.store.put(secret("s", {"username": b"bot", "password": password}))
            ended = await world.run(spec)
            shown.append(repr((ended.obj, ended.ready, ended.run.events, ended.outcome, str(ended.error))))
    assert world.text("good.yaml") == UPDATED
    assert "<no value>" in world.commits()[0].message
    output = capfd.readouterr()
    raw = [world.git()[oid].read_raw() for oid in world.git() if world.git()[oid].type_str == "commit"]
    kept = [path.read_bytes() for path in found(tmp_path / "mirrors", "*") if path.is_file()]
    assert started
    for text in (*shown, *started, output.out, output.err):
        assert "TOPSECRET" not in text
    for data in (*raw, *kept):
        assert b"TOPSECRET" not in data
