"""`spec.recurseSubmodules` and `spec.sparseCheckout` over real repositories, from this disk and from servers."""

from pathlib import Path

import msgspec
import pygit2
import pytest

from deploy.source.checkouts import submodules
from gotk.git import errors
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from tests.deploy.source.world import MAIN, World, kept, repository, tip
from tests.hostile.repository import FILE, SUBMODULE, Evil
from tests.real import git_ssh


def module(path: str, url: str) -> str:
    return f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'


def attach(parent: Path, modules: dict[str, tuple[str, str]]) -> str:
    """Commit submodules into a bare repository: by name, their addresses and commits."""
    evil = Evil(parent)
    listed = "".join(module(path, url) for path, (url, _) in modules.items())
    entries = [(SUBMODULE, path, commit) for path, (_, commit) in modules.items()]
    return evil.put((FILE, ".gitmodules", evil.blob(listed)), *entries)


@pytest.fixture
def lib(world: World, origin: Path) -> str:
    """A library with a library of its own, and the fleet that uses it."""
    inner = seed(world.root / "srv" / "inner.git", {"i.yaml": "inner\n"})
    seed(world.root / "srv" / "lib.git", {"l.yaml": "lib\n"})
    commit = attach(world.root / "srv" / "lib.git", {"inner": ("../inner.git", inner)})
    attach(origin, {"lib": ("../lib.git", commit), "unlisted": ("", commit)})
    return commit


async def test_submodules_are_empty_directories_until_they_are_wanted(world: World, origin: Path, lib: str) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    assert {path for path, content in world.content(first).items() if content is None} == {"lib", "unlisted"}
    wanted = repository(origin, ref=MAIN, recurseSubmodules=True)
    second = await world.run(msgspec.structs.replace(first.obj, spec=wanted.spec))
    content = world.content(second)
    assert (content["lib/l.yaml"], content["lib/inner/i.yaml"], content["unlisted"]) == (b"lib\n", b"inner\n", None)
    assert content["lib/.git"] == b"gitdir: ../.git/modules/lib\n"
    assert content["lib/inner/.git"] == b"gitdir: ../../.git/modules/lib/modules/inner\n"
    assert second.obj.status.observed_recurse_submodules
    again = await world.run(second.obj)
    assert again.run.progressed == []


async def test_a_submodule_s_commit_may_lie_behind_its_branch(world: World, origin: Path, lib: str) -> None:
    seed(world.root / "srv" / "lib.git", {"l.yaml": "newer\n"})
    ended = await world.run(repository(origin, ref=MAIN, recurseSubmodules=True))
    assert world.content(ended)["lib/l.yaml"] == b"lib\n"


async def test_a_submodule_s_commit_may_be_a_tag_s_alone(world: World, origin: Path, lib: str) -> None:
    path = world.root / "srv" / "lib.git"
    released = seed(path, {"l.yaml": "released\n"}, "release")
    opened = pygit2.Repository(str(path))
    opened.references.create("refs/tags/v1", seed(path, {"l.yaml": "later\n"}, "release"))
    opened.references.delete("refs/heads/release")
    attach(origin, {"lib": ("../lib.git", released)})
    ended = await world.run(repository(origin, ref=MAIN, recurseSubmodules=True))
    assert world.content(ended)["lib/l.yaml"] == b"released\n"


@pytest.mark.real
async def test_the_identity_of_the_repository_reaches_its_submodules(world: World) -> None:
    with git_ssh.serve(world.root) as server:
        commit = seed(server.root / "lib.git", {"l.yaml": "lib\n"})
        seed(server.root / "fleet.git", {"app.yaml": "one\n"})
        attach(server.root / "fleet.git", {"lib": ("../lib.git", commit)})
        world.vault.put("git", **server.secret)
        spec = {"ref": MAIN, "secretRef": {"name": "git"}, "recurseSubmodules": True}
        ended = await world.run(repository(server.url("fleet.git"), **spec))
    assert world.content(ended)["lib/l.yaml"] == b"lib\n"


async def test_our_password_goes_to_submodules_of_the_same_server_only(world: World, origin: Path) -> None:
    commit = seed(world.root / "other" / "lib.git", {"l.yaml": "lib\n"})
    seed(world.root / "srv" / "lib.git", {"l.yaml": "lib\n"})
    own = tip(world.root / "srv" / "lib.git")
    world.vault.put("git", username=b"jane", password=b"s3cret")
    auth = BasicAuth("jane", "s3cret")
    with GitServer(origin.parent, auth=auth) as server, GitServer(world.root / "other", auth=auth) as other:
        spec = {"ref": MAIN, "secretRef": {"name": "git"}, "recurseSubmodules": True}
        attach(origin, {"lib": ("../lib.git", own)})
        ended = await world.run(repository(server.url("fleet.git"), **spec))
        assert world.content(ended)["lib/l.yaml"] == b"lib\n"
        attach(origin, {"lib": (other.url("lib.git"), commit)})
        foreign = await world.run(ended.obj)
    assert foreign.ready[1] == "GitOperationFailed"
    told = f"unable to fetch submodule 'lib': unable to clone '{other.url('lib.git')}'"
    assert foreign.ready[2].startswith(f"failed to checkout and determine revision: {told}")
    assert "authentication required" in foreign.ready[2]
    assert kept(foreign) == kept(ended)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("/etc/secret.git", "it is a file of this machine"),
        ("file:///etc/secret.git", "file addresses are for the embedded mode only"),
        ("ext::sh -c id", "it holds a space or control character"),
        ("git@127.0.0.1:lib.git", "an ssh address needs an identity"),
        ("../none.git", "unable to clone '"),
    ],
)
async def test_an_address_that_may_not_or_cannot_be_fetched_is_named(
    world: World, origin: Path, url: str, cause: str
) -> None:
    attach(origin, {"lib": (url, "1" * 40)})
    with GitServer(origin.parent) as server:
        ended = await world.run(repository(server.url("fleet.git"), ref=MAIN, recurseSubmodules=True))
    assert ended.conditions["FetchFailed"][1] == "GitOperationFailed"
    assert "unable to fetch submodule 'lib': " in ended.ready[2]
    assert cause in ended.ready[2]


async def test_a_commit_that_the_submodule_s_remote_lacks_is_named(world: World, origin: Path, lib: str) -> None:
    attach(origin, {"lib": ("../lib.git", "1" * 40)})
    ended = await world.run(repository(origin, ref=MAIN, recurseSubmodules=True))
    assert f"the remote did not send commit '{'1' * 40}'" in ended.ready[2]


async def test_a_repository_within_itself_ends_at_the_tenth_level(world: World, origin: Path) -> None:
    """Commits cannot hold themselves, so a chain of them plays the circle."""
    for level in range(14):
        attach(origin, {"again": ("./../fleet.git", tip(origin))})
        seed(origin, {f"level-{level}.yaml": ""})
    ended = await world.run(repository(origin, ref=MAIN, recurseSubmodules=True))
    deepest = max(path.count("again/") for path in world.content(ended))
    assert deepest == 11


async def test_the_number_of_submodules_is_bounded(
    world: World, origin: Path, lib: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submodules, "_MOST", 1)
    ended = await world.run(repository(origin, ref=MAIN, recurseSubmodules=True))
    assert "unable to fetch submodule 'inner': there are more than 1 submodules" in ended.ready[2]


def test_an_author_cannot_lead_into_a_more_private_network():
    private, loopback = "https://10.0.0.1/r", "http://127.0.0.1/r"
    for parent, url in (("https://1.1.1.1/r", private), (private, "http://169.254.169.254/r"), (private, loopback)):
        with pytest.raises(errors.Unreachable, match="is a more private address than"):
            submodules.check_reach(parent, url)
    for parent, url in ((private, "https://1.1.1.1/r"), (loopback, private)):
        submodules.check_reach(parent, url)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"], ids=["an empty label", "a long label"])
def test_what_is_no_name_of_a_host_is_said(host: str) -> None:
    with pytest.raises(errors.InvalidUrl, match=f"^'{host}' is no name of a host$"):
        submodules.check_reach("https://1.1.1.1/r", f"https://{host}/r")


async def test_only_some_directories_are_in_the_artifact(world: World, origin: Path, lib: str) -> None:
    seed(origin, {"apps/a.yaml": "a\n", "apps/b/c.yaml": "c\n", "infra/d.yaml": "d\n"})
    first = await world.run(repository(origin, ref=MAIN))
    wanted = repository(origin, ref=MAIN, sparseCheckout=["./apps/b", "lib"], recurseSubmodules=True)
    ended = await world.run(msgspec.structs.replace(first.obj, spec=wanted.spec))
    assert set(world.content(ended)) == {"apps", "apps/b", "apps/b/c.yaml", "lib"}
    assert ended.obj.status.observed_sparse_checkout == ("./apps/b", "lib")
    missing = repository(origin, ref=MAIN, sparseCheckout=["apps", "none"])
    failed = await world.run(msgspec.structs.replace(ended.obj, spec=missing.spec))
    message = (
        "failed to sparse checkout directories : sparse checkout dir 'none' does not exist in repository: "
        "lstat none: no such file or directory"
    )
    assert failed.conditions["FetchFailed"] == ("True", "GitOperationFailed", message)
    assert failed.ready == ("False", "GitOperationFailed", message)
