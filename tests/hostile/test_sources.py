"""GitRepositories whose authors mean harm with submodules, includes and sparse checkouts: bounded, named, and no leak.

Beside each stands a repository of somebody else, which goes on being stored.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.api.source import GitRepository
from gotk.git import submodules
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer
from tests.deploy.source import world as worlds
from tests.deploy.source.world import MAIN, Run, World, repository, tip
from tests.hostile.repository import FILE, LINK, SUBMODULE, TREE, Evil

SECRET = "top secret\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with worlds.made(tmp_path) as made:
        seed(tmp_path / "srv" / "fleet.git", {"good.yaml": "a: 1\n"})
        seed(tmp_path / "srv" / "calm.git", {"calm.yaml": "a: 1\n"})
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret.yaml").write_text(SECRET)
        yield made


@pytest.fixture
def evil(world: World) -> Evil:
    return Evil(world.root / "srv" / "fleet.git")


def fleet(url: str, **spec: object) -> GitRepository:
    return repository(url, ref=MAIN, recurseSubmodules=True, **spec)


async def run(world: World, **spec: object) -> Run:
    """Run the repository, and see that somebody else's still runs."""
    with GitServer(world.root / "srv") as server:
        ended = await world.run(fleet(server.url("fleet.git"), **spec))
        calm = await world.run(repository(server.url("calm.git"), "calm", ref=MAIN))
    assert calm.ready[0] == "True"
    artifact = ended.obj.status.artifact
    if artifact is not None:
        assert SECRET.encode() not in world.content(ended).values()
    assert SECRET.strip() not in str(ended.conditions)
    return ended


async def test_a_list_of_submodules_that_is_a_link_lists_nothing(world: World, evil: Evil) -> None:
    outside = evil.blob(str(world.root / "outside" / "secret.yaml"))
    evil.put((LINK, ".gitmodules", outside), (SUBMODULE, "lib", tip(world.root / "srv" / "calm.git")))
    ended = await run(world)
    assert world.content(ended) == {"good.yaml": b"a: 1\n", "lib": None}


@pytest.mark.parametrize(
    ("listed", "cause"),
    [
        pytest.param(
            '[submodule "x"]\n\tpath = lib\n\turl = {outside}\n', "it is a file of this machine", id="a path of ours"
        ),
        pytest.param(
            '[submodule "x"]\n\tpath = lib\n\turl = file://{outside}\n', "file addresses are for", id="a file address"
        ),
        pytest.param(
            '[submodule "x"]\n\tpath = lib\n\turl = http://169.254.169.254/latest\n',
            "is a more private address than",
            id="the cloud's metadata",
        ),
        pytest.param(
            '[submodule "x"]\n\tpath = lib\n\turl = ssh://-oProxyCommand=id/x\n',
            "there is no usable host",
            id="an option",
        ),
        pytest.param("#" * (submodules.FILE_LIMIT + 1), "has more than 1048576 bytes", id="a list without end"),
    ],
)
async def test_an_address_that_leads_where_its_author_may_not_go_is_named(
    world: World, evil: Evil, listed: str, cause: str
) -> None:
    text = listed.format(outside=world.root / "outside")
    evil.put((FILE, ".gitmodules", evil.blob(text)), (SUBMODULE, "lib", "1" * 40))
    ended = await run(world)
    assert ended.ready[1] == "GitOperationFailed"
    assert cause in ended.ready[2]


async def test_names_and_paths_of_submodules_write_nothing_elsewhere(world: World, evil: Evil) -> None:
    calm = tip(world.root / "srv" / "calm.git")
    lines = (
        '[submodule "../../../outside"]\n\tpath = lib\n\turl = ../calm.git\n',
        '[submodule "climbs"]\n\tpath = ../outside\n\turl = ../calm.git\n',
        '[submodule "runs"]\n\tpath = .git/hooks\n\turl = ../calm.git\n\tupdate = !touch pwned\n',
        "[include]\n\tpath = /etc/passwd\n",
    )
    hooks = evil.tree([(SUBMODULE, "hooks", calm)])
    evil.put((FILE, ".gitmodules", evil.blob("".join(lines))), (SUBMODULE, "lib", calm), (TREE, ".git", hooks))
    ended = await run(world)
    assert set(world.content(ended)) == {"good.yaml", "lib", "lib/.git", "lib/calm.yaml"}
    assert sorted(path.name for path in (world.root / "outside").iterdir()) == ["secret.yaml"]
    assert not list(world.root.rglob("pwned"))
    evil.put((SUBMODULE, "..", calm))
    climbing = await run(world)
    assert "which is no path" in climbing.ready[2]


async def test_submodules_that_multiply_at_every_level_are_given_up(world: World, evil: Evil) -> None:
    for _ in range(4):
        at = tip(world.root / "srv" / "fleet.git")
        names = [f"d{number}" for number in range(6)]
        listed = "".join(f'[submodule "{name}"]\n\tpath = {name}\n\turl = ../fleet.git\n' for name in names)
        entries = [(SUBMODULE, name, at) for name in names]
        evil.commit(evil.tree([(FILE, ".gitmodules", evil.blob(listed)), *entries]))
    ended = await run(world)
    assert ended.ready[1] == "GitOperationFailed"
    assert ended.ready[2].endswith("there are more than 200 submodules")


async def test_links_of_a_repository_lead_no_include_out_of_it(world: World, evil: Evil) -> None:
    lib = repository(world.root / "srv" / "calm.git", "calm", ref=MAIN)
    world.cache.put((await world.run(lib)).obj)
    out = evil.blob(str(world.root / "outside"))
    evil.put((LINK, "out", out), (LINK, "round", evil.blob("round")))
    ended = await run(world, include=[{"repository": {"name": "calm"}, "toPath": "out/here"}])
    below = f"{world.root / 'outside'}/here/calm.yaml".lstrip("/")
    assert world.content(ended)[below] == b"a: 1\n"
    assert sorted(path.name for path in (world.root / "outside").iterdir()) == ["secret.yaml"]
    looped = await run(world, include=[{"repository": {"name": "calm"}, "toPath": "round/here"}])
    assert looped.ready == (
        "False",
        "IllegalPath",
        "path calculation for include 'calm' failed: 'round/here' goes through too many links",
    )
    read = await run(world, include=[{"repository": {"name": "calm"}, "fromPath": "../../outside", "toPath": "x"}])
    assert read.ready[1] == "CopyFailure"
