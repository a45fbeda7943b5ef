"""Rows 20-26 and 30: repositories, remotes and templates that mean harm, and a process that dies at the wrong moment.

Each row does its worst to a real reconciler over a real repository; beside it stands a marked file that must still be
updated, or stay as it is where the whole run has to fail.
"""

import asyncio
import contextlib
import errno
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.source import archive
from gotk import nesting
from gotk.git import errors as git
from gotk.git import url as urls
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.transport import remote as remotes
from gotk.git.transport.operation import ListReferences, Remote
from tests.hostile.repository import FILE, LINK, MARK, MARKED, SUBMODULE, TREE, UPDATED, Evil
from tests.image_automation.automating import World, automation, git_spec, policy, repository
from tests.running import Ended

COMMIT = "1" * 40


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {"good.yaml": MARKED})
    yield made
    made.limiter.close()


def said(ended: Ended[Any]) -> str:
    """What a user was told, in events and in the condition."""
    return "\n".join([ended.ready[2], *(event.message for event in ended.run.events)])


def stored(world: World, tmp_path: Path) -> tarfile.TarFile:
    """The artifact of the branch, as a GitRepository would store it."""
    mirror = Mirrors(tmp_path / "artifact-mirrors").open(f"file://{world.remote}")
    commit = mirror.fetch("refs/heads/main")
    with (tmp_path / "artifact.tar.gz").open("wb") as target:
        archive.write(target, mirror.files(commit), mirror.read, None)
    return tarfile.open(tmp_path / "artifact.tar.gz")


async def test_row_20_links_out_of_the_tree_loops_and_a_linked_git_folder(world: World, tmp_path: Path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(MARKED)
    evil = Evil(world.remote)
    loop = evil.blob("loop")
    evil.put(
        (LINK, "passwd.yaml", evil.blob("/etc/passwd")),
        (LINK, "out.yaml", evil.blob(str(outside))),
        (LINK, "marker.yaml", evil.blob(MARKED)),
        (LINK, "loop", loop),
        (LINK, "folder", evil.blob("../..")),
        (LINK, ".git", evil.blob("/etc")),
    )
    assert (await world.run(automation())).ready[0] == "True"
    assert world.text("good.yaml") == UPDATED
    tree = world.commits()[0].tree
    assert [tree[name].filemode for name in ("passwd.yaml", "out.yaml", "marker.yaml", "loop", "folder")] == [LINK] * 5
    assert tree["marker.yaml"].data == MARKED.encode()
    assert outside.read_text() == MARKED
    through = await world.run(automation(update={"path": "folder/etc"}))
    assert through.ready[:2] == ("False", "UpdateFailed")
    with stored(world, tmp_path) as artifact:
        assert [member.name for member in artifact if not member.isdir()] == ["good.yaml"]


async def test_row_21_names_that_climb_submodules_and_addresses_that_run_programs(world: World, tmp_path: Path):
    evil = Evil(world.remote)
    marked, sub = evil.blob(MARKED), evil.tree([(FILE, "post-commit.yaml", evil.blob(MARKED))])
    modules = '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch %s"\n' % (tmp_path / "pwned")
    evil.put(
        (TREE, ".GIT", evil.tree([(TREE, "hooks", sub)])),
        (TREE, ".g\u200cit", evil.tree([(FILE, "config.yaml", marked)])),
        (FILE, "C:\\autoexec.yaml", marked),
        (FILE, "caf\u00e9.yaml", marked),
        (FILE, "cafe\u0301.yaml", marked),
        (FILE, "README.yaml", marked),
        (FILE, "readme.yaml", marked),
        (FILE, b"\xff\xfe.yaml", marked),
        (FILE, "\x1b]8;;evil\x07.yaml", marked),
        (FILE, ".gitmodules", evil.blob(modules)),
        (SUBMODULE, "x", COMMIT),
    )
    ended = await world.run(automation())
    assert ended.ready[0] == "True", ended.ready
    for name in ("good.yaml", "caf\u00e9.yaml", "cafe\u0301.yaml", "README.yaml", "readme.yaml"):
        assert world.text(name) == UPDATED
    for name in (".GIT/hooks/post-commit.yaml", ".g\u200cit/config.yaml", "C:\\autoexec.yaml"):
        assert world.text(name) == MARKED
    ready, *places = said(ended).splitlines()
    assert "4 markers or files have no effect" in ready
    assert sum("the file's name is none that may be written" in place for place in places) == 4
    assert "\x1b" not in said(ended)
    assert world.commits()[0].tree["x"].id == world.commits()[1].tree["x"].id
    for climbing in ("..", ".", "a/../../b", "/etc/cron.d", ""):
        evil.put((TREE, climbing, evil.tree([(FILE, "a.yaml", marked)])))
        failed = await world.run(automation())
        assert failed.ready[0] == "False", climbing
        assert "which is no path" in failed.ready[2] or not climbing
        with pytest.raises(git.InvalidPath if climbing else git.Error):
            stored(world, tmp_path)
        evil.git.references["refs/heads/main"].set_target(world.commits()[1].id)
    for address in ("ext::sh -c id", "--upload-pack=id", "ssh://-oProxyCommand=id/x", "fd::3", "git://h/x", "/etc"):
        with pytest.raises(git.InvalidUrl):
            urls.parse(address)
    world.store.put(repository("ssh://-oProxyCommand=id/x"))
    assert (await world.run(automation())).ready[0] == "False"


#: Answers the question for references one by one, without end, so slowly that no connection ever looks dead.
DRIPPING = r"""
import itertools, socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)

def send(connection, data):
    line = b"%04x%b" % (len(data) + 4, data) if data else b"0000"
    connection.sendall(b"%x\r\n%b\r\n" % (len(line), line))

def serve(connection):
    connection.recv(65536)
    kind = b"application/x-git-upload-pack-advertisement"
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    send(connection, b"# service=git-upload-pack\n")
    send(connection, b"")
    send(connection, b"1" * 40 + b" HEAD\0agent=evil\n")
    for number in itertools.count():
        time.sleep(0.2)
        send(connection, b"1" * 40 + b" refs/tags/%d\n" % number)

while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@contextmanager
def dripping() -> Iterator[str]:
    """A remote that never comes to an end."""
    process = subprocess.Popen([sys.executable, "-c", DRIPPING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/r.git"
    finally:
        process.kill()
        process.communicate()


def test_row_22_bombs_of_blobs_trees_and_references_and_clones_that_stall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world = World(tmp_path, {"good.yaml": MARKED, "bomb.yaml": bytes(40 << 20)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = asyncio.run(world.run(automation()))
    assert "the file has 41943040 bytes, more than the 16777216 that are looked into" in said(ended)
    assert world.text("good.yaml") == UPDATED
    monkeypatch.setattr("gotk.git.objects.blob.BLOB_LIMIT", 32 << 20)
    with pytest.raises(git.TooLarge, match="more than 33554432"):
        stored(world, tmp_path)
    evil = Evil(world.remote)
    tree = evil.tree([(FILE, f"{n}.yaml", evil.blob(MARKED)) for n in range(10)])
    for _ in range(9):
        tree = evil.tree([(TREE, f"d{n}", tree) for n in range(10)])
    evil.commit(tree)
    failed = asyncio.run(world.run(automation()))
    assert failed.ready[2].endswith("the repository holds more than 100000 files with markers")
    monkeypatch.setattr("gotk.git.objects.tree.FILES_LIMIT", 10_000)
    with pytest.raises(git.TooLarge, match="more than 10000 files"):
        stored(world, tmp_path)
    deep = evil.blob(MARKED)
    for _ in range(5000):
        deep = evil.tree([(TREE if _ else FILE, "d", deep)])
    evil.commit(deep)
    assert "nested deeper than 200" in asyncio.run(world.run(automation())).ready[2]
    with pytest.raises(git.InvalidPath, match="nested deeper than 200"):
        stored(world, tmp_path)
    (world.remote / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted\n"
        + "".join(f"{world.first} refs/tags/t{n:06}\n" for n in range(100_000))
    )
    mirror = Mirrors(tmp_path / "m").open(f"file://{world.remote}", timeout=20)
    assert len(mirror.references().commits) > 100_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10
    monkeypatch.setattr(remotes, "_stalled", set())
    with dripping() as url:
        for _ in ("on a thread", "in a process of its own"):
            with pytest.raises(git.TimedOut):
                remotes.list_references(ListReferences(remote=Remote(url=url, timeout=1)))
    world.limiter.close()


LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
YAML_BOMBS: dict[str, tuple[str, bool]] = {
    "billion laughs": (LAUGHS + MARKED, True),
    "10,000 levels": ("x: " + "[" * 10_000 + "]" * 10_000 + "\n" + MARKED, False),
    "100,000 levels": ("x: " + "[" * 100_000 + "]" * 100_000 + "\n" + MARKED, False),
    "a scalar of 15 MB": ("x: " + "y" * (15 << 20) + "\n" + MARKED, True),
    "a key twice": ("x: 1\nx: 2\n" + MARKED, True),
    "a tab for a blank": ("x:\n\ty: 1\n" + MARKED, False),
    "a Python object": ("x: !!python/object/apply:os.system ['touch pwned']\n" + MARKED, True),
    "a directive bomb": ("".join(f"%TAG !a{n}! x\n" for n in range(9999)) + "---\n" + MARKED, False),
}


async def test_row_23_yaml_bombs_deep_nesting_and_objects(tmp_path: Path):
    world = World(
        tmp_path, {"good.yaml": MARKED, **{f"{n}.yaml": text for n, (text, _) in enumerate(YAML_BOMBS.values())}}
    )
    ended = await world.run(automation())
    assert ended.ready[0] == "True"
    assert world.text("good.yaml") == UPDATED
    for n, (what, (text, is_updated)) in enumerate(YAML_BOMBS.items()):
        assert world.text(f"{n}.yaml") == (text.replace(MARKED, UPDATED) if is_updated else text), what
        assert is_updated or f"{n}.yaml:" in said(ended), what
        if "levels" in what:
            with pytest.raises(nesting.TooDeep):
                nesting.load(text)
    world.limiter.close()


AT_THE_MARK = {
    "an anchor's definition": (f"a: &x a/web:1.0 {MARK}\nb: *x\n", f"a: &x a/web:1.1 {MARK}\nb: *x\n"),
    "an alias": (f"a: &x a/web:1.0\nb: *x {MARK}\n", None),
    "a merge key": (f"a: &x {{i: a/web:1.0}}\nb:\n  <<: *x {MARK}\n", None),
    "inside a merged mapping": (
        f"a: &x\n  i: a/web:1.0 {MARK}\nb:\n  <<: *x\n",
        f"a: &x\n  i: a/web:1.1 {MARK}\nb:\n  <<: *x\n",
    ),
    "text in a block scalar": (f"a: |\n  i: a/web:1.0 {MARK}\n", None),
    "a block scalar's header": (f"a: | {MARK}\n  a/web:1.0\n", f"a: |- {MARK}\n  a/web:1.1\n"),
    "text in quotes": (f"a: 'x {MARK.replace(chr(39), '')}'\n", None),
    "a flow mapping": (f"a: {{i: a/web:1.0, j: 1}} {MARK}\n", None),
    "the comment above another key": (f"{MARK}\na: a/web:1.0\n", None),
    "a key": (f"? a/web:1.0 {MARK}\n: 1\n", None),
}


async def test_row_24_anchors_merge_keys_and_text_at_the_mark(tmp_path: Path):
    world = World(tmp_path, {f"{n}.yaml": text for n, (text, _) in enumerate(AT_THE_MARK.values())})
    ended = await world.run(automation())
    for n, (what, (text, expected)) in enumerate(AT_THE_MARK.items()):
        assert world.text(f"{n}.yaml") == (expected or text), what
        assert expected or f"{n}.yaml:" in said(ended), what
    world.limiter.close()


UNUSUAL: dict[str, tuple[bytes, bytes | None]] = {
    "crlf.yaml": (f"x: 1\r\n{MARKED}".replace("\n", "\r\n").encode(), b"x: 1\r\r\n"),
    "bom.yaml": (b"\xef\xbb\xbf" + MARKED.encode(), b"\xef\xbb\xbf" + UPDATED.encode()),
    "no-newline.yaml": (MARKED.rstrip().encode(), UPDATED.rstrip().encode()),
    "utf16.yaml": (MARKED.encode("utf-16"), None),
    "latin1.yaml": ("# \u00e9\n".encode("latin-1") + MARKED.encode(), None),
    "helm.yaml": (b"{{- if .x }}\n" + MARKED.encode() + b"{{- end }}\n", None),
    "sops.yaml": (MARKED.encode() + b"sops:\n  mac: ENC[AES256_GCM,data:x]\n", None),
}


async def test_row_25_bytes_that_are_kept_and_files_that_are_left_alone(tmp_path: Path):
    unusual = {**UNUSUAL, "crlf.yaml": (f"x: 1\r\n{MARKED[:-1]}\r\n".encode(), f"x: 1\r\n{UPDATED[:-1]}\r\n".encode())}
    world = World(tmp_path, {name: before for name, (before, _) in unusual.items()})  # type: ignore[misc]
    ended = await world.run(automation())
    for name, (before, after) in unusual.items():
        assert world.commits()[0].tree[name].data == (after or before), name
        assert after or f"{name}" in said(ended), name
    world.limiter.close()


TEMPLATES = {
    "a loop": "{{ range until 100000000 }}x{{ end }}",
    "a megabyte": '{{ repeat 1000000 "x" }}',
    "itself": '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
    "attributes": "{{ .__class__.__mro__ }}",
    "the environment": '{{ env "HOME" }}',
    "a file": '{{ .Files.Get "/etc/passwd" }}',
}
BRANCHES = ("--force", "a..b", "a b", "a~1", "a:b", "refs/heads/x.lock", "a\nb", "@{-1}", "-d", "/a", "a/", "", "+main")


async def test_row_26_templates_that_explode_and_text_injected_into_commits_and_branches(world: World):
    for what, template in TEMPLATES.items():
        ended = await world.run(automation(git=git_spec(commit={"messageTemplate": template})))
        assert ended.ready[:2] == ("False", "GitOperationFailed"), what
        assert os.environ["HOME"] not in ended.ready[2]
        assert world.head() == world.first, what
    for branch in BRANCHES[:-2]:
        ended = await world.run(automation(git=git_spec(push={"branch": branch})))
        assert ended.ready[0] == "False", branch
    assert list(world.git().references) == ["refs/heads/main"]
    evil = {"author": {"email": "bot@example.com>\nparent " + COMMIT, "name": "Bot\n\nSigned-off-by: x"}}
    template = "one\x1b[2J\x00two\r\n\nimage-automation u-1\n{{ .Values.x }}"
    values = {"x": "\x07Signed-off-by: Evil <e@x>"}
    spec = git_spec(commit={**evil, "messageTemplate": template, "messageTemplateValues": values})
    assert (await world.run(automation(git=spec))).ready[0] == "True"
    commit = world.commits()[0]
    assert [str(parent) for parent in commit.parent_ids] == [world.first]
    assert commit.author.name == "BotSigned-off-by: x"
    assert not set(commit.message) & set("\x00\x07\x1b\r")
    assert "\n" not in commit.author.email


class Broken(Mirror):
    """A mirror that fails at one step of the way, before or after it is done."""

    step = ""
    after = False
    error: BaseException

    def _do(self, step: str, work: Any) -> Any:
        if self.step == step and not self.after:
            raise self.error
        done = work()
        if self.step == step:
            raise self.error
        return done

    def fetch(self, ref: str) -> str:
        return self._do("fetch", lambda: super(Broken, self).fetch(ref))

    def commit(self, *arguments: Any, **options: Any) -> str:
        return self._do("commit", lambda: super(Broken, self).commit(*arguments, **options))

    def push(self, *arguments: Any, **options: Any) -> None:
        return self._do("push", lambda: super(Broken, self).push(*arguments, **options))


class Opening(Mirrors):
    """Mirrors of that kind in a directory of their own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._made = root

    def open(self, url: str, *arguments: Any, timeout: float = 60, depth: int = 1, **_: Any) -> Mirror:
        return Broken(self._made / "one.git", url, *arguments, timeout=timeout, depth=depth)


async def test_row_30_crashes_full_disks_clock_jumps_and_rejections_make_one_commit_at_most(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    healthy = world.repositories
    for n, (step, after) in enumerate((step, after) for step in ("fetch", "commit", "push") for after in (False, True)):
        world.store.put(policy("web", "a/web", f"2.{n}"))
        monkeypatch.setattr(Broken, "step", step)
        monkeypatch.setattr(Broken, "after", after)
        for error in (
            KeyboardInterrupt(),
            OSError(errno.ENOSPC, "No space left on device"),
            git.Rejected("hook says no"),
        ):
            monkeypatch.setattr(Broken, "error", error, raising=False)
            world.repositories = Opening(tmp_path / f"mirrors-{n}")
            world.restarted()
            with contextlib.suppress(KeyboardInterrupt, OSError):
                await world.run(automation())
        world.repositories = healthy
        world.restarted()
        assert (await world.run(automation())).ready[0] == "True", (step, after)
        assert len(world.commits()) == 2 + n
        assert f"a/web:2.{n}" in world.text("good.yaml")
    head = world.head()
    world.restarted()
    await world.run(automation())
    (tmp_path / "mirrors").joinpath("junk.lock").touch()
    assert world.head() == head
    hook = world.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    assert healthy.sweep(now=datetime(2100, 1, 1, tzinfo=UTC)) >= 1
    assert (await world.run(automation())).ready[0] == "True"
    assert world.head() == head
